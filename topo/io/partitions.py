"""Partitioned sets as JSON: ``{fold: [{"id", "sequence", "labels"}, ...]}``.

The DeepTMHMM set was published in this layout. Residues are checked as in :mod:`topo.io.fasta`.
``labels`` may be missing or null. ``header_type`` is the type in the header of a 3-line file from
which the record was converted. All other keys are the user's and become metadata, also those whose
name is that of a field of :class:`topo.protein.Protein`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any

from topo.errors import InputError, TopoError
from topo.io.files import open_text, output_text, source_name
from topo.io.lines import Lines
from topo.io.records import Fault, RecordPolicy, check_labels, clean_sequence, finish_records
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein, own_keys, pop_text

DEFAULT_FOLD = "all"
"""Fold that is written for proteins without one."""

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
        Names of the folds to read, in this order; all folds by default.

    Yields
    ------
    Protein
        With ``fold``.

    Raises
    ------
    InputError
        If the file cannot be read, is not such JSON, or lacks a fold.
    """
    with open_text(path) as stream:
        text = Lines(source_name(path), stream, raw=True).rest()
    yield from parse_partitions(text, source_name(path), folds)


def parse_partitions(
    text: str,
    source: str,
    folds: Sequence[str] | None = None,
    policy: RecordPolicy | None = None,
    scheme: LabelScheme = SIX,
) -> Iterator[Protein]:
    """Parse the text of a partitioned set; see :func:`read_partitions`."""
    policy = policy or RecordPolicy()
    content = _load(text, source)
    wanted = list(content) if folds is None else list(dict.fromkeys(folds))
    for fold in wanted:
        if fold not in content:
            raise InputError(source, f"has no fold {fold!r}; it has {', '.join(content)}")
    return finish_records(_records(content, wanted, source, policy, scheme), source, policy)


def write_partitions(proteins: Iterable[Protein], path: str | PathLike[str]) -> None:
    """Write a partitioned set, one record per line, folds in the order of their first protein.

    Metadata are written as JSON, or as text where JSON has no such value.

    Raises
    ------
    TopoError
        If there are no proteins, or the file cannot be written.
    """
    folds: dict[str, list[str]] = {}
    for protein in proteins:
        fold = DEFAULT_FOLD if protein.fold is None else protein.fold
        folds.setdefault(fold, []).append(_dump(protein))
    if not folds:
        raise TopoError(f"{path}: no proteins to write")
    with output_text(path) as stream:
        blocks = (
            f"{json.dumps(fold)}: [\n" + ",\n".join(rows) + "\n]" for fold, rows in folds.items()
        )
        stream.write("{\n" + ",\n".join(blocks) + "\n}\n")


def _dump(protein: Protein) -> str:
    record = {"id": protein.id, "sequence": protein.sequence, "labels": protein.labels}
    fields = own_keys(protein)
    fields.pop("partition", None)
    for key, value in (*protein.metadata.items(), *fields.items()):
        record.setdefault(key, value)  # a user's key precedes ours of the same name
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
    content: dict[str, list[Any]],
    folds: Sequence[str],
    source: str,
    policy: RecordPolicy,
    scheme: LabelScheme,
) -> Iterator[tuple[str, Protein | Fault]]:
    """Yield the place of each record, e.g. ``cv0 record 3``, and the record."""
    # JSON of other programs has lists as well, but of other things.
    is_set = any(_is_record(record) for fold in folds for record in content[fold])
    for fold in folds:
        for number, record in enumerate(content[fold], 1):
            place = f"{fold} record {number}"
            try:
                yield place, _protein(record, fold, place, source, policy.mask_stops, scheme)
            except InputError as error:
                if not is_set:
                    raise
                name = record.get("id") if isinstance(record, dict) else None
                yield place, Fault.of(name if isinstance(name, str) else "", error, source)


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and ("id" in record or "sequence" in record)


def _protein(
    record: Any, fold: str, place: str, source: str, mask_stops: bool, scheme: LabelScheme
) -> Protein:
    if not isinstance(record, dict):
        raise InputError(source, f"{place}: found {type(record).__name__}, expected an object")
    for key in ("id", "sequence"):
        if not isinstance(record.get(key), str):
            raise InputError(source, f"{place}: expected text under {key!r}")
    name = record["id"]
    if not name.isprintable() or len(name.split()) != 1:
        raise InputError(source, f"{place}: found id {name!r}, expected one word")
    where = f"{name} ({place})"
    sequence = clean_sequence(record["sequence"], source, None, where, mask_stops=mask_stops)
    labels = record.get("labels")
    if labels is not None:
        if not isinstance(labels, str):
            raise InputError(source, f"{place}: expected text under 'labels'")
        check_labels(labels, sequence, source, None, where, scheme=scheme)
    metadata = {key: value for key, value in record.items() if key not in _OWN_KEYS}
    header_type = pop_text(metadata, "header_type")
    return Protein(name, sequence, labels, fold=fold, header_type=header_type, metadata=metadata)
