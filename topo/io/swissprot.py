"""Swiss-Prot flat files of any age.

Features become labels by the rules of :mod:`topo.io.swissprot_rules`. Old records hold the text of
a feature as plain words and topological domains as DOMAIN, new ones hold it as ``/note``; both are
read. A record for which the rules determine no label, or whose features fit no legal topology, has
``labels=None``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from os import PathLike
from typing import Any, NamedTuple

from topo.errors import InputError
from topo.io.files import open_text, source_name
from topo.io.lines import Lines
from topo.io.records import Fault, clean_sequence, finish_records
from topo.io.swissprot_rules import (
    feature_ends,
    feature_note,
    signal_kind,
    swissprot_labels,
    topology_features,
)
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein


class SwissProtFeature(NamedTuple):
    """Feature of a record; residues are half-open and 0-based, None where unknown."""

    key: str
    start: int | None
    end: int | None
    note: str


_END = "//"
_LONGEST_RECORD = 50_000_000


def read_swissprot(path: str | PathLike[str], scheme: LabelScheme = SIX) -> Iterator[Protein]:
    """Read Swiss-Prot records one by one, labelled by :mod:`topo.io.swissprot_rules`.

    Parameters
    ----------
    path
        Path to a file, plain or gzip, or ``-`` for standard input.
    scheme
        Scheme of the labels; features that it names become its labels.

    Yields
    ------
    Protein
        Named by its primary accession; ``metadata`` holds ``entry_name``, ``description``,
        ``organism``, ``updated`` (date of the entry) and, where there are labels, ``types``
        (the possible ones, in the built-in scheme) and ``signal_kind`` (``Tat``, ``lipoprotein`` or
        both), where the features state it.

    Raises
    ------
    InputError
        If the file cannot be read or a record is malformed (named by its first line).
    """
    with open_text(path) as stream:
        yield from parse_swissprot(Lines(source_name(path), stream, raw=True), scheme)


def parse_swissprot(lines: Lines, scheme: LabelScheme = SIX) -> Iterator[Protein]:
    """Parse the lines of Swiss-Prot records, line ends included; see :func:`read_swissprot`."""
    return finish_records(_records(lines, scheme), lines.source, lines.policy)


def parse_features(lines: Lines) -> Iterator[tuple[int, str, list[SwissProtFeature]]]:
    """Yield first line, primary accession and all features of each record.

    Parameters
    ----------
    lines
        Lines without line ends.

    Raises
    ------
    InputError
        If a record is malformed.
    """
    for first, block in _blocks(lines):
        record = _parse("\n".join(block) + "\n", lines.source, first)
        features = []
        for entry in record.features:
            ends = feature_ends(entry) or (None, None)
            features.append(SwissProtFeature(entry.type, *ends, feature_note(entry)))
        yield first, (record.accessions or [record.entry_name])[0], features


def _records(lines: Lines, scheme: LabelScheme) -> Iterator[tuple[str, Protein | Fault]]:
    """Yield each record with the place of its first line."""
    for first, block in _blocks(lines):
        yield f"line {first}", _protein_or_fault(block, lines, first, scheme)


def _blocks(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of each record and the number of the first one."""
    block: list[str] = []
    first = size = 0
    for line in lines:
        if not block and not line.strip():
            continue
        first = first if block else lines.number
        block.append(line)
        size += len(line)
        if size > _LONGEST_RECORD:
            lines.fail(f"record of more than {_LONGEST_RECORD:,} characters", first)
        if line.rstrip() == _END:
            yield first, block
            block, size = [], 0
    if block:
        lines.fail(f"record without its closing {_END!r}", first)


def _protein_or_fault(
    block: list[str], lines: Lines, line: int, scheme: LabelScheme
) -> Protein | Fault:
    try:
        return _protein("".join(block), lines.source, line, lines.policy.mask_stops, scheme)
    except InputError as error:
        words = block[0].split()
        return Fault.of(words[1] if len(words) > 1 else "", error, lines.source)


def _protein(text: str, source: str, line: int, mask_stops: bool, scheme: LabelScheme) -> Protein:
    record = _parse(text, source, line)
    name = (record.accessions or [record.entry_name])[0]
    sequence = clean_sequence(record.sequence, source, line, name, mask_stops=mask_stops)
    if len(sequence) != record.sequence_length:
        raise InputError(
            source,
            f"found {len(sequence)} residues of {name}, expected {record.sequence_length}",
            line,
        )
    metadata: dict[str, Any] = {
        "entry_name": record.entry_name,
        "description": _full_name(record.description),
        "organism": record.organism.rstrip("."),
    }
    if record.annotation_update:
        metadata["updated"] = record.annotation_update[0]
    if kind := signal_kind(record.features):
        metadata["signal_kind"] = kind
    labels = _labels(record, len(sequence), source, line, scheme)
    if labels is None or scheme is not SIX:
        return Protein(name, sequence, labels, metadata=metadata)
    labels, metadata["types"] = _fill(labels)
    return Protein(name, sequence, labels if metadata["types"] else None, metadata=metadata)


def _parse(text: str, source: str, line: int) -> Any:
    from Bio import SwissProt

    try:
        record = SwissProt.read(StringIO(text))
    except Exception as error:  # the parser raises errors of every kind on broken records
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(source, f"not a Swiss-Prot record ({reason[:200]})", line) from None
    if record is None or not record.entry_name:
        raise InputError(source, "not a Swiss-Prot record", line)
    return record


def _full_name(description: str) -> str:
    """Return the recommended name of an old or new DE block."""
    found = re.search(r"(?:RecName|SubName): Full=([^;{]+)", description)
    return (found[1] if found else description).strip().rstrip(".")


def _labels(record: Any, length: int, source: str, line: int, scheme: LabelScheme) -> str | None:
    features = list(topology_features(record.features, scheme))
    for feature in features:
        if feature.start < 0 or feature.end > length:
            raise InputError(
                source,
                f"found {feature.key} at {feature.start + 1}..{feature.end} of "
                f"{record.entry_name}, which has {length} residues",
                line,
            )
    keys = [feature.type for feature in record.features]
    return swissprot_labels(features, keys, record.comments, length, scheme)


def _fill(labels: str) -> tuple[str, tuple[str, ...]]:
    """Fill in labels that the grammar determines; return them and the possible types."""
    from topo.grammar.legality import fill_determined, possible_types

    return fill_determined(labels), possible_types(labels)
