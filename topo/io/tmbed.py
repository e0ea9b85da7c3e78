"""TMbed's output formats 0 to 4.

Letters: ``B``/``b`` strand and ``H``/``h`` helix from inside to outside/from outside to inside,
``S`` signal peptide, ``i`` inside, ``o`` outside, ``.`` neither. Format 0 is 3-line with
``B b H h S .``, format 1 with ``B H S i o``, format 4 with ``B b H h S i o``; formats 2 and 3 are
tables with the letters of formats 0 and 1. Periplasm counts as inside. Unknown residues are
``.`` in every format. So a protein without any membrane segment that is not inside comes back
as inside from formats 0 and 2, and periplasm behind a signal peptide alone as the other side.
Probabilities have 2 decimals (``nan`` where there are none).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from topo.io.alphabets import TABLE_HEADER
from topo.io.alphabets import TMBED_LETTERS as LETTERS
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.records import check_labels, clean_residues, clean_sequence, without_final_stop
from topo.io.sides import sides_around
from topo.labels import (
    HELIX,
    INSIDE,
    LABEL_INDEX,
    MEMBRANE,
    OUTSIDE,
    PERIPLASM,
    SIDES,
    SIGNAL,
    STRAND,
    protein_type,
)
from topo.protein import Prediction
from topo.segments import Segment, from_segments, to_segments

_FORMATS = range(5)
_TABLES = (2, 3)
_DIRECTED = (0, 2, 4)
_NO_SIDES = (0, 2)
_TWO_DECIMALS = [f"{value / 100:.2f}" for value in range(101)]


def tmbed_letters(labels: str, form: int) -> str:
    """Convert a topology to TMbed's letters.

    Parameters
    ----------
    labels
        Label letters of topo, R of them.
    form
        Number of TMbed's format, 0 to 4.

    Returns
    -------
    str
        R letters.
    """
    segments = to_segments(labels)
    parts = []
    for index, (label, start, end) in enumerate(segments):
        letter = _SIMPLE.get(label, ".")
        if label in MEMBRANE:
            letter = "H" if label == HELIX else "B"
            if form in _DIRECTED and sides_around(segments, index)[0] == OUTSIDE:
                letter = letter.lower()
        elif form in _NO_SIDES and label in SIDES:
            letter = "."
        parts.append(letter * (end - start))
    return "".join(parts)


_SIMPLE = {SIGNAL: "S", INSIDE: "i", PERIPLASM: "i", OUTSIDE: "o"}


def tmbed_records(form: int) -> Callable[[Prediction], str]:
    """Return a function that formats one protein in TMbed's format number ``form``."""
    if form not in _FORMATS:
        raise ValueError(f"TMbed has formats 0 to 4, not {form}")

    def record(prediction: Prediction) -> str:
        letters = tmbed_letters(prediction.labels, form)
        header = f">{plain_id(prediction.id)}\n"
        if form in _TABLES:
            return f"{header}{TABLE_HEADER}\n{_table(prediction, letters)}"
        return f"{header}{prediction.sequence}\n{letters}\n"

    return record


def _table(prediction: Prediction, letters: str) -> str:
    if prediction.probabilities is None:
        cells = ["\t".join(["nan"] * 5)] * len(letters)
    else:
        p = prediction.probabilities
        inside = p[:, LABEL_INDEX[INSIDE]] + p[:, LABEL_INDEX[PERIPLASM]]
        columns = [p[:, LABEL_INDEX[c]] for c in (STRAND, HELIX, SIGNAL)]
        table = np.stack([*columns, inside, p[:, LABEL_INDEX[OUTSIDE]]], axis=1)
        hundredths = np.rint(table.clip(0, 1) * 100).astype(np.int64)
        cells = ["\t".join([_TWO_DECIMALS[v] for v in row]) for row in hundredths.tolist()]
    return "".join(
        f"{residue}\t{letter}\t{row}\n"
        for residue, letter, row in zip(prediction.sequence, letters, cells, strict=True)
    )


def from_tmbed(letters: str) -> str:
    """Convert TMbed's letters (any format) to label letters.

    Where the letters have no side (``.``), the directions of the neighbouring segments determine
    it: after ``H``, outside; before ``H``, inside; ``h`` the other way round; after ``S``, outside.
    The segment before decides where they contradict each other. A protein without any membrane
    segment and signal peptide is inside throughout. In a barrel, inside is the periplasm.
    """
    segments = to_segments(letters)
    inner = PERIPLASM if {"B", "b"} & set(letters) else INSIDE
    labels = []
    for index, (letter, start, end) in enumerate(segments):
        if letter == ".":
            label = _side(segments, index, inner)
        else:
            label = {"i": inner, "o": OUTSIDE, "S": SIGNAL}.get(letter) or (
                HELIX if letter in "Hh" else STRAND
            )
        labels.append(Segment(label, start, end))
    return from_segments(labels)


