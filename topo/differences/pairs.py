"""Pairs of proteins to compare: by id, by a table of ids, or all against all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from os import PathLike

from topo.errors import ConfigError
from topo.io.files import open_text, source_name
from topo.io.lines import Lines
from topo.protein import Prediction

MOST = 100
"""Largest number of proteins that are compared all against all."""

Pair = tuple[Prediction, Prediction]


def all_pairs(proteins: Sequence[Prediction]) -> list[Pair]:
    """Return all pairs of different records.

    Raises
    ------
    ConfigError
        If there is one protein, or more than :data:`MOST`.
    """
    if not 2 <= len(proteins) <= MOST:
        raise ConfigError(
            f"found {len(proteins)} proteins, expected 2 to {MOST} to compare all against all; "
            "--pairs chooses pairs"
        )
    return list(combinations(proteins, 2))


def pairs_by_id(first: Sequence[Prediction], second: Sequence[Prediction]) -> list[Pair]:
    """Return the pairs of records with the same id, in the order of the first.

    Raises
    ------
    ConfigError
        If no id is in both.
    """
    others = {record.id: record for record in second}
    found = [(record, others[record.id]) for record in first if record.id in others]
    if not found:
        raise ConfigError("found no id that is in both files; --pairs pairs different ids")
    return found


def read_pairs(
    path: str | PathLike[str], first: Sequence[Prediction], second: Sequence[Prediction]
) -> list[Pair]:
    """Read a table of pairs: two ids per line, separated by a tab; ``#`` begins a comment.

    Raises
    ------
    InputError
        If the table is malformed or names an id that does not occur; the message names the line.
    """
    sides = [{record.id: record for record in records} for records in (first, second)]
    found: list[Pair] = []
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            ids = [cell.strip() for cell in line.split("\t")]
            if len(ids) != 2:
                lines.fail(f"found {line[:80]!r}, expected two ids separated by a tab")
            for name, known in zip(ids, sides, strict=True):
                if name not in known:
                    lines.fail(f"found id {name!r}, which is not among the proteins")
            found.append((sides[0][ids[0]], sides[1][ids[1]]))
        if not found:
            lines.fail("holds no pairs")
    return found
