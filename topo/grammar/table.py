"""Grammar of the legal topologies: a table of segment states and its compiled automaton.

A chain is a sequence of segments, each in one state of the table. A state defines its letter, the
length of its segments, the states that may follow, and whether the chain may begin or end there.
Segments are maximal runs: no state is followed by one of its letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from topo.errors import ConfigError
from topo.grammar.automaton import Automaton, closure, compile_arrays, compile_product
from topo.labels import (
    HELIX,
    INSIDE,
    OUTSIDE,
    PERIPLASM,
    SIDES,
    SIGNAL,
    STRAND,
)
from topo.labels.scheme import SIDE, SIX, LabelScheme, check_name

MOST_STATES = 1000
"""Largest number of states of a grammar."""

LONGEST_SEGMENT = 100_000
"""Bounds of lengths are below this: a table has a score for each length of a bounded state."""


@dataclass(frozen=True)
class State:
    """One row of the table.

    Parameters
    ----------
    name
        Name of the state, unique in its table.
    letter
        Label that its segments write, a letter of the grammar's scheme.
    minimum, maximum
        Bounds of a segment's length in residues; no upper bound where ``maximum`` is None.
    start, end
        Whether the chain may begin or end with such a segment.
    successors
        Names of the states that may follow.
    channel
        Name of the emission that scores its residues; the letter where None.
    """

    name: str
    letter: str
    minimum: int = 1
    maximum: int | None = None
    start: bool = False
    end: bool = False
    successors: tuple[str, ...] = ()
    channel: str | None = None

    @property
    def emission(self) -> str:
        """Name of the emission channel: ``channel``, or else the letter."""
        return self.channel or self.letter


@dataclass(frozen=True)
class Grammar:
    """A validated table of states, with the scheme of the labels that they write.

    Parameters
    ----------
    states
        Rows of the table.
    scheme
        Labels and protein types.

    Raises
    ------
    ConfigError
        If the table is not usable; the message names the state and what was expected.
    """

    states: tuple[State, ...]
    scheme: LabelScheme = SIX

    def __post_init__(self) -> None:
        _validate(self.states, self.scheme)
        _ = self.six

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each state in the table, by name."""
        return {state.name: position for position, state in enumerate(self.states)}

    @cached_property
    def arcs(self) -> tuple[tuple[int, int], ...]:
        """Pairs (state, successor) as positions in the table, in table order."""
        return tuple(
            (self.index[state.name], self.index[name])
            for state in self.states
            for name in state.successors
        )

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Names of the emission channels: letters in index order, then channels with own names."""
        used = dict.fromkeys(state.emission for state in self.states)
        letters = self.scheme.letters
        return (*letters, *(name for name in used if name not in letters))

    @cached_property
    def channel_letters(self) -> tuple[str, ...]:
        """Letter that each channel scores, in the order of :attr:`channels`."""
        letters = {state.emission: state.letter for state in self.states}
        return tuple(letters.get(name, name) for name in self.channels)

    @cached_property
    def types(self) -> tuple[int, ...]:
        """Indices of the protein types that some path spells, ascending."""
        found = {int(index) for index in self.automaton.type if index >= 0}
        return tuple(sorted(found))

    @cached_property
    def automaton(self) -> Automaton:
        """The paths of whole chains: each final state has exactly one protein type.

        The product of the table with the types that the letters so far leave possible, cut to the
        states on some complete path. Chains whose letters spell no type are not among
        the paths.
        """
        return compile_product(self)

    @cached_property
    def untyped(self) -> Automaton:
        """The table itself as an automaton, for pieces cut out of a chain, which have no type."""
        states = range(len(self.states))
        return compile_arrays(
            self, [(k, None) for k in states], [((i, None), (j, None)) for i, j in self.arcs]
        )

    @cached_property
    def six(self) -> tuple[str, ...]:
        """Six-letter equivalent of each state; that of a label that stays on its side is the side.

        Raises
        ------
        ConfigError
            If such a state has no side beside it, or two.
        """
        six = {label.letter: label.six or "" for label in self.scheme.labels}
        found = []
        for k, state in enumerate(self.states):
            near = {six[self.states[j].letter] for i, j in self.arcs if i == k}
            near |= {six[self.states[i].letter] for i, j in self.arcs if j == k}
            sides = sorted(near & {*SIDES})
            if six[state.letter] == SIDE and len(sides) != 1:
                raise ConfigError(
                    f"state {state.name!r}: found {len(sides)} sides beside it, expected one, "
                    f"because {state.letter!r} stays on its side"
                )
            found.append(sides[0] if six[state.letter] == SIDE else six[state.letter])
        return tuple(found)

    def alike(self, automaton: Automaton, *six: str) -> np.ndarray:
        """Mask of an automaton's states with one of these six-letter equivalents, bool (K,)."""
        letters = [self.scheme.index[letter] for letter in self.scheme.alike(*six)]
        return np.isin(automaton.letter, letters)

    @cached_property
    def by_state(self) -> Grammar:
        """The same grammar with an emission channel for every state of its own."""
        rows = (State(**{**vars(state), "channel": state.name}) for state in self.states)
        return Grammar(tuple(rows), self.scheme)


