"""The headline figures of a set of proteins in one flat table, for validation while training."""

from __future__ import annotations

from collections.abc import Sequence

from topo.labels import TYPES
from topo.metrics.bootstrap import add_up
from topo.metrics.summary import Key, figures, judge, statistics
from topo.protein import Prediction

HEADLINES: dict[str, Key] = {
    "residue_accuracy": ("residue", "accuracy"),
    "overlap_accuracy": ("topology", "overlap"),
    **{f"type_accuracy_{name}": ("type", "accuracy", name) for name in TYPES},
    "type_accuracy_macro": ("type", "macro"),
    **{f"topology_accuracy_{name}": ("topology", "accuracy", name) for name in TYPES},
    "topology_accuracy_macro": ("topology", "macro"),
}
"""Name in a run's history -> key in ``metrics.json``."""


def headline_figures(truths: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, float]:
    """Score predictions, N of them, against true label strings.

    Returns
    -------
    dict
        A value for each of :data:`HEADLINES`; NaN where no protein can be scored.
    """
    verdicts = [judge(t, p.labels) for t, p in zip(truths, predictions, strict=True)]
    found = figures(add_up(statistics(truths, predictions, verdicts)))
    return {name: float(found[key].value) for name, key in HEADLINES.items()}
