"""Partitioned sets as JSON: ``{fold: [{"id", "sequence", "labels"}, ...]}``.

The layout in which the DeepTMHMM set was published. The policy on residues is that of
:mod:`topo.io.fasta`; ``labels`` may be missing or null, further keys are kept as metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any

from topo.errors import InputError, TopoError
from topo.io.files import open_text, output_text, source_name
from topo.io.records import check_labels, clean_sequence, finish_records
from topo.protein import Protein

DEFAULT_FOLD = "all"
"""Fold written for proteins that carry no ``metadata["partition"]``."""

_OWN_KEYS = ("id", "sequence", "labels")


def read_partitions(
    path: str | PathLike[str], folds: Sequence[str] | None = None
) -> Iterator[Protein]:
    """Read the proteins of a partitioned set, fold by fold.

    Parameters
    ----------
    path
        A file, plain or gzip, or ``-`` for standard input.
    folds
        Names of the folds to read, in the order wanted; all of them by default.

    Yields
    ------
    Protein
        With its fold as ``metadata["partition"]``.

    Raises
    ------
    InputError
        If the file cannot be read, is not such JSON, or lacks a fold.
    """
    with open_text(path) as stream:
        text = stream.read()
    yield from parse_partitions(text, source_name(path), folds)


def parse_partitions(
    text: str, source: str, folds: Sequence[str] | None = None
) -> Iterator[Protein]:
    """Parse the text of a partitioned set; see :func:`read_partitions`."""
    content = _load(text, source)
    wanted = list(content) if folds is None else list(dict.fromkeys(folds))
    for fold in wanted:
        if fold not in content:
            raise InputError(source, f"has no fold {fold!r}; it has {', '.join(content)}")
    return finish_records(_records(content, wanted, source), source)


def write_partitions(proteins: Iterable[Protein], path: str | PathLike[str]) -> None:
    """Write a partitioned set, one record a line; folds stand in order of first appearance.

    Metadata that JSON can hold as text, number, list or null is kept.

    Raises
    ------
    TopoError
        If there are no proteins, or the file cannot be written.
    """
    folds: dict[str, list[str]] = {}
    for protein in proteins:
        fold = str(protein.metadata.get("partition", DEFAULT_FOLD))
        folds.setdefault(fold, []).append(_dump(protein))
    if not folds:
        raise TopoError(f"{path}: no proteins to write")
    with output_text(path) as stream:
        blocks = (
            f"{json.dumps(fold)}: [\n" + ",\n".join(rows) + "\n]" for fold, rows in folds.items()
        )
        stream.write("{\n" + ",\n".join(blocks) + "\n}\n")


def _dump(protein: Protein) -> str:
    extra = {
        key: value
        for key, value in protein.metadata.items()
        if key not in (*_OWN_KEYS, "partition")
    }
    record = {"id": protein.id, "sequence": protein.sequence, "labels": protein.labels, **extra}
    return json.dumps(record, default=str)


def _load(text: str, source: str) -> dict[str, list[Any]]:
    expected = 'expected {fold: [{"id", "sequence", "labels"}, ...]}'
    if not text.strip():
        raise InputError(source, "holds no records")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(source, f"not valid JSON ({error.msg})", error.lineno) from None
    except (ValueError, RecursionError) as error:  # numbers too long, nesting too deep
        raise InputError(source, f"not readable JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(source, f"found a JSON {type(content).__name__}, {expected}")
    for fold, records in content.items():
        if not fold.isprintable():
            raise InputError(source, f"found fold {fold!r}, expected a printable name")
        if not isinstance(records, list):
            found = type(records).__name__
            raise InputError(source, f"fold {fold!r}: found a JSON {found}, {expected}")
    return content


def _records(
    content: dict[str, list[Any]], folds: Sequence[str], source: str
) -> Iterator[tuple[str, Protein]]:
    """Yield each record with its place, e.g. ``cv0 record 3``."""
    for fold in folds:
        for number, record in enumerate(content[fold], 1):
            place = f"{fold} record {number}"
            yield place, _protein(record, fold, place, source)


def _protein(record: Any, fold: str, place: str, source: str) -> Protein:
    if not isinstance(record, dict):
        raise InputError(source, f"{place}: found {type(record).__name__}, expected an object")
    for key in ("id", "sequence"):
        if not isinstance(record.get(key), str):
            raise InputError(source, f"{place}: expected text under {key!r}")
    name = record["id"]
    if not name.isprintable() or len(name.split()) != 1:
        raise InputError(source, f"{place}: found id {name!r}, expected one word")
    where = f"{name} ({place})"
    sequence = clean_sequence(record["sequence"], source, None, where)
    labels = record.get("labels")
    if labels is not None:
        if not isinstance(labels, str):
            raise InputError(source, f"{place}: expected text under 'labels'")
        check_labels(labels, sequence, source, None, where)
    metadata = {key: value for key, value in record.items() if key not in _OWN_KEYS}
    return Protein(name, sequence, labels, metadata={**metadata, "partition": fold})
