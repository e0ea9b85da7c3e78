"""``scan.tsv``: one row per variant, the largest effect first."""

from __future__ import annotations

import math
from os import PathLike

from topo.io.files import output_text
from topo.io.summary import segments_text
from topo.labels import SIDES, TYPES
from topo.protein import Prediction
from topo.variants.effects import Effect
from topo.variants.scan import Scan

_COLUMNS = (
    "variant",
    "kind",
    "position",
    "reference",
    "alternate",
    "score",
    "p_topology",
    "type",
    "type_changed",
    "type_change",
    "topology_changed",
    "topology",
    "confidence",
    *(f"p_{kind}" for kind in TYPES),
)


def write_scan(scan: Scan, path: str | PathLike[str]) -> None:
    """Write the effects of a scan as a table; ``-`` is standard output.

    The column of a segment is named by its label and residues, as ``M23-43``, and holds the change
    of its probability; that of a loop's side begins with ``outside_``. Scores, changes and
    probabilities have 4 decimals; values that a variant does not have are empty.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    with output_text(path) as stream:
        stream.write("\t".join([*_COLUMNS, *segment_columns(scan.reference)]) + "\n")
        for effect in scan.effects:
            stream.write("\t".join(_cells(effect, scan.reference)) + "\n")


def segment_columns(reference: Prediction) -> list[str]:
    """Return the names of the columns of the segments, then those of the loops' sides."""
    names = [segments_text([segment]) for segment in reference.segments]
    return [*names, *(f"outside_{names[index]}" for index in loops(reference))]


def loops(reference: Prediction) -> list[int]:
    """Return the indices of the segments that are loops."""
    return [index for index, part in enumerate(reference.segments) if part.label in SIDES]


def _cells(effect: Effect, reference: Prediction) -> list[str]:
    variant = effect.variant
    return [
        variant.name,
        variant.kind,
        "" if variant.position is None else str(variant.position),
        variant.reference,
        variant.alternate,
        number(effect.score),
        number(effect.kept),
        effect.type or "",
        _yes(effect.type != reference.type),
        number(effect.type_change),
        _yes(effect.topology_changed),
        effect.topology,
        number(effect.confidence),
        *map(number, effect.type_probabilities.tolist()),
        *map(number, effect.segments.tolist()),
        *(number(effect.outside.tolist()[index]) for index in loops(reference)),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def number(value: float) -> str:
    """Format a number with 4 decimals, a minus sign only before other digits than 0; NaN empty."""
    return "" if math.isnan(value) else f"{round(value, 4) + 0.0:.4f}"
