"""Layout of records that begin with ``>``: FASTA, PIR, 3-line, or with labels of another alphabet.

One record can mislead: the last line of a FASTA record may consist of label letters, and a broken
3-line record looks like FASTA. So the majority of the records at the start of a file decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from topo.io.lines import Lines
from topo.io.records import STOPS
from topo.labels import LABELS, TYPES, UNKNOWN

SEPARATOR = " | "
"""Separator of id and type in the header of a 3-line record."""

PIR_HEADER = re.compile(r">(?:P1|F1|DL|DC|RL|RC|N1|N3|XX);\s*\S")
"""Header of a PIR (NBRF) record: kind of molecule, semicolon, id."""

_LABEL_LETTERS = frozenset((*LABELS, UNKNOWN))
_COMMENTS = ";#!"
_MOST_RECORDS = 500
_MOST_LINES = 20_000
_MOST_CHARACTERS = 20_000_000
_CERTAIN_RUN = 12
"""Fewest label letters that are taken as labels whatever their number."""

_SHORTEST = 10
_MOST_LETTERS = 10
"""Most letters of an alphabet of labels; a sequence line of 60 residues has about 15."""

_LEAST_RUN = 2.0
"""Shortest mean run of equal letters in labels; of random residues it is 1.06."""

_LEAST_OWN_RUN = 3.0


def record_layout(lines: Lines) -> str:
    """Return the layout of the coming records; no line is taken.

    Returns
    -------
    str
        ``fasta``, ``pir``, ``3line`` or ``labelled`` (3-line with labels of another alphabet).
    """
    verdicts = [_verdict(header, body) for header, body in _records(lines) if body]
    if not verdicts:
        return "fasta"
    votes = Counter(verdicts)
    first = verdicts[0]
    return max(votes, key=lambda verdict: (votes[verdict], verdict == first))


def split_labels(body: list[str]) -> tuple[str, str] | None:
    """Split the lines of a record into the sequence and its labels; None without labels.

    The labels may be on one line, on several of which each is as long as the sequence (then the
    first counts), or broken into lines as the sequence is.
    """
    sizes = [len(line) for line in body]
    half, odd = divmod(len(body), 2)
    if len(body) < 2 or sizes[0] < _SHORTEST:
        return None
    if len(set(sizes)) == 1 and all(map(_is_label_like, body[1:])):
        return None if _is_label_like(body[0]) else (body[0], body[1])
    if odd or half < 2 or sizes[:half] != sizes[half:]:
        return None
    sequence, labels = "".join(body[:half]), "".join(body[half:])
    return (sequence, labels) if _is_label_like(labels) and not _is_label_like(sequence) else None


def _records(lines: Lines) -> Iterator[tuple[str, list[str]]]:
    """Yield header and lines of the coming records, without blank lines and comments."""
    header, body, records, characters = "", [], 0, 0
    for number, raw in enumerate(lines.ahead(), 1):
        characters += len(raw)
        line = raw.strip()
        if not line or line[0] == ";" or (not header and line[0] in _COMMENTS):
            pass
        elif line[0] == ">":
            if header:
                records += 1
                yield header, body
            header, body = line, []
        elif not header:
            return
        else:
            body.append(line)
        if records >= _MOST_RECORDS or number >= _MOST_LINES or characters >= _MOST_CHARACTERS:
            if records:
                return
            break
    if header:
        yield header, body


def _verdict(header: str, body: list[str]) -> str:
    """Return the layout that a record seems to have."""
    if PIR_HEADER.match(header):
        return "pir"
    if _is_three_line(header, body):
        return "3line"
    return "labelled" if split_labels(body) else "fasta"


def _is_three_line(header: str, body: list[str]) -> bool:
    """Judge a record: two lines after the header, the second made of labels.

    The last line of a short FASTA record may consist of these letters too. So lengths that differ,
    as in a broken 3-line record, need further evidence.
    """
    if len(body) != 2:
        return False
    residues, labels = body
    typed = header.rpartition(SEPARATOR)[2].strip() in TYPES
    if len(labels) in (len(residues), len(residues) - residues.endswith(tuple(STOPS))):
        return typed or _LABEL_LETTERS.issuperset(labels)
    if not _LABEL_LETTERS.issuperset(labels):
        return False
    return typed or (len(labels) >= _CERTAIN_RUN and _mean_run(labels) >= _LEAST_OWN_RUN)


def _is_label_like(line: str) -> bool:
    return len(set(line)) <= _MOST_LETTERS and _mean_run(line) >= _LEAST_RUN


def _mean_run(text: str) -> float:
    """Return the mean number of equal letters in a row."""
    return len(text) / max(sum(1 for _ in groupby(text)), 1)
