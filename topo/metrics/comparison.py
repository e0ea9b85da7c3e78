"""Comparison of predictors on the same proteins by a paired bootstrap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.labels.scheme import SIX, LabelScheme
from topo.metrics.bootstrap import add_up, interval, resample, win_shares
from topo.metrics.evaluation import (
    LEVEL,
    ProteinScore,
    comparable_samples,
    content_key,
    json_number,
    lone_metrics,
    nested_metrics,
    pairing_summary,
    scheme_scores,
    score_statistics,
)
from topo.metrics.own_labels import own_columns, own_metrics
from topo.metrics.pairing import Pair, Pairing, pair_records
from topo.metrics.rates import Metric
from topo.metrics.summary import Key, compute_metrics
from topo.protein import Prediction, Protein

_OWN = "labels."
"""Beginning of the names of statistics in a scheme's own labels."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Metrics of several predictors on the proteins that all of them predict.

    Parameters
    ----------
    metrics
        Dictionary that can be written as JSON: ``predictors`` (metrics of each predictor by
        name), ``pairs`` (for two predictors and each metric the difference first - second, its
        interval, and the fractions of resamples in which each is larger) and ``proteins`` (number
        of compared proteins).
    differing
        Proteins whose outcome is not the same for all predictors: id and, in the order of the
        predictors, ``right`` or the reason for the error, a wrong type in parentheses.
    pairings
        Pairing of each predictor by name.
    """

    metrics: dict[str, Any]
    differing: tuple[tuple[str, tuple[str, ...]], ...]
    pairings: dict[str, Pairing]


def compare(
    truth: Sequence[Protein],
    predictors: Mapping[str, Sequence[Prediction]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare predictors by a paired bootstrap over the proteins that all of them predict.

    Parameters
    ----------
    truth
        Proteins with labels.
    predictors
        Predictions of each predictor, by its name, all of one label scheme. Metrics in the labels
        of another scheme than the built-in one have keys that begin with ``labels``; the others
        are those of the six labels that they are mapped to, if they are.
    resamples
        Number of bootstrap resamples.
    seed
        Seed of the bootstrap; all predictors are resampled with the same draws.

    Returns
    -------
    Comparison
        Metrics, differing proteins and pairings.

    Raises
    ------
    TopoError
        If fewer than two predictors are given, or no protein is predicted by all.
    """
    if len(predictors) < 2:
        raise TopoError(f"found {len(predictors)} set of predictions, expected two or more")
    pairings = {name: pair_records(truth, given) for name, given in predictors.items()}
    pairs = {name: {p.row: p for p in pairing.pairs} for name, pairing in pairings.items()}
    common = sorted(set.intersection(*(set(rows) for rows in pairs.values())))
    if not common:
        raise TopoError("no protein of the truth is predicted by all")
    common.sort(key=lambda row: [content_key(rows[row]) for rows in pairs.values()])
    given = {name: [rows[row] for row in common] for name, rows in pairs.items()}
    scheme = next(iter(given.values()))[0].prediction.scheme
    scores = {name: scheme_scores(rows, scheme) for name, rows in given.items()}
    columns = {name: _columns(given[name], scores[name], scheme) for name in given}
    found = {name: _metrics(add_up(column), scheme) for name, column in columns.items()}
    drawn = {
        name: _metrics(resample(column, resamples, seed), scheme)
        for name, column in columns.items()
    }
    lone = {
        name: lone_metrics(column) if scheme.is_mapped else frozenset[Key]()
        for name, column in columns.items()
    }
    differences = [
        {"first": one, "second": two, "figures": _differences(found, drawn, lone, one, two)}
        for one, two in combinations(predictors, 2)
    ]
    metrics = {
        "proteins": len(common),
        "predictors": {
            name: nested_metrics(found[name], drawn[name], lone[name]) for name in predictors
        },
        "pairs": differences,
        "alignment": {
            name: pairing_summary(pairing, len(truth), len(predictors[name]))
            for name, pairing in pairings.items()
        },
        "bootstrap": {"resamples": resamples, "seed": seed, "level": LEVEL},
    }
    return Comparison(metrics, _differing(common, scores), pairings)


def _columns(
    pairs: Sequence[Pair], scores: Sequence[ProteinScore], scheme: LabelScheme
) -> dict[str, np.ndarray]:
    """Return the statistics of the proteins, those of labels beyond the six under ``labels.``."""
    found = dict(score_statistics(scores)) if scheme.is_mapped else {}
    if scheme is not SIX:
        texts = [(pair.truth.labels or "", pair.prediction.labels) for pair in pairs]
        found |= {f"{_OWN}{name}": rows for name, rows in own_columns(texts, scheme).items()}
    return found


def _metrics(totals: dict[str, np.ndarray], scheme: LabelScheme) -> dict[Key, Metric]:
    """Compute the metrics of sums of :func:`_columns`."""
    found = dict(compute_metrics(totals)) if scheme.is_mapped else {}
    if scheme is not SIX:
        own = {k.removeprefix(_OWN): v for k, v in totals.items() if k.startswith(_OWN)}
        found |= {("labels", *key): metric for key, metric in own_metrics(own, scheme).items()}
    return found


def _differences(
    found: Mapping[str, Mapping[Key, Metric]],
    drawn: Mapping[str, Mapping[Key, Metric]],
    lone: Mapping[str, frozenset[Key]],
    one: str,
    two: str,
) -> dict[str, Any]:
    """Return difference, interval and win fractions of each metric, by its dotted key."""
    results = {}
    for key in found[one]:
        if key not in found[two]:
            continue
        first, second = (
            comparable_samples(found[name][key], drawn[name][key]) for name in (one, two)
        )
        alone = key in lone[one] and key in lone[two]
        low, high = (math.nan,) * 2 if alone else interval(first - second, LEVEL)
        shares = win_shares(first, second)
        difference = float(found[one][key].value - found[two][key].value)
        results[".".join(key)] = {
            "difference": json_number(difference),
            "low": json_number(low),
            "high": json_number(high),
            "larger_first": json_number(shares[0]),
            "larger_second": json_number(shares[1]),
            "tie": json_number(shares[2]),
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
    """Return the outcome of a prediction, with the predicted type if it is wrong."""
    kind = score.verdict.predicted_type or "illegal"
    right = score.verdict.true_type in (None, score.verdict.predicted_type)
    return score.topology if right else f"{score.topology} ({kind})"
