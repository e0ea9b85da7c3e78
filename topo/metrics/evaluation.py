"""Evaluation of predictions against the truth, with bootstrap intervals."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.labels import LABELS, TYPES
from topo.labels.scheme import SIX, LabelScheme
from topo.metrics import residue, types
from topo.metrics.bootstrap import add_up, interval, resample
from topo.metrics.calibration import reliability
from topo.metrics.own_labels import own_totals, scheme_record
from topo.metrics.pairing import Pair, Pairing, pair_records
from topo.metrics.rates import Metric
from topo.metrics.summary import Key, Verdict, compute_metrics, judge, statistics
from topo.protein import Prediction, Protein

LEVEL = 0.95
"""Coverage of the bootstrap intervals."""


@dataclass(frozen=True, eq=False)
class ProteinScore:
    """A true protein, its prediction and the outcome of their comparison."""

    pair: Pair
    verdict: Verdict

    @property
    def topology(self) -> str:
        """``right``, the first reason for an error, or ``not scored`` if the truth is ambiguous."""
        if not self.verdict.scored:
            return "not scored"
        return self.verdict.reason or "right"

    @property
    def residue_accuracy(self) -> float:
        """Fraction of the residues of known label that are predicted correctly, or NaN."""
        truth, prediction = self.pair.truth.labels or "", self.pair.prediction.labels
        letters = self.pair.prediction.scheme.letters
        return float(residue.accuracy(residue.confusion_matrix(truth, prediction, letters)).value)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Result of an evaluation.

    Parameters
    ----------
    metrics
        Nested dictionary that can be written as JSON. Each metric is a dictionary with the keys
        ``value``, ``n``, ``low`` and ``high``; a mean over classes also has ``over``, the number
        of classes with a value. Undefined numbers are None.
    proteins
        Scored proteins, in the order of the truth.
    pairing
        Pairs of true proteins and predictions, and the records that were not paired.
    """

    metrics: dict[str, Any]
    proteins: tuple[ProteinScore, ...]
    pairing: Pairing


