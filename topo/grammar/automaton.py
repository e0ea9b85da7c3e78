"""Automaton of a grammar: its states and arcs as arrays for the recursions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from topo.errors import ConfigError
from topo.labels.scheme import LabelScheme

if TYPE_CHECKING:
    from topo.grammar.table import Grammar, State


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


def closure(roots: Iterable, edges: dict) -> dict:
    """Nodes that can be reached from ``roots``, in breadth-first order (keys)."""
    found = dict.fromkeys(roots)
    queue = list(found)
    for node in queue:
        for following in edges[node]:
            if following not in found:
                found[following] = None
                queue.append(following)
    return found


def _progress(letters: frozenset[str], scheme: LabelScheme) -> tuple[frozenset[str] | None, ...]:
    """Return the labels that each type still lacks after some letters; None if it is ruled out."""
    return tuple(
        None
        if rule.lacks & letters or (rule.only and not letters <= rule.only)
        else rule.has - letters
        for rule in scheme.types
    )


def compile_product(grammar: Grammar) -> Automaton:
    """Build :attr:`Grammar.automaton`; a node is (table state, progress of the letters seen)."""
    seen: dict[tuple, frozenset[str]] = {}

    def node(state: int, letters: frozenset[str]) -> tuple:
        letters = letters | {grammar.states[state].letter}
        found = (state, _progress(letters, grammar.scheme))
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
    finals = [n for n in queue if _final_type(grammar.states[n[0]], n[1]) is not None]
    useful = closure(finals, {n: arrivals.get(n, []) for n in queue})
    if not any(n in useful for n in starts):
        raise ConfigError("no path of the grammar spells a protein type, expected at least one")
    nodes = sorted((n for n in queue if n in useful), key=lambda n: (queue.index(n), n[0]))
    arcs = [(a, b) for a in nodes for b in edges[a] if b in useful]
    return compile_arrays(grammar, nodes, arcs)


def compile_arrays(grammar: Grammar, nodes: list[tuple], arcs: list[tuple]) -> Automaton:
    """Store nodes (table state, progress or None) and arcs between them as arrays."""
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
        letter=np.array([grammar.scheme.index[row.letter] for row in rows], dtype=np.int64),
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


def _final_type(row: State, progress: tuple[frozenset[str] | None, ...] | None) -> int | None:
    """Type index of a chain that ends here: -1 if it has no type, None if it is illegal."""
    if not row.end:
        return None
    if progress is None:
        return -1
    return next((index for index, missing in enumerate(progress) if missing == frozenset()), None)


def _starts(grammar: Grammar, nodes: list[tuple]) -> list[tuple]:
    """Those of the nodes in which a chain may begin."""
    return [
        node
        for node in nodes
        if (row := grammar.states[node[0]]).start
        and (not node[1] or node[1] == _progress(frozenset(row.letter), grammar.scheme))
    ]
