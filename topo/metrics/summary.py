"""Per-protein statistics of all metrics, and the metrics computed from their sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from topo.grammar.legality import is_legal
from topo.labels import HELIX, LABELS, MEMBRANE, SIGNAL, STRAND, TYPE_INDEX, TYPES, protein_type
from topo.metrics import calibration, residue, segment, signal, topology, types
from topo.metrics.rates import BinaryCounts, Metric, mcc, mean_over_classes, ratio, share
from topo.protein import Prediction

Key = tuple[str, ...]
"""Keys of a metric in ``metrics.json``, e.g. ``("type", "accuracy", "TM")``."""


class Verdict(NamedTuple):
    """Comparison of a prediction with the truth; None where the truth does not determine it."""

    true_type: str | None
    predicted_type: str | None
    topology_equal: bool | None
    """Whether the topologies are equal by the DeepTMHMM rule."""
    reason: str | None
    """First error of the topology (:func:`topo.metrics.topology.why_wrong`), None if right."""
    scored: bool
    """Whether the truth determines the topology or its type suffices."""
    legal: bool
    """Whether the prediction is legal by the full grammar."""
    signal: bool | None
    """Whether the truth has a signal peptide."""


def judge(truth: str, prediction: str) -> Verdict:
    """Compare a predicted label string with the true one of the same length."""
    names = types.true_types(truth)
    true_type = names[0] if len(names) == 1 else None
    fixed = topology.is_scorable(truth)
    scored = fixed or true_type in topology.TYPE_ALONE
    return Verdict(
        true_type=true_type,
        predicted_type=protein_type(prediction),
        topology_equal=topology.topologies_equal(truth, prediction) if fixed else None,
        reason=topology.why_wrong(truth, prediction, true_type) if scored else None,
        scored=scored,
        legal=set(prediction) <= set(LABELS) and is_legal(prediction),
        signal=signal.has_signal(truth, names),
    )


def statistics(
    truths: Sequence[str], predictions: Sequence[Prediction], verdicts: Sequence[Verdict]
) -> dict[str, np.ndarray]:
    """Compute the per-protein statistics of N predictions.

    Returns
    -------
    dict of str to numpy.ndarray
        Arrays with N rows; :func:`compute_metrics` takes the sums over any multiset of rows.
    """
    rows = [
        _protein_statistics(truth, prediction.labels, verdict)
        for truth, prediction, verdict in zip(truths, predictions, verdicts, strict=True)
    ]
    columns = {name: np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    columns |= _calibration_statistics(truths, predictions, verdicts)
    return columns | _head_statistics(predictions, verdicts)


def _protein_statistics(truth: str, prediction: str, verdict: Verdict) -> dict[str, np.ndarray]:
    return {
        "residue": residue.confusion_matrix(truth, prediction),
        "type": types.type_confusion(verdict.true_type, verdict.predicted_type),
        "topology": _topology_counts(verdict),
        "overlap": np.array([verdict.topology_equal is True, verdict.topology_equal is not None]),
        "legal": np.array([verdict.legal, 1]),
        "M": np.array(segment.segment_counts(truth, prediction, HELIX)),
        "B": np.array(segment.segment_counts(truth, prediction, STRAND)),
        "sov": segment.sov_terms(truth, prediction),
        "false_segments": _false_segments(prediction, verdict.true_type),
        "signal": _signal_counts(prediction, verdict),
        "cleavage": _cleavage_counts(truth, prediction, verdict),
    }


def _topology_counts(verdict: Verdict) -> np.ndarray:
    """Return for each type the number of right and of scored topologies, (5, 2)."""
    counts = np.zeros((len(TYPES), 2))
    if verdict.scored and verdict.true_type is not None:
        counts[TYPE_INDEX[verdict.true_type]] = verdict.reason is None, 1
    return counts


def _false_segments(prediction: str, true_type: str | None) -> np.ndarray:
    """Return false positives, proteins without, false negatives, proteins with segments, (4,)."""
    given = HELIX in prediction or STRAND in prediction
    empty, full = true_type in ("SP", "GLOB"), true_type in ("TM", "SP+TM", "BETA")
    return np.array([empty and given, empty, full and not given, full])


def _signal_counts(prediction: str, verdict: Verdict) -> np.ndarray:
    """Return tp, fp, fn, tn of signal peptides against GLOB and against all others, (2, 4)."""
    counts = np.zeros((2, 4))
    if verdict.signal is not None:
        guess = SIGNAL in prediction
        cell = {(True, True): 0, (False, True): 1, (True, False): 2, (False, False): 3}
        counts[1, cell[verdict.signal, guess]] = 1
        if verdict.signal or verdict.true_type == "GLOB":
            counts[0] = counts[1]
    return counts


def _cleavage_counts(truth: str, prediction: str, verdict: Verdict) -> np.ndarray:
    """Return true sites, predicted sites, and sites found within 0, 1, 2, 3 residues, (6,)."""
    site_hidden = verdict.signal and signal.cleavage_site(truth) is None
    if verdict.signal is None or site_hidden:
        return np.zeros(2 + len(signal.TOLERANCES))
    found = [signal.site_found(truth, prediction, tolerance) for tolerance in signal.TOLERANCES]
    return np.array([verdict.signal, SIGNAL in prediction, *found])


def _calibration_statistics(
    truths: Sequence[str], predictions: Sequence[Prediction], verdicts: Sequence[Verdict]
) -> dict[str, np.ndarray]:
    columns = {}
    if any(prediction.probabilities is not None for prediction in predictions):
        parts = calibration.residue_calibration(truths, [p.probabilities for p in predictions])
        columns |= {"probability_scores": parts["scores"], "probability_bins": parts["bins"]}
    if any(prediction.confidence is not None for prediction in predictions):
        parts = calibration.confidence_calibration(
            [p.confidence for p in predictions], [v.topology_equal for v in verdicts]
        )
        columns |= {"confidence_scores": parts["scores"], "confidence_bins": parts["bins"]}
    return columns


def _head_statistics(
    predictions: Sequence[Prediction], verdicts: Sequence[Verdict]
) -> dict[str, np.ndarray]:
    """Return confusion and calibration of the types that the type head predicts."""
    heads = [_head_type(prediction) for prediction in predictions]
    if not any(heads):
        return {}
    pairs = [(v.true_type, head) for v, head in zip(verdicts, heads, strict=True)]
    parts = calibration.confidence_calibration(
        [None if p.type_probabilities is None else p.type_probabilities.max() for p in predictions],
        [None if name is None else name == head for name, head in pairs],
    )
    confusions = [types.type_confusion(name if head else None, head) for name, head in pairs]
    return {
        "type_head": np.stack(confusions),
        "type_head_scores": parts["scores"],
        "type_head_bins": parts["bins"],
    }


def _head_type(prediction: Prediction) -> str | None:
    if prediction.type_probabilities is None:
        return None
    return TYPES[int(np.argmax(prediction.type_probabilities))]


def compute_metrics(totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    """Compute all metrics from summed statistics.

    Parameters
    ----------
    totals
        Sums over proteins of :func:`statistics`, with any leading axes (resamples).

    Returns
    -------
    dict
        Metrics by key; their arrays have the leading axes of the totals.
    """
    found = _type_metrics(("type",), totals["type"])
    found |= _topology_metrics(totals)
    found |= _residue_metrics(totals)
    found |= _segment_metrics(totals)
    found |= _signal_metrics(totals)
    if "confidence_scores" in totals:
        found |= _confidence_metrics("confidence", totals)
    if "type_head" in totals:
        found |= _type_metrics(("type_head",), totals["type_head"])
        found |= _confidence_metrics("type_head", totals)
    return found


def _confidence_metrics(name: str, totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    scores = totals[f"{name}_scores"]
    return {
        (name, "brier"): share(scores[..., 1], scores[..., 0]),
        (name, "calibration_error"): calibration.calibration_error(totals[f"{name}_bins"]),
    }


def by_class(key: Key, names: Sequence[str], metric: Metric) -> dict[Key, Metric]:
    """Split a metric along its last axis, one key per class."""
    n = np.broadcast_to(metric.n, metric.value.shape)
    return {(*key, name): Metric(metric.value[..., k], n[..., k]) for k, name in enumerate(names)}


def _type_metrics(key: Key, confusion: np.ndarray) -> dict[Key, Metric]:
    found = by_class((*key, "accuracy"), TYPES, types.type_accuracy(confusion))
    found[(*key, "macro")] = types.macro_accuracy(confusion)
    found[(*key, "micro")] = types.micro_accuracy(confusion)
    return found | by_class((*key, "mcc"), TYPES, types.type_mcc(confusion))


def _topology_metrics(totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    accuracy = share(totals["topology"][..., 0], totals["topology"][..., 1])
    found = by_class(("topology", "accuracy"), TYPES, accuracy)
    found["topology", "macro"] = mean_over_classes(accuracy)
    found["topology", "overlap"] = share(totals["overlap"][..., 0], totals["overlap"][..., 1])
    found["topology", "legal"] = share(totals["legal"][..., 0], totals["legal"][..., 1])
    return found


def _residue_metrics(totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    confusion = totals["residue"]
    found = {
        ("residue", "accuracy"): residue.accuracy(confusion),
        ("residue", "macro_f1"): residue.macro_f1(confusion),
    }
    for name, metric in residue.label_scores(confusion)._asdict().items():
        found |= by_class(("residue", name), LABELS, metric)
    if "probability_scores" in totals:
        scores = totals["probability_scores"]
        found["residue", "log_loss"] = share(scores[..., 1], scores[..., 0])
        found["residue", "brier"] = share(scores[..., 2], scores[..., 0])
        error = calibration.calibration_error(totals["probability_bins"])
        found["residue", "calibration_error"] = error
    return found


def _segment_metrics(totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    found: dict[Key, Metric] = {}
    for label in MEMBRANE:
        # in the order of segment.SegmentCounts
        true, predicted, matched, proteins, ok, number, side = np.moveaxis(totals[label], -1, 0)
        key = ("segments", label)
        found[(*key, "precision")] = share(matched, predicted)
        found[(*key, "recall")] = share(matched, true)
        found[(*key, "f1")] = Metric(ratio(2 * matched, true + predicted), true)
        found[(*key, "qok")] = share(ok, proteins)
        found[(*key, "qnum")] = share(number, proteins)
        found[(*key, "qtop")] = share(side, number)
    terms = totals["sov"]
    residues = totals["residue"].sum(-1)
    per_label = Metric(ratio(terms[..., 0], terms[..., 1]), residues)
    found |= by_class(("segments", "sov"), LABELS, per_label)
    whole = ratio(terms[..., 0].sum(-1), terms[..., 1].sum(-1))
    found["segments", "sov", "all"] = Metric(whole, residues.sum(-1))
    false = totals["false_segments"]
    found["segments", "false_positives"] = share(false[..., 0], false[..., 1])
    found["segments", "false_negatives"] = share(false[..., 2], false[..., 3])
    return found


def _signal_metrics(totals: Mapping[str, np.ndarray]) -> dict[Key, Metric]:
    found: dict[Key, Metric] = {}
    for row, name in enumerate(("globular", "all")):
        counts = BinaryCounts(*np.moveaxis(totals["signal"][..., row, :], -1, 0))
        found["signal", "mcc", name] = mcc(counts)
    sites = totals["cleavage"]
    for column, tolerance in enumerate(signal.TOLERANCES, start=2):
        key = ("signal", "cleavage", str(tolerance))
        found[(*key, "precision")] = share(sites[..., column], sites[..., 1])
        found[(*key, "recall")] = share(sites[..., column], sites[..., 0])
    return found