def _side(segments: list[Segment], index: int, inner: str) -> str:
    """Return the side of the loop at ``index``, from the nearest directed segment."""
    before = segments[index - 1].label if index else ""
    after = segments[index + 1].label if index + 1 < len(segments) else ""
    if before in ("B", "H"):
        return OUTSIDE
    if before in ("b", "h"):
        return inner
    if after in ("B", "H"):
        return inner
    if after in ("b", "h") or before == SIGNAL:
        return OUTSIDE
    return inner


def parse_tmbed(lines: Lines) -> Iterator[Prediction]:
    """Parse any of the five formats, record by record (they may be mixed).

    The id is the first word of the header. Probabilities come from the tables, scaled to sum 1;
    the column of inside goes to periplasm in a barrel.
    """
    while lines.skip_blank():
        header = next(lines)
        if not header.startswith(">") or not header[1:].strip():
            lines.fail(f"found {header[:20]!r}, expected a header that starts with '>'")
        name = header[1:].split()[0]
        if lines.peek(1) == [TABLE_HEADER]:
            next(lines)
            yield _read_table(lines, name)
        else:
            yield _read_three_line(lines, name)


def _read_three_line(lines: Lines, name: str) -> Prediction:
    residues, number = _following(lines, "sequence", name), lines.number
    letters = _following(lines, "labels", name)
    residues, letters = without_final_stop(residues, letters)
    sequence = clean_sequence(residues, lines.source, number, name, mask_stops=True)
    check_labels(letters, sequence, lines.source, lines.number, name, any_letter=True)
    return _prediction(lines, name, sequence, letters, None)


def _following(lines: Lines, what: str, name: str) -> str:
    try:
        line = next(lines).strip()
    except StopIteration:
        lines.fail(f"found the end of the file, expected the {what} of {name}")
    if line.startswith(">") or not line:
        lines.fail(f"found {line[:20]!r}, expected the {what} of {name}")
    return line


def _read_table(lines: Lines, name: str) -> Prediction:
    rows = []
    while (ahead := lines.peek(1)) and ahead[0] and not ahead[0].startswith(">"):
        fields = next(lines).split("\t")
        if len(fields) != 7 or len(fields[0]) != 1 or len(fields[1]) != 1:
            lines.fail(f"expected a residue, a label and 5 probabilities of {name}")
        try:
            rows.append((fields[0], fields[1], [float(field) for field in fields[2:]]))
        except ValueError:
            lines.fail(f"found {' '.join(fields[2:])!r}, expected 5 probabilities")
    if not rows:
        lines.fail(f"{name} has no residues")
    table = np.array([row for _, _, row in rows], dtype=np.float32)
    sequence = clean_residues(
        "".join(row[0] for row in rows), lines.source, lines.number, name, stops=True
    )
    return _prediction(lines, name, sequence, "".join(row[1] for row in rows), table)


def _prediction(
    lines: Lines, name: str, sequence: str, letters: str, table: np.ndarray | None
) -> Prediction:
    if bad := [run for run, _ in groupby(letters) if run not in LETTERS]:
        lines.fail(f"found label {bad[0]!r} in {name}, expected one of {' '.join(sorted(LETTERS))}")
    labels = from_tmbed(letters)
    kind = protein_type(labels)
    probabilities = None if table is None else _probabilities(table, barrel=kind == "BETA")
    return Prediction(name, sequence, labels, kind, probabilities)


def _probabilities(table: np.ndarray, barrel: bool) -> np.ndarray | None:
    """Convert TMbed's five columns (R, 5) to (R, 6) by label; None if any is not a number."""
    total = table.sum(axis=1, keepdims=True)
    if not np.isfinite(table).all() or (table < 0).any() or not (total > 0).all():
        return None
    order = [STRAND, HELIX, SIGNAL, PERIPLASM if barrel else INSIDE, OUTSIDE]
    probabilities = np.zeros((len(table), len(LABEL_INDEX)), dtype=np.float32)
    probabilities[:, [LABEL_INDEX[label] for label in order]] = table / total
    return probabilities
