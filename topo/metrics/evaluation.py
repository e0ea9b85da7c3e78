"""Scoring predictions against the truth, and predictors against each other."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.labels import LABELS, TYPES
from topo.metrics import residue, types
from topo.metrics.bootstrap import add_up, interval, resample, win_shares
from topo.metrics.calibration import reliability
from topo.metrics.pairing import Alignment, Pair, align
from topo.metrics.rates import Figure
from topo.metrics.summary import Key, Verdict, figures, judge, statistics
from topo.protein import Prediction, Protein

LEVEL = 0.95
"""Coverage of the bootstrap intervals."""


@dataclass(frozen=True, eq=False)
class ProteinScore:
    """One scored protein: the pair and the verdict on it."""

    pair: Pair
    verdict: Verdict

    @property
    def topology(self) -> str:
        """``right``, the first reason why it is not, or ``not scored`` where the truth is open."""
        if not self.verdict.scored:
            return "not scored"
        return self.verdict.reason or "right"

    @property
    def residue_accuracy(self) -> float:
        """Share of the known residues that are right; NaN where none is known."""
        truth, prediction = self.pair.truth.labels or "", self.pair.prediction.labels
        return float(residue.accuracy(residue.confusion_matrix(truth, prediction)).value)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    metrics
        Nested and ready for JSON. Every figure is ``{"value", "n", "low", "high"}``, means over
        classes with ``"over"``, the number of classes they run over; None where there is none.
    proteins
        One row a scored protein, in the order of the truth.
    alignment
        How truth and predictions were paired, and what was left.
    """

    metrics: dict[str, Any]
    proteins: tuple[ProteinScore, ...]
    alignment: Alignment


