"""Headline metrics of a set of proteins as a flat dictionary, for validation during training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from topo.labels import TYPES
from topo.labels.scheme import SIX
from topo.metrics.bootstrap import add_up
from topo.metrics.own_labels import own_totals
from topo.metrics.summary import Key, compute_metrics, judge, statistics
from topo.protein import Prediction

HEADLINES: dict[str, Key] = {
    "residue_accuracy": ("residue", "accuracy"),
    "overlap_accuracy": ("topology", "overlap"),
    **{f"type_accuracy_{name}": ("type", "accuracy", name) for name in TYPES},
    "type_accuracy_macro": ("type", "macro"),
    **{f"topology_accuracy_{name}": ("topology", "accuracy", name) for name in TYPES},
    "topology_accuracy_macro": ("topology", "macro"),
}
"""Key in ``metrics.json`` by the name in the history of a run."""


def headline_metrics(truths: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, float]:
    """Compute the headline metrics of N predictions against true label strings.

    Returns
    -------
    dict
        Value of each of :data:`HEADLINES`, in the six labels where these have equivalents among
        them; NaN if no protein can be scored.
    """
    scheme = predictions[0].scheme if predictions else SIX
    if not scheme.is_mapped:
        pairs = [(t, p.labels) for t, p in zip(truths, predictions, strict=True)]
        found, _ = own_totals(pairs, scheme, 0, 0)
        return {
            name: float(found[key].value) if key in found else math.nan
            for name, key in HEADLINES.items()
        }
    truths = [scheme.to_six(truth) for truth in truths]
    predictions = [prediction.in_six() for prediction in predictions]
    verdicts = [judge(t, p.labels) for t, p in zip(truths, predictions, strict=True)]
    found = compute_metrics(add_up(statistics(truths, predictions, verdicts)))
    return {name: float(found[key].value) for name, key in HEADLINES.items()}
