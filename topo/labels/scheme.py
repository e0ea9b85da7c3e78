"""Label schemes: letters of the residue labels, their six-letter equivalents, protein types.

A scheme declares what a model writes. The built-in one has the six labels and five types of
:mod:`topo.labels`; others add labels, such as re-entrant segments, or have nothing in common with
membranes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from topo.errors import ConfigError

UNKNOWN = "-"
"""Letter of an unknown label."""

UNKNOWN_INDEX = -100
"""Index of an unknown label in tensors, which ``torch`` losses ignore."""

LABEL_SETS = 64
"""Index of a residue with one of several labels, less the sum of 2 to the power of each index."""

SIX_LETTERS = "IOPSMB"
"""Labels of the built-in scheme in index order."""

_SIDES = tuple("IOP")

MOST_TYPES = 100
"""Largest number of protein types."""

SIDE = "side"
"""Six-letter equivalent of a label that stays on one side: the label of the loop around it."""


@dataclass(frozen=True)
class Label:
    """One label of a scheme.

    Parameters
    ----------
    letter
        Upper-case letter that the residues get.
    name
        What it means.
    color
        Colour on pages and pictures, ``#RRGGBB``.
    term
        Sequence Ontology term of its segments in GFF3.
    six
        Equivalent among :data:`SIX_LETTERS`, or :data:`SIDE`; None in a scheme that has nothing in
        common with the six labels.
    feature
        Key of the UniProt features that state it, for labels beyond the six.
    """

    letter: str
    name: str
    color: str = "#999999"
    term: str = "polypeptide_region"
    six: str | None = None
    feature: str | None = None


@dataclass(frozen=True)
class TypeRule:
    """A protein type, and which labels its topologies have.

    Parameters
    ----------
    name
        Name of the type.
    has, lacks
        Labels that a topology of this type has, all of them, and that it does not have.
    only
        All labels that it may have; any if empty.
    """

    name: str
    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    @property
    def is_single(self) -> bool:
        """Whether its topologies have one label, so that they are all the same."""
        return len(self.only) == 1

    def fits(self, letters: frozenset[str]) -> bool:
        """Return whether a topology with these labels, all of them known, has this type."""
        within = not self.only or letters <= self.only
        return self.has <= letters and not self.lacks & letters and within


@dataclass(frozen=True)
class LabelScheme:
    """A validated declaration of labels and protein types.

    Raises
    ------
    ConfigError
        If the declaration is not usable; the message names the label or type and what was
        expected.
    """

    labels: tuple[Label, ...]
    types: tuple[TypeRule, ...] = field(default=(TypeRule("ANY"),))

    def __post_init__(self) -> None:
        _validate(self.labels, self.types)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle the built-in scheme by name, so that it stays the same object."""
        return "SIX" if self is SIX else (LabelScheme, (self.labels, self.types))

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """Letters in index order."""
        return tuple(label.letter for label in self.labels)

    @cached_property
    def index(self) -> dict[str, int]:
        """Index of each letter."""
        return {letter: index for index, letter in enumerate(self.letters)}

    @cached_property
    def by_letter(self) -> dict[str, Label]:
        """Labels by their letters."""
        return {label.letter: label for label in self.labels}

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """Names of the types in index order."""
        return tuple(rule.name for rule in self.types)

    @cached_property
    def is_mapped(self) -> bool:
        """Whether the labels have six-letter equivalents."""
        return self.labels[0].six is not None

    @cached_property
    def loops(self) -> frozenset[str]:
        """Letters of the loops."""
        return self.alike(*_SIDES)

    def alike(self, *six: str) -> frozenset[str]:
        """Letters whose six-letter equivalent is one of these letters."""
        return frozenset(label.letter for label in self.labels if label.six in six)

    def encode(self, labels: str) -> np.ndarray:
        """Turn a label string into indices.

        Parameters
        ----------
        labels
            Letters of the scheme and :data:`UNKNOWN`, R of them.

        Returns
        -------
        numpy.ndarray
            int64, shape (R,); :data:`UNKNOWN_INDEX` where unknown.

        Raises
        ------
        ValueError
            On any other letter.
        """
        raw = np.frombuffer(labels.encode("ascii", "replace"), dtype=np.uint8)
        indices = self._codes[np.minimum(raw, 127)]
        if (bad := indices < UNKNOWN_INDEX).any():
            position = int(bad.argmax())
            raise ValueError(
                f"found label {labels[position]!r} at position {position + 1}, "
                f"expected one of {' '.join(self.letters)} {UNKNOWN}"
            )
        return indices

    def encode_six(self, labels: str, complete: str = "") -> np.ndarray:
        """Turn six-letter labels into indices of the labels that they may stand for.

        Parameters
        ----------
        labels
            Letters of this scheme, R of them; one of the six may stand for other labels that
            are written like it, such as ``I`` for a transit peptide.
        complete
            Letters that are written as such wherever they are true, so that no other letter
            stands for them.

        Returns
        -------
        numpy.ndarray
            int64, shape (R,); for a set of labels :data:`LABEL_SETS` plus 2 to the power of the
            index of each.

        Raises
        ------
        ValueError
            As for :meth:`encode`.
        """
        exact = self.encode(labels)
        sets = np.arange(len(self.labels), dtype=np.int64)
        for index, label in enumerate(self.labels):
            if label.letter == label.six:
                equal = {label.six, SIDE} if label.letter in self.loops else {label.six}
                kinds = [x.letter for x in self.labels if x.six in equal]
                kinds = [x for x in kinds if x == label.letter or x not in complete]
                if len(kinds) > 1:
                    sets[index] = LABEL_SETS + sum(1 << self.index[x] for x in kinds)
        return np.where(exact < 0, exact, sets[np.maximum(exact, 0)])

    def decode(self, indices: np.ndarray) -> str:
        """Turn indices (any integer dtype, shape (R,)) back into a label string."""
        indices = np.asarray(indices)
        letters = self._bytes[np.maximum(indices, 0)].copy()
        letters[indices < 0] = ord(UNKNOWN)
        return letters.tobytes().decode()

    def type_of(self, labels: str) -> str | None:
        """Return the type that a label string spells, the first that fits.

        Unknown residues are ignored; None where the string is empty or no type fits.
        """
        letters = frozenset(labels) - {UNKNOWN}
        fitting = (rule.name for rule in self.types if rule.fits(letters))
        return next(fitting, None) if letters else None

    def to_six(self, labels: str) -> str:
        """Convert a label string to the six letters.

        A run of a label that stays on its side gets the label of the loop before it, or else of
        that after it; unknown if there is none.

        Raises
        ------
        ValueError
            If the scheme has no six-letter equivalents, or on a letter that is not its own.
        """
        if not self.is_mapped:
            raise ValueError("the labels have no six-letter equivalents")
        self.encode(labels)
        table = {UNKNOWN: UNKNOWN, **{x.letter: x.six or UNKNOWN for x in self.labels}}
        runs = [(table[letter], len(list(run))) for letter, run in groupby(labels)]
        found = []
        for number, (six, length) in enumerate(runs):
            if six == SIDE:
                near = (runs[n][0] for n in (number - 1, number + 1) if 0 <= n < len(runs))
                six = next((side for side in near if side in _SIDES), UNKNOWN)
            found.append(six * length)
        return "".join(found)

    @cached_property
    def _codes(self) -> np.ndarray:
        codes = np.full(128, UNKNOWN_INDEX - 1, dtype=np.int64)
        codes[ord(UNKNOWN)] = UNKNOWN_INDEX
        for letter, index in self.index.items():
            codes[ord(letter)] = index
        return codes

    @cached_property
    def _bytes(self) -> np.ndarray:
        return np.frombuffer("".join(self.letters).encode(), dtype=np.uint8)


