"""The headline figures of a set of proteins in one flat table, for validation while training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topo.labels import TYPES, UNKNOWN, protein_type
from topo.metrics.topology import is_scorable, topologies_equal, why_wrong
from topo.metrics.types import true_types


def headline_figures(truths: Sequence[str], predictions: Sequence[str]) -> dict[str, float]:
    """Score predicted label strings against true ones.

    Parameters
    ----------
    truths, predictions
        Label strings, protein by protein; see :mod:`topo.metrics.topology` and
        :mod:`topo.metrics.types` for the definitions.

    Returns
    -------
    dict
        ``residue_accuracy``, ``overlap_accuracy``, ``type_accuracy`` and ``topology_accuracy``
        for each type (``..._TM``) and their means over the types that occur (``..._macro``);
        NaN where no protein can be scored.
    """
    residues = np.zeros(2)
    overlap: list[bool] = []
    right_type: dict[str, list[bool]] = {name: [] for name in TYPES}
    right_topology: dict[str, list[bool]] = {name: [] for name in TYPES}
    for truth, guess in zip(truths, predictions, strict=True):
        known = [t == g for t, g in zip(truth, guess, strict=True) if t != UNKNOWN]
        residues += (sum(known), len(known))
        scorable = is_scorable(truth)
        if scorable:
            overlap.append(topologies_equal(truth, guess))
        possible = true_types(truth)
        if len(possible) != 1:
            continue
        right_type[possible[0]].append(protein_type(guess) == possible[0])
        if scorable:
            right_topology[possible[0]].append(why_wrong(truth, guess, possible[0]) is None)
    figures = {"residue_accuracy": _mean([residues[0]], residues[1])}
    figures["overlap_accuracy"] = _mean(overlap, len(overlap))
    for prefix, right in (("type_accuracy", right_type), ("topology_accuracy", right_topology)):
        shares = {name: _mean(hits, len(hits)) for name, hits in right.items()}
        figures |= {f"{prefix}_{name}": share for name, share in shares.items()}
        defined = [share for share in shares.values() if not np.isnan(share)]
        figures[f"{prefix}_macro"] = _mean(defined, len(defined))
    return figures


def _mean(values: Sequence[float], count: float) -> float:
    return float(sum(values) / count) if count else float("nan")