def evaluate(
    truth: Sequence[Protein],
    predictions: Sequence[Prediction],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Compute all metrics, with bootstrap intervals over proteins.

    The metrics do not depend on the order or the ids of the records.

    Parameters
    ----------
    truth
        Proteins with labels. Proteins without labels are reported as ``unlabelled``.
    predictions
        Predictions with any label strings, legal or not, all of one label scheme. Metrics in the
        labels of another scheme than the built-in one stand under ``labels``; the others are
        those of the six labels that they are mapped to, if they are. Predictions are assigned to
        the true proteins by :func:`topo.metrics.pairing.pair_records`.
    resamples
        Number of bootstrap resamples; 0 computes no intervals.
    seed
        Seed of the bootstrap.

    Returns
    -------
    Evaluation
        Metrics, scored proteins and the pairing.

    Raises
    ------
    TopoError
        If no protein has a prediction.
    """
    pairing = pair_records(truth, predictions)
    if not pairing.pairs:
        raise TopoError(
            "no prediction belongs to a labelled protein of the truth, by id or by sequence"
        )
    scheme = pairing.pairs[0].prediction.scheme
    own = {} if scheme is SIX else _own_section(pairing.pairs, scheme, resamples, seed)
    if scheme.is_mapped:
        pairs = [_in_six(pair, scheme) for pair in pairing.pairs]
        metrics, proteins = _six_metrics(pairs, resamples, seed)
    else:
        metrics, proteins = {}, own_scores(pairing.pairs, scheme)
    metrics |= own
    metrics["alignment"] = pairing_summary(pairing, len(truth), len(predictions))
    metrics["bootstrap"] = {"resamples": resamples, "seed": seed, "level": LEVEL}
    return Evaluation(metrics, tuple(proteins), pairing)


def _six_metrics(
    pairs: Sequence[Pair], resamples: int, seed: int
) -> tuple[dict[str, Any], list[ProteinScore]]:
    """Compute the metrics of the six labels, and the score of each protein."""
    proteins = score_pairs(pairs)
    columns = score_statistics(sorted(proteins, key=lambda score: content_key(score.pair)))
    totals = add_up(columns)
    samples = compute_metrics(resample(columns, resamples, seed)) if resamples else {}
    metrics = nested_metrics(compute_metrics(totals), samples, lone_metrics(columns))
    _add_matrices(metrics, totals)
    return metrics, proteins


def _in_six(pair: Pair, scheme: LabelScheme) -> Pair:
    """Return a pair with both sides in the six labels."""
    if scheme is SIX:
        return pair
    truth = replace(pair.truth, labels=scheme.to_six(pair.truth.labels or ""))
    return pair._replace(truth=truth, prediction=pair.prediction.in_six())


def _own_section(
    pairs: Sequence[Pair], scheme: LabelScheme, resamples: int, seed: int
) -> dict[str, Any]:
    """Return the metrics in the scheme's own labels, under the key ``labels``."""
    texts = [(pair.truth.labels or "", pair.prediction.labels) for pair in pairs]
    found, samples = own_totals(texts, scheme, resamples, seed)
    return {"labels": {"scheme": scheme_record(scheme), **nested_metrics(found, samples)}}


def own_scores(pairs: Sequence[Pair], scheme: LabelScheme) -> list[ProteinScore]:
    """Return the scores of pairs whose labels have no six-letter equivalents: types alone."""
    return [
        ProteinScore(
            pair,
            Verdict(
                true_type=scheme.type_of(pair.truth.labels or ""),
                predicted_type=scheme.type_of(pair.prediction.labels),
                topology_equal=None,
                reason=None,
                scored=False,
                legal=True,
                signal=None,
            ),
        )
        for pair in pairs
    ]


def scheme_scores(pairs: Sequence[Pair], scheme: LabelScheme) -> list[ProteinScore]:
    """Return the scores of pairs in the six labels, or of their types where there are none."""
    if not scheme.is_mapped:
        return own_scores(pairs, scheme)
    return score_pairs([_in_six(pair, scheme) for pair in pairs])


def score_pairs(pairs: Sequence[Pair]) -> list[ProteinScore]:
    """Compare the prediction of each pair with the truth."""
    return [
        ProteinScore(pair, judge(pair.truth.labels or "", pair.prediction.labels)) for pair in pairs
    ]


def score_statistics(scores: Sequence[ProteinScore]) -> dict[str, np.ndarray]:
    """Return the per-protein statistics of N scores, arrays with N rows."""
    return statistics(
        [score.pair.truth.labels or "" for score in scores],
        [score.pair.prediction for score in scores],
        [score.verdict for score in scores],
    )


def content_key(pair: Pair) -> tuple[str, str, str, float, int]:
    """Return a sort key of the content of a pair.

    Proteins are sorted by it before the bootstrap, so that a resample depends neither on ids nor
    on the order of the records.
    """
    prediction = pair.prediction
    tables = (prediction.probabilities, prediction.type_probabilities)
    checksum = zlib.crc32(b"".join(np.asarray(t).tobytes() for t in tables if t is not None))
    return (
        pair.truth.sequence,
        pair.truth.labels or "",
        prediction.labels,
        -1.0 if prediction.confidence is None else prediction.confidence,
        checksum,
    )


def json_number(value: float) -> float | None:
    """Return a number for JSON, None in place of NaN."""
    return None if math.isnan(value) else float(value)


def _entry(metric: Metric, samples: Metric | None, lone: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": json_number(float(metric.value)), "n": int(metric.n)}
    if metric.over is not None:
        entry["over"] = int(metric.over)
    if samples is not None:
        # A metric without a value gets no interval, even if some resamples have a value.
        known = entry["value"] is not None and not lone
        ends = interval(comparable_samples(metric, samples), LEVEL) if known else (math.nan,) * 2
        entry["low"], entry["high"] = (json_number(end) for end in ends)
    return entry


def comparable_samples(metric: Metric, samples: Metric) -> np.ndarray:
    """Return resampled values, NaN where a mean runs over another number of classes.

    Otherwise a resample without any protein of a rare class would shift the mean.
    """
    if metric.over is None or samples.over is None:
        return samples.value
    return np.where(samples.over == metric.over, samples.value, np.nan)


def lone_metrics(columns: Mapping[str, np.ndarray]) -> frozenset[Key]:
    """Return the metrics that resampling cannot vary, because they have one protein or none.

    A mean over types needs two proteins in one of its types.

    Parameters
    ----------
    columns
        Statistics of N proteins, see :func:`score_statistics`.
    """
    proteins = {
        key: int(((np.asarray(metric.n) > 0) | ~np.isnan(metric.value)).sum())
        for key, metric in compute_metrics(columns).items()
    }
    lone = {key for key, count in proteins.items() if count < 2}
    for key in proteins:
        if key[-1] == "macro":
            classes = {name for name in proteins if name[:-1] == (*key[:-1], "accuracy")}
            lone |= {key} if classes <= lone else set()
    return frozenset(lone)


def nested_metrics(
    found: Mapping[Key, Metric], samples: Mapping[Key, Metric], lone: frozenset[Key] = frozenset()
) -> dict[str, Any]:
    """Return metrics with their intervals as a nested dictionary for JSON.

    Metrics in ``lone`` (see :func:`lone_metrics`) get no interval.
    """
    tree: dict[str, Any] = {}
    for key, metric in found.items():
        place = tree
        for name in key[:-1]:
            place = place.setdefault(name, {})
        place[key[-1]] = _entry(metric, samples.get(key), key in lone)
    return tree


def _add_matrices(metrics: dict[str, Any], totals: Mapping[str, np.ndarray]) -> None:
    """Add confusion matrices and reliability tables, which have no intervals."""
    type_columns, label_columns = types.PREDICTED_COLUMNS, residue.PREDICTED_COLUMNS
    metrics["type"]["confusion"] = _matrix(totals["type"], TYPES, type_columns)
    metrics["residue"]["confusion"] = _matrix(totals["residue"], LABELS, label_columns)
    if "type_head" in totals:
        metrics["type_head"]["confusion"] = _matrix(totals["type_head"], TYPES, type_columns)
        metrics["type_head"]["reliability"] = reliability(totals["type_head_bins"])
    if "probability_bins" in totals:
        metrics["residue"]["reliability"] = reliability(totals["probability_bins"])
    if "confidence_bins" in totals:
        metrics["confidence"]["reliability"] = reliability(totals["confidence_bins"])


def _matrix(counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    return {
        "true": list(rows),
        "predicted": list(columns),
        "counts": counts.astype(int).tolist(),
    }


def pairing_summary(pairing: Pairing, truths: int, predictions: int) -> dict[str, Any]:
    """Return the numbers of records and the ids of those that were not paired."""
    by_id = sum(pair.matched_by == "id" for pair in pairing.pairs)
    return {
        "truth": truths,
        "predictions": predictions,
        "scored": len(pairing.pairs),
        "by_id": by_id,
        "by_sequence": len(pairing.pairs) - by_id,
        **pairing.problems(),
    }