def check_name(where: str, name: str) -> None:
    """Check that tables, pages and messages can show a name of a declaration as it is.

    Raises
    ------
    ConfigError
        If it has unprintable characters or a bar, begins with another character than a letter or
        digit, or is longer than 100 characters.
    """
    if not (name[:1].isalnum() and name.isprintable() and "|" not in name and len(name) <= 100):
        raise ConfigError(
            f"{where}: found {name[:100]!r}, expected a name of letters, digits and the like that "
            "begins with a letter or digit, at most 100 characters"
        )


def _validate(labels: Sequence[Label], types: Sequence[TypeRule]) -> None:
    letters = [label.letter for label in labels]
    if not letters:
        raise ConfigError("found no labels, expected at least one")
    for label in labels:
        _validate_label(label)
    if twice := sorted({x for x in letters if letters.count(x) > 1}):
        raise ConfigError(f"label {twice[0]!r} is declared twice, expected unique letters")
    mapped = [label.six is not None for label in labels]
    if any(mapped) and not all(mapped):
        missing = letters[mapped.index(False)]
        raise ConfigError(
            f"label {missing!r}: maps to nothing, expected 'six' with one of "
            f"{' '.join(SIX_LETTERS)} {SIDE}, as the other labels have"
        )
    names = [rule.name for rule in types]
    if not names:
        raise ConfigError("found no types, expected at least one")
    if len(names) > MOST_TYPES:
        raise ConfigError(f"found {len(names)} types, expected at most {MOST_TYPES}")
    if twice := sorted({x for x in names if names.count(x) > 1}):
        raise ConfigError(f"type {twice[0]!r} is declared twice, expected unique names")
    for rule in types:
        check_name("type", rule.name)
        if other := sorted((rule.has | rule.lacks | rule.only) - {*letters}):
            raise ConfigError(
                f"type {rule.name!r}: found label {other[0]!r}, expected some of "
                f"{' '.join(letters)}"
            )
        if not rule.fits(rule.has | (rule.only - rule.lacks)):
            raise ConfigError(f"type {rule.name!r}: 'has', 'lacks' and 'only' exclude each other")