def evaluate(
    truth: Sequence[Protein],
    predictions: Sequence[Prediction],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Compute every figure, with bootstrap intervals over proteins.

    Neither the order of the records nor their ids change a figure.

    Parameters
    ----------
    truth
        Proteins with labels; those without are reported as ``unlabelled``.
    predictions
        Any label strings, legal or not. Paired by :func:`topo.metrics.pairing.align`.
    resamples, seed
        Of the bootstrap; 0 resamples give no intervals.

    Raises
    ------
    TopoError
        If no protein has a prediction.
    """
    alignment = align(truth, predictions)
    if not alignment.pairs:
        raise TopoError(
            "no prediction belongs to a labelled protein of the truth, by id or by sequence"
        )
    proteins = _judged(alignment.pairs)
    columns = _statistics(sorted(proteins, key=lambda score: _content(score.pair)))
    totals = add_up(columns)
    samples = figures(resample(columns, resamples, seed)) if resamples else {}
    metrics = _nested(figures(totals), samples)
    _add_matrices(metrics, totals)
    metrics["alignment"] = _alignment_summary(alignment, len(truth), len(predictions))
    metrics["bootstrap"] = {"resamples": resamples, "seed": seed, "level": LEVEL}
    return Evaluation(metrics, tuple(proteins), alignment)


def _judged(pairs: Sequence[Pair]) -> list[ProteinScore]:
    return [
        ProteinScore(pair, judge(pair.truth.labels or "", pair.prediction.labels)) for pair in pairs
    ]


def _statistics(scores: Sequence[ProteinScore]) -> dict[str, np.ndarray]:
    return statistics(
        [score.pair.truth.labels or "" for score in scores],
        [score.pair.prediction for score in scores],
        [score.verdict for score in scores],
    )


def _content(pair: Pair) -> tuple[str, str, str, float, int]:
    """Sort key without ids and places: the draws of the bootstrap go by it."""
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


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _entry(figure: Figure, samples: Figure | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": _number(float(figure.value)), "n": int(figure.n)}
    if figure.over is not None:
        entry["over"] = int(figure.over)
    if samples is not None:
        # a figure without a value has no interval either, even where resamples would give one
        known = entry["value"] is not None
        ends = interval(_like(figure, samples), LEVEL) if known else (math.nan,) * 2
        entry["low"], entry["high"] = (_number(end) for end in ends)
    return entry


def _like(figure: Figure, samples: Figure) -> np.ndarray:
    """Resampled values; NaN where a mean runs over other classes than the figure's own.

    A rare class that is not drawn would otherwise move the mean by being absent.
    """
    if figure.over is None or samples.over is None:
        return samples.value
    return np.where(samples.over == figure.over, samples.value, np.nan)


def _nested(found: Mapping[Key, Figure], samples: Mapping[Key, Figure]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, figure in found.items():
        place = tree
        for name in key[:-1]:
            place = place.setdefault(name, {})
        place[key[-1]] = _entry(figure, samples.get(key))
    return tree


def _add_matrices(metrics: dict[str, Any], totals: Mapping[str, np.ndarray]) -> None:
    """Add confusion matrices and reliability tables, which have no interval."""
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


def _alignment_summary(alignment: Alignment, truths: int, predictions: int) -> dict[str, Any]:
    by_id = sum(pair.matched_by == "id" for pair in alignment.pairs)
    return {
        "truth": truths,
        "predictions": predictions,
        "scored": len(alignment.pairs),
        "by_id": by_id,
        "by_sequence": len(alignment.pairs) - by_id,
        **alignment.problems(),
    }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several predictors on the proteins that all of them predict.

    Parameters
    ----------
    metrics
        Ready for JSON: ``predictors`` (figures of each, by name), ``pairs`` (per two predictors
        and figure the difference first - second, its interval, and the shares of resamples that
        each wins), ``proteins`` (how many are compared).
    differing
        Per protein on which the predictors do not fare alike: its id and, in the order of the
        names, ``right`` or the reason why not, a wrong type in parentheses.
    alignments
        Per predictor.
    """

    metrics: dict[str, Any]
    differing: tuple[tuple[str, tuple[str, ...]], ...]
    alignments: dict[str, Alignment]


def compare(
    truth: Sequence[Protein],
    predictors: Mapping[str, Sequence[Prediction]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare predictors by a paired bootstrap over the proteins that all of them predict.

    Raises
    ------
    TopoError
        If fewer than two predictors are given, or no protein is predicted by all.
    """
    if len(predictors) < 2:
        raise TopoError(f"found {len(predictors)} set of predictions, expected two or more")
    alignments = {name: align(truth, list(given)) for name, given in predictors.items()}
    pairs = {name: {p.row: p for p in aligned.pairs} for name, aligned in alignments.items()}
    common = sorted(set.intersection(*(set(rows) for rows in pairs.values())))
    if not common:
        raise TopoError("no protein of the truth is predicted by all")
    common.sort(key=lambda row: [_content(rows[row]) for rows in pairs.values()])
    scores = {name: _judged([rows[row] for row in common]) for name, rows in pairs.items()}
    columns = {name: _statistics(rows) for name, rows in scores.items()}
    found = {name: figures(add_up(column)) for name, column in columns.items()}
    drawn = {name: figures(resample(column, resamples, seed)) for name, column in columns.items()}
    contests = [
        {"first": one, "second": two, "figures": _contest(found, drawn, one, two)}
        for one, two in combinations(predictors, 2)
    ]
    metrics = {
        "proteins": len(common),
        "predictors": {name: _nested(found[name], drawn[name]) for name in predictors},
        "pairs": contests,
        "alignment": {
            name: _alignment_summary(aligned, len(truth), len(predictors[name]))
            for name, aligned in alignments.items()
        },
        "bootstrap": {"resamples": resamples, "seed": seed, "level": LEVEL},
    }
    return Comparison(metrics, _differing(common, scores), alignments)


def _contest(
    found: Mapping[str, Mapping[Key, Figure]],
    drawn: Mapping[str, Mapping[Key, Figure]],
    one: str,
    two: str,
) -> dict[str, Any]:
    """Per figure (its key joined by dots): difference, interval, shares of resamples won."""
    results = {}
    for key in found[one]:
        if key not in found[two]:
            continue
        first, second = (_like(found[name][key], drawn[name][key]) for name in (one, two))
        low, high = interval(first - second, LEVEL)
        shares = win_shares(first, second)
        difference = float(found[one][key].value - found[two][key].value)
        results[".".join(key)] = {
            "difference": _number(difference),
            "low": _number(low),
            "high": _number(high),
            "larger_first": _number(shares[0]),
            "larger_second": _number(shares[1]),
            "tie": _number(shares[2]),
        }
    return results


def _differing(
    rows: Sequence[int], scores: Mapping[str, Sequence[ProteinScore]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    names = list(scores)
    differing = []
    for place in np.argsort(rows):
        of_protein = [scores[name][place] for name in names]
        outcomes = tuple(map(_outcome, of_protein))
        if len(set(outcomes)) > 1:
            differing.append((of_protein[0].pair.truth.id, outcomes))
    return tuple(differing)


def _outcome(score: ProteinScore) -> str:
    """Say how a prediction fared; with the type that was predicted where that is wrong."""
    kind = score.verdict.predicted_type or "illegal"
    right = score.verdict.true_type in (None, score.verdict.predicted_type)
    return score.topology if right else f"{score.topology} ({kind})"
