"""Grammar of the legal topologies: a table of segment states and its compiled automaton.

A chain is a sequence of segments, each in one state of the table. A state defines its letter, the
length of its segments, the states that may follow, and whether the chain may begin or end there.
Segments are maximal runs: no state is followed by one of its letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np

from topo.errors import ConfigError
from topo.labels import (
    HELIX,
    INSIDE,
    LABEL_INDEX,
    LABELS,
    OUTSIDE,
    PERIPLASM,
    SIGNAL,
    STRAND,
    TYPE_INDEX,
    protein_type,
)

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
        Label that its segments write, one of :data:`topo.labels.LABELS`.
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


class Automaton(NamedTuple):
    """A grammar as arrays: K states, A arcs between them.

    ``state`` (K,) and ``arc`` (A,) point into the table's states and arcs, which own the
    parameters. ``type`` (K,) is the type index of a chain that ends in the state, -1 where none.
    Arcs are sorted by their target, ``incoming[k]:incoming[k + 1]`` are those into k; the arcs
    ``outgoing[outgoing_start[k]:outgoing_start[k + 1]]`` leave k. ``maximum`` is 0 where there
    is no upper bound. All arrays are int64, ``start`` and ``end`` bool.
    """

    letter: np.ndarray
    channel: np.ndarray
    state: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    start: np.ndarray
    end: np.ndarray
    type: np.ndarray
    source: np.ndarray
    target: np.ndarray
    arc: np.ndarray
    incoming: np.ndarray
    outgoing: np.ndarray
    outgoing_start: np.ndarray


@dataclass(frozen=True)
class Grammar:
    """A validated table of states.

    Raises
    ------
    ConfigError
        If the table is not usable; the message names the state and what was expected.
    """

    states: tuple[State, ...]

    def __post_init__(self) -> None:
        _validate(self.states)

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
        named = tuple(name for name in used if name not in LABELS)
        return (*LABELS, *named)

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
        return _product(self)

    @cached_property
    def untyped(self) -> Automaton:
        """The table itself as an automaton, for pieces cut out of a chain, which have no type."""
        states = range(len(self.states))
        return _arrays(
            self, [(k, None) for k in states], [((i, None), (j, None)) for i, j in self.arcs]
        )

    @cached_property
    def by_state(self) -> Grammar:
        """The same grammar with an emission channel for every state of its own."""
        rows = (State(**{**vars(state), "channel": state.name}) for state in self.states)
        return Grammar(tuple(rows))


def default_grammar() -> Grammar:
    """Return the grammar of helical, secreted, soluble and barrel proteins.

    Bounds hold every record of the training sets. ``surface`` is the outside between strands,
    ``first_periplasm`` the stretch before the first strand: a chain may not end there, since
    the periplasm is known only from barrels.
    """
    return _DEFAULT


def _validate(states: tuple[State, ...]) -> None:
    names = [state.name for state in states]
    if not names:
        raise ConfigError("the grammar has no states, expected at least one")
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"state {min(twice)!r} is given twice, expected unique names")
    letters = {state.name: state.letter for state in states}
    channels: dict[str, str] = {letter: letter for letter in LABELS}
    for state in states:
        _validate_state(state, letters)
        if channels.setdefault(state.emission, state.letter) != state.letter:
            raise ConfigError(
                f"state {state.name!r}: channel {state.emission!r} belongs to the letter "
                f"{channels[state.emission]!r}, expected a channel of {state.letter!r}"
            )
    _validate_reach(states)


def _validate_state(state: State, letters: dict[str, str]) -> None:
    where = f"state {state.name!r}"
    if state.letter not in LABEL_INDEX:
        raise ConfigError(
            f"{where}: found letter {state.letter!r}, expected one of {' '.join(LABELS)}"
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
    reached = _closure((state.name for state in states if state.start), forward)
    ending = _closure((state.name for state in states if state.end), backward)
    for state in states:
        if state.name not in reached:
            raise ConfigError(
                f"state {state.name!r} cannot be reached, expected a way from a start state"
            )
        if state.name not in ending:
            raise ConfigError(
                f"state {state.name!r} has no path to an end, expected a way to an end state"
            )


def _closure(roots: Iterable, edges: dict) -> dict:
    """Nodes that can be reached from ``roots``, in breadth-first order (keys)."""
    found = dict.fromkeys(roots)
    queue = list(found)
    for node in queue:
        for following in edges[node]:
            if following not in found:
                found[following] = None
                queue.append(following)
    return found


@cache
def _outlook(letters: frozenset[str]) -> tuple[str | None, ...]:
    """Return the type of the chain for each set of further letters."""
    subsets = chain.from_iterable(combinations(LABELS, size) for size in range(len(LABELS) + 1))
    return tuple(protein_type("".join(letters | set(more))) for more in subsets)


def _product(grammar: Grammar) -> Automaton:
    """Build :attr:`Grammar.automaton`; a node is (table state, outlook of the letters seen)."""
    seen: dict[tuple, frozenset[str]] = {}

    def node(state: int, letters: frozenset[str]) -> tuple:
        letters = letters | {grammar.states[state].letter}
        found = (state, _outlook(letters))
        seen.setdefault(found, letters)
        return found

    successors = {i: [b for a, b in grammar.arcs if a == i] for i in range(len(grammar.states))}
    starts = [node(i, frozenset()) for i, state in enumerate(grammar.states) if state.start]
    queue, edges, arrivals = list(dict.fromkeys(starts)), {}, {}
    for here in queue:
        edges[here] = [node(state, seen[here]) for state in successors[here[0]]]
        for following in edges[here]:
            arrivals.setdefault(following, []).append(here)
            if following not in edges and following not in queue:
                queue.append(following)
    finals = [n for n in queue if grammar.states[n[0]].end and n[1][0] is not None]
    useful = _closure(finals, {n: arrivals.get(n, []) for n in queue})
    if not any(n in useful for n in starts):
        raise ConfigError("no path of the grammar spells a protein type, expected at least one")
    nodes = sorted((n for n in queue if n in useful), key=lambda n: (queue.index(n), n[0]))
    arcs = [(a, b) for a in nodes for b in edges[a] if b in useful]
    return _arrays(grammar, nodes, arcs)


def _arrays(grammar: Grammar, nodes: list[tuple], arcs: list[tuple]) -> Automaton:
    """Store nodes (table state, outlook or None) and arcs between them as arrays."""
    position = {node: k for k, node in enumerate(nodes)}
    rows = [grammar.states[node[0]] for node in nodes]
    entry = set(_starts(grammar, nodes))
    table_arc = {pair: a for a, pair in enumerate(grammar.arcs)}
    arcs = sorted(arcs, key=lambda ab: (position[ab[1]], position[ab[0]]))
    source = np.array([position[a] for a, _ in arcs], dtype=np.int64)
    target = np.array([position[b] for _, b in arcs], dtype=np.int64)
    kinds = [_final_type(row, node[1]) for row, node in zip(rows, nodes, strict=True)]
    count = np.arange(len(nodes) + 1)
    return Automaton(
        letter=np.array([LABEL_INDEX[row.letter] for row in rows], dtype=np.int64),
        channel=np.array([grammar.channels.index(row.emission) for row in rows], dtype=np.int64),
        state=np.array([node[0] for node in nodes], dtype=np.int64),
        minimum=np.array([row.minimum for row in rows], dtype=np.int64),
        maximum=np.array([row.maximum or 0 for row in rows], dtype=np.int64),
        start=np.array([node in entry for node in nodes], dtype=np.bool_),
        end=np.array([kind is not None for kind in kinds], dtype=np.bool_),
        type=np.array([-1 if kind is None else kind for kind in kinds], dtype=np.int64),
        source=source,
        target=target,
        arc=np.array([table_arc[a[0], b[0]] for a, b in arcs], dtype=np.int64),
        incoming=np.searchsorted(target, count).astype(np.int64),
        outgoing=np.argsort(source, kind="stable").astype(np.int64),
        outgoing_start=np.searchsorted(np.sort(source), count).astype(np.int64),
    )


def _final_type(row: State, outlook: tuple[str | None, ...] | None) -> int | None:
    """Type index of a chain that ends here: -1 if it has no type, None if it is illegal."""
    if not row.end:
        return None
    if outlook is None:
        return -1
    return None if outlook[0] is None else TYPE_INDEX[outlook[0]]


def _starts(grammar: Grammar, nodes: list[tuple]) -> list[tuple]:
    """Those of the nodes in which a chain may begin."""
    return [
        node
        for node in nodes
        if (row := grammar.states[node[0]]).start
        and (not node[1] or node[1] == _outlook(frozenset(row.letter)))
    ]


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
