"""States of a grammar that two paths of the same labels can pass at the same time."""

from __future__ import annotations

from itertools import combinations

from topo.grammar.automaton import Automaton, closure
from topo.grammar.table import Grammar


def ambiguous_states(grammar: Grammar) -> list[tuple[str, str]]:
    """List pairs of states between which the labels of a whole chain do not decide.

    Two paths that spell the same labels share their segments, so that their states have the same
    letter throughout. Lengths are not looked at: bounds may still decide.

    Returns
    -------
    list of tuple of str
        Names of the states in the order of the table; empty where labels determine the path.
    """
    a = grammar.automaton
    following = _followers(a)
    starts = [(i, j) for i, j in _alike(a, a.start.nonzero()[0].tolist()) if a.start[i]]
    forward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    waiting = list(starts)
    for pair in waiting:
        forward[pair] = [
            (i, j)
            for i in following[pair[0]]
            for j in following[pair[1]]
            if a.letter[i] == a.letter[j]
        ]
        waiting += [found for found in dict.fromkeys(forward[pair]) if found not in waiting]
    backward: dict[tuple[int, int], list[tuple[int, int]]] = {pair: [] for pair in forward}
    for pair, found in forward.items():
        for target in found:
            backward[target].append(pair)
    ends = [pair for pair in forward if a.end[pair[0]] and a.end[pair[1]]]
    names = [state.name for state in grammar.states]
    states = {
        tuple(sorted((int(a.state[i]), int(a.state[j]))))
        for i, j in closure(ends, backward)
        if a.state[i] != a.state[j]
    }
    return [(names[i], names[j]) for i, j in sorted(states)]


def _followers(a: Automaton) -> list[list[int]]:
    """States that may follow each state."""
    cuts = zip(a.outgoing_start[:-1], a.outgoing_start[1:], strict=True)
    return [a.target[a.outgoing[low:high]].tolist() for low, high in cuts]


def _alike(a: Automaton, states: list[int]) -> list[tuple[int, int]]:
    """Pairs of these states with the same letter, each state with itself included."""
    same = [(i, i) for i in states]
    return same + [(i, j) for i, j in combinations(states, 2) if a.letter[i] == a.letter[j]]