def _validate_label(label: Label) -> None:
    where = f"label {label.letter!r}"
    if len(label.letter) != 1 or not ("A" <= label.letter <= "Z"):
        raise ConfigError(f"{where}: expected one letter of A to Z")
    if label.six is not None and label.six != SIDE and label.six not in tuple(SIX_LETTERS):
        raise ConfigError(
            f"{where}: found six {label.six!r}, expected one of {' '.join(SIX_LETTERS)} {SIDE}"
        )
    if not re.fullmatch("#[0-9a-fA-F]{6}", label.color):
        raise ConfigError(f"{where}: found color {label.color!r}, expected #RRGGBB")
    check_name(f"{where}: name", label.name)
    check_name(f"{where}: feature", label.feature or label.name)
    if not re.fullmatch("[A-Za-z0-9_:.-]{1,100}", label.term):
        raise ConfigError(
            f"{where}: found term {label.term[:100]!r}, expected one of the Sequence Ontology, "
            "such as signal_peptide"
        )


def _types() -> tuple[TypeRule, ...]:
    helix, strand, signal = frozenset("M"), frozenset("B"), frozenset("S")
    return (
        TypeRule("TM", has=helix, lacks=signal | strand),
        TypeRule("SP+TM", has=helix | signal, lacks=strand),
        TypeRule("SP", has=signal, lacks=helix | strand),
        TypeRule("GLOB", has=frozenset("I"), only=frozenset("I")),
        TypeRule("BETA", has=strand),
    )


SIX = LabelScheme(
    (
        Label("I", "inside", "#CC79A7", "cytoplasmic_polypeptide_region", "I"),
        Label("O", "outside", "#56B4E9", "non_cytoplasmic_polypeptide_region", "O"),
        Label("P", "periplasm", "#009E73", "non_cytoplasmic_polypeptide_region", "P"),
        Label("S", "signal peptide", "#E69F00", "signal_peptide", "S"),
        Label("M", "membrane helix", "#D55E00", "transmembrane_polypeptide_region", "M"),
        Label("B", "membrane strand", "#0072B2", "transmembrane_polypeptide_region", "B"),
    ),
    _types(),
)
"""The built-in scheme. Colours are from the colour-blind safe palette of Okabe and Ito (2008)."""
