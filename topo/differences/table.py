"""Tables of differences: one row per segment, and one row per pair."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

from topo.differences.compare import STATES, Difference
from topo.io.files import output_text
from topo.io.ids import plain_id
from topo.labels import LABEL_NAMES
from topo.segments import Segment

SEGMENTS, PAIRS = "segment_differences.tsv", "pairs.tsv"
"""Names of the tables in an output folder."""

_SEGMENT_COLUMNS = (
    "first_id",
    "second_id",
    "segment",
    "state",
    "first_start",
    "first_end",
    "second_start",
    "second_end",
)
PAIR_COLUMNS = (
    "first_id",
    "second_id",
    "identity",
    "aligned",
    "first_type",
    "second_type",
    "same_topology",
    "consistency",
    *STATES,
)


def write_segments(differences: Iterable[Difference], path: str | PathLike[str]) -> None:
    """Write one row per membrane segment and signal peptide; ``-`` is standard output.

    Residues count from 1; those of a segment that is not there are empty.
    """
    with output_text(path) as stream:
        stream.write("\t".join(_SEGMENT_COLUMNS) + "\n")
        for difference in differences:
            ids = [plain_id(difference.first.id), plain_id(difference.second.id)]
            for change in difference.changes:
                places = [*_place(change.first), *_place(change.second)]
                cells = [*ids, LABEL_NAMES[change.label], change.state, *places]
                stream.write("\t".join(cells) + "\n")


def write_pairs(differences: Iterable[Difference], path: str | PathLike[str]) -> None:
    """Write one row per pair: identity, types, consistency, and segments of each state."""
    with output_text(path) as stream:
        stream.write("\t".join(PAIR_COLUMNS) + "\n")
        for difference in differences:
            stream.write("\t".join(pair_cells(difference)) + "\n")


def pair_cells(difference: Difference) -> list[str]:
    """Return the cells of a pair, in the order of :data:`PAIR_COLUMNS`."""
    first, second, counts = difference.first, difference.second, difference.counts
    return [
        plain_id(first.id),
        plain_id(second.id),
        f"{difference.alignment.identity:.4f}",
        str(len(difference.alignment.first)),
        first.type or "",
        second.type or "",
        "yes" if difference.same_topology else "no",
        f"{difference.consistency:.4f}",
        *(str(counts[state]) for state in STATES),
    ]


def _place(segment: Segment | None) -> list[str]:
    return ["", ""] if segment is None else [str(segment.start + 1), str(segment.end)]
