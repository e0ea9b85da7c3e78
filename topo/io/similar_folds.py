"""Tables of the folds that the proteins of an extra set are similar to (``*_similar_folds.tsv``).

A row for each record, in the order of its file. The column ``similar_folds`` lists folds, separated
by commas, or ``-`` for none. ``id`` is the id of the record and ``source`` the id of the protein
whose labels it has; other columns are not read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple, TextIO

from topo.errors import ConfigError, InputError
from topo.io.files import atomic_text, beside, is_special
from topo.io.ids import from_gff3, plain_id
from topo.io.three_line import labelled_record
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein

NO_FOLD = "-"
_ESCAPED = re.compile("%(?:3D|2B|2D|40)")


class SimilarFolds(NamedTuple):
    """Folds that a record is similar to, and the id of the protein whose labels it has."""

    folds: set[str]
    source: str | None


class LabelledRow(NamedTuple):
    """A record of an extra set: protein, further cells of the table, folds it is similar to."""

    protein: Protein
    cells: Sequence[str]
    folds: Set[str]


def read_similar_folds(
    path: str | Path, file: str | Path | None = None, records: int = 0
) -> list[SimilarFolds]:
    """Read the folds that each record of a file is similar to.

    Parameters
    ----------
    path
        Path to the table.
    file, records
        Path and number of records of the file that the table describes; not checked where None.

    Raises
    ------
    InputError
        If the table cannot be read, lacks the column ``similar_folds``, or does not have a row for
        each record.
    """
    rows = [
        SimilarFolds(_folds(row), _identifier(row.get("source")))
        for row in _rows(path, "similar_folds")
    ]
    if file is not None and len(rows) != records:
        raise InputError(
            path,
            f"found {len(rows)} rows, expected one for each of the {records} records of {file}",
        )
    return rows


def read_similar_ids(path: str | Path) -> dict[str, set[str]]:
    """Read a table as a mapping from ids to folds; an id that is absent is similar to no fold.

    Raises
    ------
    InputError
        If the file cannot be read or lacks the column ``id`` or ``similar_folds``.
    """
    found: dict[str, set[str]] = {}
    for row in _rows(path, "id", "similar_folds"):
        found.setdefault(_identifier(row["id"]) or "", set()).update(_folds(row))
    return found


def ids_similar_to(
    folds: Collection[str], similar: Mapping[str, Set[str]], table: str | Path
) -> set[str]:
    """Return the ids that are similar to one of some folds, or to any fold where none is named.

    Parameters
    ----------
    folds
        Names of folds that occur in the table.
    similar
        Folds by id, as returned by :func:`read_similar_ids`.
    table
        Path to the table, for the error message.

    Raises
    ------
    ConfigError
        If a fold does not occur in the table.
    """
    known = set[str]().union(*similar.values())
    if unknown := set(folds) - known:
        raise ConfigError(
            f"{table}: unknown fold {sorted(unknown)[0]}, "
            f"the table has {', '.join(sorted(known)) or 'no folds'}"
        )
    wanted = set(folds) or known
    return {name for name, theirs in similar.items() if theirs & wanted}


def write_extra_set(
    path: str | Path,
    columns: Sequence[str],
    rows: Iterable[LabelledRow],
    similar: Mapping[str, Set[str]],
    scheme: LabelScheme = SIX,
) -> None:
    """Write labelled proteins as 3-line records, with their table of similar folds beside them.

    Parameters
    ----------
    path
        Path to the 3-line file; the table's name ends in ``_similar_folds.tsv`` instead of its
        suffix.
    columns
        Names of the columns between ``id`` and ``similar_folds``.
    rows
        Proteins with a cell for each of these columns and the folds they are similar to.
    similar
        Further folds by id of the protein.
    scheme
        Scheme of the labels.

    Raises
    ------
    TopoError
        If a protein has no labels, or a file cannot be written.
    """
    rows = list(rows)
    base = path if is_special(path) else Path(path).with_suffix("")
    with atomic_text(path) as records, _table(beside(base, "_similar_folds.tsv")) as table:
        records.writelines(labelled_record(row.protein, scheme) for row in rows)
        table.write("\t".join(("id", *columns, "similar_folds")) + "\n")
        for protein, cells, folds in rows:
            names = ",".join(sorted(folds | similar.get(protein.id, set()))) or NO_FOLD
            table.write("\t".join((plain_id(protein.id), *cells, names)) + "\n")


def _table(path: Path | None) -> AbstractContextManager[TextIO]:
    return nullcontext(io.StringIO()) if path is None else atomic_text(path)


def _identifier(cell: str | None) -> str | None:
    """Return the id of a cell, in which the start of a formula is escaped."""
    return from_gff3(cell[:3]) + cell[3:] if cell and _ESCAPED.match(cell) else cell


def _rows(path: str | Path, *columns: str) -> Iterator[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    raise InputError(path, f"expected a column {column}", line=1)
            for row in reader:
                for column in columns:
                    if row[column] is None:
                        raise InputError(path, f"found no cell {column}", line=reader.line_num)
                yield row
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(path, "expected a table of tab-separated text") from None


def _folds(row: Mapping[str, str]) -> set[str]:
    return set((row["similar_folds"] or NO_FOLD).split(",")) - {NO_FOLD}
