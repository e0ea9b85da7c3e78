"""Automata expanded by a level that paths climb: counts of segments, orders of segments.

A node of the expanded automaton is a state of the automaton and a level. Its scores are those of
the state, so that the paths keep their scores and the recursions need no change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from topo.crf.semimarkov import PathScores, restrict
from topo.grammar.automaton import Automaton


class Levels(NamedTuple):
    """Levels of an automaton with K states.

    ``start`` (K,) is the level of a chain that begins in the state; ``following`` (L, K) that of a
    path that goes on from a level to the state, both -1 where it cannot; ``end`` (L, K) is
    whether a chain may end there.
    """

    start: np.ndarray
    following: np.ndarray
    end: np.ndarray


class Expanded(NamedTuple):
    """Expanded automaton with its scores, and the level of each of its states."""

    automaton: Automaton
    scores: PathScores
    level: np.ndarray


def _all_types(automaton: Automaton) -> np.ndarray:
    return np.ones(max(int(automaton.type.max(initial=0)), 0) + 1, dtype=np.bool_)


def cut(automaton: Automaton, scores: PathScores) -> tuple[Automaton, PathScores]:
    """Leave out the states from which no end can be reached."""
    part, its_scores, _ = restrict(automaton, scores, _all_types(automaton))
    return part, its_scores


def count_levels(adds: np.ndarray, most: int, open_end: bool) -> Levels:
    """Levels that are the number of segments of some states so far, 0 to ``most``.

    Parameters
    ----------
    adds
        Mask of these states, bool (K,).
    most
        Highest level.
    open_end
        Whether paths with more segments stay on the last level; they are forbidden otherwise.
    """
    start = adds.astype(np.int64)
    following = np.arange(most + 1)[:, None] + adds
    if open_end:
        start, following = np.minimum(start, most), np.minimum(following, most)
    start[start > most] = -1
    following[following > most] = -1
    return Levels(start, following, np.ones(following.shape, dtype=np.bool_))


def order_levels(automaton: Automaton, order: np.ndarray) -> Levels:
    """Levels that are the segments of a topology, whose labels are ``order`` (L,)."""
    fits = automaton.letter == order[:, None]  # (L, K)
    levels = np.arange(len(order))[:, None]
    following = np.full(fits.shape, -1)
    following[:-1] = np.where(fits[1:], levels[1:], -1)
    return Levels(np.where(fits[0], 0, -1), following, np.broadcast_to(
        levels == len(order) - 1, fits.shape
    ))  # fmt: skip


def expand(automaton: Automaton, scores: PathScores, levels: Levels) -> Expanded:
    """Build the automaton of states and levels on some path from a start to an end."""
    a = automaton
    nodes: dict[tuple[int, int], int] = {}
    for k in np.flatnonzero(a.start & (levels.start >= 0)):
        nodes[int(levels.start[k]), int(k)] = len(nodes)
    arcs: list[tuple[int, int, int]] = []  # target, source, arc
    waiting = list(nodes)
    for level, k in waiting:
        for arc in a.outgoing[a.outgoing_start[k] : a.outgoing_start[k + 1]]:
            target = int(a.target[arc])
            above = int(levels.following[level, target])
            if above < 0:
                continue
            if (above, target) not in nodes:
                nodes[above, target] = len(nodes)
                waiting.append((above, target))
            arcs.append((nodes[above, target], nodes[level, k], int(arc)))
    return _arrays(a, scores, levels, list(nodes), sorted(arcs))


def _arrays(
    a: Automaton,
    scores: PathScores,
    levels: Levels,
    nodes: list[tuple[int, int]],
    arcs: list[tuple[int, int, int]],
) -> Expanded:
    level, k = np.array(nodes, dtype=np.int64).reshape(-1, 2).T
    target, source, arc = np.array(arcs, dtype=np.int64).reshape(-1, 3).T
    every = np.arange(len(nodes) + 1)
    outgoing = np.argsort(source, kind="stable")
    whole = Automaton(
        *(field[k] for field in a[:5]),
        start=a.start[k] & (levels.start[k] == level),
        end=a.end[k] & levels.end[level, k],
        type=a.type[k],
        source=source.copy(),
        target=target.copy(),
        arc=a.arc[arc],
        incoming=np.searchsorted(target, every).astype(np.int64),
        outgoing=outgoing.astype(np.int64),
        outgoing_start=np.searchsorted(source[outgoing], every).astype(np.int64),
    )
    own = PathScores(scores.transition[arc], *(field[k] for field in scores[1:]))
    part, its_scores, kept = restrict(whole, own, _all_types(whole))
    return Expanded(part, its_scores, level[kept])
