"""Metrics in the labels and types of a scheme other than the built-in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.labels.scheme import SIX, UNKNOWN, LabelScheme
from topo.metrics import residue, segment, types
from topo.metrics.bootstrap import add_up, resample
from topo.metrics.rates import Metric, ratio, share
from topo.metrics.residue import known_part
from topo.metrics.summary import Key, by_class
from topo.protein import Prediction, Protein
from topo.segments import Segment

SHARED = 5
"""Residues that matching segments share, or all of the shorter one."""


def own_statistics(truth: str, prediction: str, scheme: LabelScheme) -> dict[str, np.ndarray]:
    """Count the residues, segments and the type of one protein.

    Parameters
    ----------
    truth, prediction
        Label strings of equal length, L letters in the scheme; the truth may be unknown in part.
        The type of a partly known truth is that of its known labels.
    scheme
        Labels and types.

    Returns
    -------
    dict of str to numpy.ndarray
        ``residue`` (L, L + 1), ``type`` (types, types + 1), ``segments`` (L, 3): true, predicted,
        matched; ``sov`` (L, 2).
    """
    guess = known_part(truth, prediction)
    counts = np.zeros((len(scheme.letters), 3))
    for row, letter in zip(counts, scheme.letters, strict=True):
        pair = segment.segments_of(truth, letter), segment.segments_of(guess, letter)
        row[:] = len(pair[0]), len(pair[1]), segment.count_matches(*pair, segments_overlap)
    kinds = scheme.type_of(truth), scheme.type_of(prediction)
    return {
        "residue": residue.confusion_matrix(truth, prediction, scheme.letters),
        "type": types.type_confusion(*kinds, scheme.type_names),
        "segments": counts,
        "sov": segment.sov_terms(truth, prediction, scheme.letters),
    }


def segments_overlap(true: Segment, predicted: Segment) -> bool:
    """Return whether two segments share :data:`SHARED` residues, or all of the shorter one."""
    return true.overlap(predicted) >= min(SHARED, true.length, predicted.length)


def own_metrics(totals: dict[str, np.ndarray], scheme: LabelScheme) -> dict[Key, Metric]:
    """Compute the metrics from sums of :func:`own_statistics`, with any leading axes."""
    confusion, kinds, terms = totals["residue"], totals["type"], totals["sov"]
    found: dict[Key, Metric] = {
        ("residue", "accuracy"): residue.accuracy(confusion),
        ("residue", "macro_f1"): residue.macro_f1(confusion),
        ("type", "macro"): types.macro_accuracy(kinds),
        ("type", "micro"): types.micro_accuracy(kinds),
        ("segments", "sov", "all"): Metric(
            ratio(terms[..., 0].sum(-1), terms[..., 1].sum(-1)), confusion.sum((-1, -2))
        ),
    }
    found |= by_class(("type", "accuracy"), scheme.type_names, types.type_accuracy(kinds))
    for name, metric in residue.label_scores(confusion)._asdict().items():
        found |= by_class(("residue", name), scheme.letters, metric)
    true, predicted, matched = np.moveaxis(totals["segments"], -1, 0)
    per_label = {
        "precision": share(matched, predicted),
        "recall": share(matched, true),
        "f1": Metric(ratio(2 * matched, true + predicted), true),
        "sov": Metric(ratio(terms[..., 0], terms[..., 1]), confusion.sum(-1)),
    }
    for name, metric in per_label.items():
        found |= by_class(("segments", name), scheme.letters, metric)
    return found


def own_columns(pairs: Sequence[tuple[str, str]], scheme: LabelScheme) -> dict[str, np.ndarray]:
    """Return the statistics of N pairs of truth and prediction, arrays with N rows."""
    rows = [own_statistics(truth, prediction, scheme) for truth, prediction in pairs]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def scheme_record(scheme: LabelScheme) -> dict[str, Any]:
    """Describe a scheme for ``metrics.json``."""
    return {
        "letters": {label.letter: label.name for label in scheme.labels},
        "types": list(scheme.type_names),
    }


def in_common_labels(
    truth: Sequence[Protein], predictors: Mapping[str, Sequence[Prediction]], scheme: LabelScheme
) -> tuple[list[Protein], dict[str, list[Prediction]]]:
    """Return truth and predictions in labels that all of them have: a scheme's own or the six.

    These are the six if some predictions have no others, or if the truth has none of the labels
    beyond the six.

    Raises
    ------
    TopoError
        If some predictions have the six labels, which those of the scheme are not mapped to.
    """
    given = {name: list(found) for name, found in predictors.items()}
    own = all(x.scheme == scheme for found in given.values() for x in found)
    seen = set().union(*(protein.labels or "" for protein in truth))
    if scheme is SIX or (own and not (scheme.is_mapped and seen <= {*SIX.letters, UNKNOWN})):
        return list(truth), given
    if not scheme.is_mapped:
        raise TopoError(
            f"found predictions with the labels {' '.join(SIX.letters)}, expected "
            f"{' '.join(scheme.letters)}"
        )
    six = [
        protein
        if protein.labels is None
        else replace(protein, labels=scheme.to_six(protein.labels))
        for protein in truth
    ]
    return six, {name: [x.in_six() for x in found] for name, found in given.items()}


def own_totals(
    pairs: Sequence[tuple[str, str]], scheme: LabelScheme, resamples: int, seed: int
) -> tuple[dict[Key, Metric], dict[Key, Metric]]:
    """Return the metrics of N pairs, and those of bootstrap resamples (none if 0)."""
    columns = own_columns(sorted(pairs), scheme)
    samples = resample(columns, resamples, seed) if resamples else None
    found = own_metrics(add_up(columns), scheme)
    return found, own_metrics(samples, scheme) if samples is not None else {}
