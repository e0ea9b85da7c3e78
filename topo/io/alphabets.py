"""Alphabets of labels: the letters of topo and those of other programs.

A prediction file with one line of labels per record has one alphabet, which all its labels
determine: the first of :data:`ALPHABETS` that knows most of the letters. The order of the records
therefore does not matter.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from topo.errors import InputError, InputWarning
from topo.labels import HELIX, INSIDE, LABELS, OUTSIDE, PERIPLASM, SIGNAL, STRAND, UNKNOWN

_SHOWN = 10  # unknown letters that a message names

TMBED_LETTERS = frozenset("BbHhSio.")
"""Letters of TMbed's formats."""

TABLE_HEADER = "AA\tPRD\tP(B)\tP(H)\tP(S)\tP(i)\tP(o)"
"""Line after the header of a protein in TMbed's tables."""


class Alphabet(NamedTuple):
    """Letters of a program.

    Parameters
    ----------
    name
        Name in messages.
    labels
        Label of topo for each letter; empty for TMbed, whose letters need their neighbours (see
        :func:`topo.io.tmbed.from_tmbed`).
    letters
        All letters.
    """

    name: str
    labels: Mapping[str, str]
    letters: frozenset[str]


def _alphabet(name: str, labels: Mapping[str, str]) -> Alphabet:
    return Alphabet(name, labels, frozenset(labels))


_SIDES = {"i": INSIDE, "o": OUTSIDE, "p": PERIPLASM, ".": UNKNOWN, "-": UNKNOWN}
TOPO = _alphabet("topo", {letter: letter for letter in (*LABELS, UNKNOWN)})
TMBED = Alphabet("TMbed", {}, TMBED_LETTERS)
ALPHABETS = (
    TOPO,
    TMBED,
    _alphabet("TOPCONS, Phobius and others", {**_SIDES, "M": HELIX, "B": STRAND, "S": SIGNAL}),
    _alphabet(
        "HMMTOP",
        {"I": INSIDE, "i": INSIDE, "O": OUTSIDE, "o": OUTSIDE, "H": HELIX, "S": SIGNAL},
    ),
)
"""Known alphabets; of two that know equally many letters of a file the first is taken."""


def choose_alphabet(letters: Iterable[str]) -> Alphabet | None:
    """Return the alphabet that knows most of the letters, or None if none knows any of them."""
    found = set(letters)
    best = max(ALPHABETS, key=lambda alphabet: len(found & alphabet.letters))
    return best if found & best.letters or not found else None


def check_letters(found: set[str], alphabet: Alphabet, source: str) -> None:
    """Refuse labels of which the alphabet knows none; warn about those that it does not know.

    Raises
    ------
    InputError
        If there are letters and none is known.
    """
    other = sorted(found - alphabet.letters)
    if not other:
        return
    letters = " ".join(map(repr, other[:_SHOWN]))
    if not found & alphabet.letters:
        known = "; ".join(f"{' '.join(sorted(a.letters))} ({a.name})" for a in ALPHABETS)
        raise InputError(source, f"found labels {letters}, expected letters of {known}")
    message = f"labels {letters} are none of {alphabet.name} and count as wrong"
    warnings.warn(f"{source}: {message}", InputWarning, stacklevel=2)


def translate(labels: str, alphabet: Alphabet) -> str:
    """Convert letters of an alphabet to labels; letters it does not know are kept.

    In a protein with strands, lower-case ``i`` is the periplasm.
    """
    if alphabet is TOPO:
        return labels
    letters = dict(alphabet.labels)
    if STRAND in labels and "i" in letters:
        letters["i"] = PERIPLASM
    return "".join(letters.get(letter, letter) for letter in labels)


class LabelLines(NamedTuple):
    """What the records of a file with one line of labels each hold.

    Parameters
    ----------
    letters
        All letters of their labels.
    fit
        Whether every record has a sequence and labels of the same length.
    tables
        Whether a record is a table of TMbed.
    """

    letters: set[str]
    fit: bool
    tables: bool


def label_lines(lines: Iterable[str]) -> LabelLines:
    """Collect the letters of all records; the third line of a record is its labels."""
    letters: set[str] = set()
    fit, tables, place, length = True, False, 0, 0
    for raw in lines:
        line = raw.strip()
        if not line:
            continue
        if line[0] == ">":
            fit &= place in (0, 3)
            place = 1
            continue
        if line == TABLE_HEADER or "\t" in line:
            tables = True
            place = 3
            continue
        if place == 1:
            length = len(line)
        elif place == 2:
            fit &= len(line) == length
            letters.update(line)
        else:
            fit = False
        place += 1
    return LabelLines(letters, fit and place in (0, 3), tables)