def default_grammar() -> Grammar:
    """Return the grammar of helical, secreted, soluble and barrel proteins.

    Bounds hold every record of the training sets. ``surface`` is the outside between strands,
    ``first_periplasm`` the stretch before the first strand: a chain may not end there, since
    the periplasm is known only from barrels.
    """
    return _DEFAULT


def _validate(states: tuple[State, ...], scheme: LabelScheme) -> None:
    names = [state.name for state in states]
    if not names:
        raise ConfigError("the grammar has no states, expected at least one")
    if len(names) > MOST_STATES:
        raise ConfigError(f"found {len(names)} states, expected at most {MOST_STATES}")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"state {min(twice)!r} is given twice, expected unique names")
    letters = {state.name: state.letter for state in states}
    channels: dict[str, str] = {letter: letter for letter in scheme.letters}
    for state in states:
        _validate_state(state, letters, scheme)
        if channels.setdefault(state.emission, state.letter) != state.letter:
            raise ConfigError(
                f"state {state.name!r}: channel {state.emission!r} belongs to the letter "
                f"{channels[state.emission]!r}, expected a channel of {state.letter!r}"
            )
    _validate_reach(states)


def _validate_state(state: State, letters: dict[str, str], scheme: LabelScheme) -> None:
    where = f"state {state.name!r}"
    for name in (state.name, state.emission):
        check_name(where, name)
    if state.letter not in scheme.index:
        raise ConfigError(
            f"{where}: found letter {state.letter!r}, expected one of {' '.join(scheme.letters)}"
        )
    if state.minimum < 1:
        raise ConfigError(f"{where}: found minimum {state.minimum}, expected at least 1")
    for name in ("minimum", "maximum"):
        if (getattr(state, name) or 0) > LONGEST_SEGMENT:
            raise ConfigError(
                f"{where}: found {name} {getattr(state, name)}, expected at most {LONGEST_SEGMENT}"
            )
    if state.maximum is not None and state.maximum < state.minimum:
        raise ConfigError(
            f"{where}: found maximum {state.maximum}, expected at least the minimum {state.minimum}"
        )
    for name in state.successors:
        if name not in letters:
            raise ConfigError(
                f"{where}: found successor {name!r}, expected one of {', '.join(letters)}"
            )
        if letters[name] == state.letter:
            raise ConfigError(
                f"{where}: found successor {name!r} of the same letter {state.letter!r}, "
                "expected another letter (a segment is a maximal run of one letter)"
            )
    if len(set(state.successors)) < len(state.successors):
        raise ConfigError(f"{where}: a successor is given twice, expected each once")


def _validate_reach(states: tuple[State, ...]) -> None:
    forward = {state.name: state.successors for state in states}
    backward = {name: [s.name for s in states if name in s.successors] for name in forward}
    if not any(state.start for state in states):
        raise ConfigError("no state may start a chain, expected 'start: true' in at least one")
    reached = closure((state.name for state in states if state.start), forward)
    ending = closure((state.name for state in states if state.end), backward)
    for state in states:
        if state.name not in reached:
            raise ConfigError(
                f"state {state.name!r} cannot be reached, expected a way from a start state"
            )
        if state.name not in ending:
            raise ConfigError(
                f"state {state.name!r} has no path to an end, expected a way to an end state"
            )


_DEFAULT = Grammar(
    (
        State("signal", SIGNAL, 8, 70, start=True, successors=("outside", "first_periplasm")),
        State("inside", INSIDE, start=True, end=True, successors=("helix_out",)),
        State("outside", OUTSIDE, start=True, end=True, successors=("helix_in",)),
        State("helix_out", HELIX, 8, 45, start=True, end=True, successors=("outside",)),
        State("helix_in", HELIX, 8, 45, start=True, end=True, successors=("inside",)),
        State("first_periplasm", PERIPLASM, start=True, successors=("strand_out",)),
        State("periplasm", PERIPLASM, end=True, successors=("strand_out",)),
        State("surface", OUTSIDE, start=True, end=True, successors=("strand_in",)),
        State("strand_out", STRAND, 3, 30, start=True, end=True, successors=("surface",)),
        State("strand_in", STRAND, 3, 30, start=True, end=True, successors=("periplasm",)),
    )
)
