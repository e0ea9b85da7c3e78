"""Constraints on a topology: what is known of a protein before its prediction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from topo.errors import ConfigError
from topo.labels import (
    HELIX,
    INSIDE,
    LABELS,
    MEMBRANE,
    OUTSIDE,
    PERIPLASM,
    SIDES,
    SIGNAL,
    STRAND,
    TYPES,
)

MOST_SEGMENTS = 64
"""Largest number of membrane segments that a constraint may name."""

LABEL_WORDS = {
    "inside": (INSIDE,),
    "outside": (OUTSIDE,),
    "periplasm": (PERIPLASM,),
    "signal": (SIGNAL,),
    "helix": (HELIX,),
    "strand": (STRAND,),
    "membrane": MEMBRANE,
    "loop": SIDES,
}
"""Labels that each word allows. A word after ``no-`` or ``not-`` allows the other labels."""

SIDE_WORDS = {"in": (INSIDE,), "out": (OUTSIDE, PERIPLASM), "periplasm": (PERIPLASM,)}
"""Labels of the sides of an end of the chain; ``out`` is every side but the cytoplasm."""

_TERMINI = {"n-term": "n_side", "c-term": "c_side"}
_EXPECTED = "1-20:inside, 45:outside, N-term:in, C-term:out, type:TM|SP+TM, segments:7 or the like"


@dataclass(frozen=True)
class Constraint:
    """One known fact about a topology.

    Parameters
    ----------
    kind
        ``labels``: residues have one of some labels; ``n_side``, ``c_side``: an end of the chain
        lies on one of some sides; ``type``: the protein has one of some types; ``segments``:
        bounds of the number of membrane segments.
    values
        Labels, labels of sides, or types, sorted.
    first, last
        Residues, counted from 1, or numbers of segments; ``last`` is None without upper bound.
    text
        Constraint as it was written, for messages.
    place
        File and line that it comes from, for messages.
    """

    kind: str
    values: tuple[str, ...] = ()
    first: int = 0
    last: int | None = 0
    text: str = field(default="", compare=False)
    place: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.text or repr(self)

    @property
    def key(self) -> str:
        """Text that is equal for equal constraints."""
        return f"{self.kind} {' '.join(self.values)} {self.first} {self.last}"


@lru_cache(maxsize=10_000)  # many rows of a file are equal
def parse_constraint(text: str) -> Constraint:
    """Parse a constraint as ``topo predict --fix`` takes it.

    Raises
    ------
    ConfigError
        If the text is no constraint; the message has what was expected.
    """
    where, colon, what = text.strip().rpartition(":")
    if not colon or not what.strip():
        raise _unknown(text, _EXPECTED)
    where, what = where.strip().lower(), what.strip().lower()
    if where in _TERMINI:
        return Constraint(_TERMINI[where], _values(text, what, SIDE_WORDS), text=text)
    if where == "type":
        names = {name.lower(): (name,) for name in TYPES}
        return Constraint("type", _values(text, what, names), text=text)
    if where == "segments":
        return _segments(text, what)
    return _residues(text, where, what)


def _residues(text: str, where: str, what: str) -> Constraint:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", where, re.ASCII)
    if not found:
        raise _unknown(text, _EXPECTED)
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last:
        raise _unknown(text, "first and last residue, counted from 1, in this order")
    values = _values(text, what, _label_words())
    if not values:
        raise _unknown(text, "at least one label that is left")
    return Constraint("labels", values, first, last, text)


def _segments(text: str, what: str) -> Constraint:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})|(\+))?", what, re.ASCII)
    if not found:
        raise _unknown(text, "a number of membrane segments as 7, 6-8 or 6+")
    first = int(found[1])
    last = None if found[3] else int(found[2] or found[1])
    if last is not None and last < first:
        raise _unknown(text, "the smaller number first")
    if max(first, last or 0) > MOST_SEGMENTS:
        raise _unknown(text, f"at most {MOST_SEGMENTS} membrane segments")
    return Constraint("segments", (), first, last, text)


def _values(text: str, what: str, words: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Union of the values of words separated by ``|`` or a comma, sorted."""
    values: set[str] = set()
    for word in re.split(r"[|,]", what):
        if word.strip() not in words:
            raise _unknown(text, f"{', '.join(words)}, or several with | between them")
        values.update(words[word.strip()])
    return tuple(sorted(values))


@cache
def _label_words() -> dict[str, tuple[str, ...]]:
    others = {
        f"{no}-{word}": tuple(label for label in LABELS if label not in labels)
        for no in ("no", "not")
        for word, labels in LABEL_WORDS.items()
    }
    return LABEL_WORDS | others


def _unknown(text: str, expected: str) -> ConfigError:
    return ConfigError(f"found constraint {text[:80]!r}, expected {expected}")
