"""Headline metrics of a set of proteins as a flat dictionary, for validation during training."""

from __future__ import annotations

from collections.abc import Sequence

from topo.labels import TYPES
from topo.metrics.bootstrap import add_up
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
        Value of each of :data:`HEADLINES`; NaN if no protein can be scored.
    """
    verdicts = [judge(t, p.labels) for t, p in zip(truths, predictions, strict=True)]
    found = compute_metrics(add_up(statistics(truths, predictions, verdicts)))
    return {name: float(found[key].value) for name, key in HEADLINES.items()}
