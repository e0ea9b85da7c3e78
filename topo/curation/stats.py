"""Statistics of a data set: types and folds, labels, lengths of proteins and segments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from topo.labels import LABELS, TYPES, UNKNOWN, protein_type
from topo.protein import Protein
from topo.segments import to_segments

QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}
NO_FOLD = "-"
"""Name of the fold of proteins without one."""

NO_TYPE, UNLABELLED = "no type", "no labels"


def describe_set(proteins: Iterable[Protein]) -> dict[str, Any]:
    """Compute the statistics of a data set.

    Parameters
    ----------
    proteins
        Proteins with or without labels; read one by one.

    Returns
    -------
    dict
        ``proteins`` and ``residues``: numbers; ``types``: {fold: {type: proteins}}, where a
        protein with unknown labels counts once, under all types that they leave possible
        (``TM/SP+TM``); ``labels``: {letter: residues}; ``length``: quantiles of protein lengths;
        ``segments``: {letter: {count, and quantiles of lengths}} of the segments that do not
        border on an unknown label. Quantiles are values that occur in the set.
    """
    types: dict[str, Counter[str]] = defaultdict(Counter)
    labels: Counter[str] = Counter()
    lengths: list[int] = []
    segments: dict[str, list[int]] = defaultdict(list)
    for protein in proteins:
        lengths.append(len(protein))
        types[NO_FOLD if protein.fold is None else protein.fold][type_name(protein.labels)] += 1
        if protein.labels is not None:
            labels.update(protein.labels)
            _add_segments(segments, protein.labels)
    return {
        "proteins": len(lengths),
        "residues": sum(lengths),
        "types": {fold: _in_order(counts) for fold, counts in types.items()},
        "labels": {letter: labels[letter] for letter in (*LABELS, UNKNOWN) if labels[letter]},
        "length": _quantiles(lengths),
        "segments": {
            letter: {"count": len(segments[letter]), **_quantiles(segments[letter])}
            for letter in LABELS
            if segments[letter]
        },
    }


def type_name(labels: str | None) -> str:
    """Return the possible types of a label string, e.g. ``SP`` or ``TM/SP+TM``."""
    if labels is None:
        return UNLABELLED
    if UNKNOWN not in labels:
        return protein_type(labels) or NO_TYPE
    from topo.grammar.legality import possible_types  # compiled code: only where a label is unknown

    return "/".join(possible_types(labels)) or NO_TYPE


def _in_order(counts: Counter[str]) -> dict[str, int]:
    """Sort by single types, then combinations of types, then proteins without a type."""
    return dict(sorted(counts.items(), key=lambda item: (_rank(item[0]), item[0])))


def _rank(name: str) -> int:
    return TYPES.index(name) if name in TYPES else len(TYPES) + (name in (NO_TYPE, UNLABELLED))


def _add_segments(lengths: dict[str, list[int]], labels: str) -> None:
    runs = to_segments(labels)
    for index, run in enumerate(runs):
        neighbours = runs[max(index - 1, 0) : index + 2]
        if UNKNOWN not in [neighbour.label for neighbour in neighbours]:
            lengths[run.label].append(run.length)


def _quantiles(values: list[int]) -> dict[str, int]:
    if not values:
        return {}
    found = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
    return {name: int(value) for name, value in zip(QUANTILES, found, strict=True)}
