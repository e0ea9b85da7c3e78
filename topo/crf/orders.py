"""Most probable orders of segments: best-first search over the orders' beginnings.

The mass of a beginning is that of all paths whose segments begin with its letters, so it bounds the
mass of every order that continues it. The search therefore finds the orders in descending
mass, each exactly.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from topo.caches.kernels import njit
from topo.crf.confidence import enter_states, sum_segments
from topo.crf.semimarkov import (
    LOW,
    PathScores,
    add,
    backward_links,
    duration_weights,
    make_chain,
    recursion,
    reverse,
)
from topo.grammar.automaton import Automaton
from topo.grammar.legality import count_letters

_BUDGET = 20_000_000  # residues over which the segments of all beginnings are summed
_FEWEST = 200


class Tables(NamedTuple):
    """Sums of one chain of T residues: emissions, cleavage scores, and the backward recursion.

    ``total`` (T + 1, channels); ``cleavage`` (T + 1,); ``entry`` and ``exit`` (T + 1, K), log mass
    of completing a path whose segment starts, or ends, at t; ``ending`` (K,), of ending there.
    """

    total: np.ndarray
    cleavage: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    ending: np.ndarray


def best_orders(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    type_scores: np.ndarray,
    count: int,
    least: float,
    automaton: Automaton,
    scores: PathScores,
) -> list[tuple[np.ndarray, float]]:
    """Orders of segments of one chain with the largest log masses, best first.

    Parameters
    ----------
    emissions, cleavage, type_scores, automaton, scores
        As for :func:`topo.crf.viterbi.n_best_labels`.
    count
        Number of orders. There are fewer if the chain has no more, or if the rest is spread over
        so many orders that the search is given up.
    least
        Orders with a smaller log mass are left out.

    Returns
    -------
    list of (numpy.ndarray, float)
        Letters of the segments, int64 (S,), and the log mass.
    """
    tables = _tables(emissions, cleavage, type_scores, automaton, scores)
    left = max(_FEWEST, _BUDGET // len(emissions))
    first = _first_letters(tables, automaton, scores)
    number = 0  # a tie is decided by the order in which the beginnings were found
    heap: list = []
    nothing = np.empty((0, 0))
    for letter in np.flatnonzero(first > LOW):
        heap.append((-first[letter], number := number + 1, (int(letter),), nothing, False))
    heapq.heapify(heap)
    found = []
    while heap and len(found) < count:
        mass, _, letters, before, complete = heapq.heappop(heap)
        if -mass < least:
            break
        if complete:
            found.append((np.array(letters), -mass))
            continue
        if not left:
            break
        left -= 1
        known = np.array(letters[-2:])
        exit = _extend(known, len(letters), before, tables, automaton, scores)
        whole, further = _continuations(letters[-1], exit, tables, automaton, scores)
        if whole > LOW:
            heapq.heappush(heap, (-whole, number := number + 1, letters, nothing, True))
        for letter in np.flatnonzero(further > LOW):
            longer = (*letters, int(letter))
            item = (-further[letter], number := number + 1, longer, exit, False)
            heapq.heappush(heap, item)
    return found


@njit(cache=True, nogil=True)
def _tables(emissions, cleavage, type_scores, a, scores):
    """Run the backward recursion."""
    size, states = len(emissions), len(a.letter)
    chain = make_chain(emissions, cleavage, np.full(size, -1, np.int64), False, False)
    weights, peaks = duration_weights(a, scores)
    ending = np.full(states, LOW)
    for k in range(states):
        if a.end[k]:
            ending[k] = scores.end[k] + type_scores[a.type[k]]
    entry, exit = np.empty((size + 1, states)), np.empty((size + 1, states))
    unused = np.zeros(weights.shape)
    recursion(
        reverse(chain), backward_links(a), a, scores, weights, peaks, ending, exit, entry, 0.0,
        entry[:0], unused, unused,
    )  # fmt: skip
    return Tables(chain.total, chain.cleavage, entry[::-1].copy(), exit[::-1].copy(), ending)


@njit(cache=True, nogil=True)
def _first_letters(tables, a, scores):
    """Log mass of the paths that begin with each letter, (letters,)."""
    mass = np.full(count_letters(a), LOW)
    for k in range(len(a.letter)):
        if a.start[k]:
            mass[a.letter[k]] = add(mass[a.letter[k]], scores.start[k] + tables.entry[0, k])
    return mass


@njit(cache=True, nogil=True)
def _extend(letters, segments, before, tables, a, scores):
    """Log mass of the beginnings whose last segment ends in a state at t, (K, T + 1).

    ``letters`` are those of the last two of the segments, ``before`` is the result without the
    last one.
    """
    size, states = len(tables.total) - 1, len(a.letter)
    weights, peaks = duration_weights(a, scores)
    shape = (states, size + 1)
    entry, exit, terms = np.full(shape, LOW), np.full(shape, LOW), np.zeros(shape)
    low, high = 0, 0  # where the last segment can start
    if segments > 1:
        low, high = segments - 1, size - 1
        enter_states(letters[0], letters[1], low, high, tables.total, tables.cleavage, a, scores,
                     before, entry)  # fmt: skip
    for k in range(states):
        if a.letter[k] == letters[-1]:
            if segments == 1 and a.start[k]:
                entry[k, 0] = scores.start[k]
            sum_segments(k, low, high, size, tables.total, a, scores, weights, peaks[k], entry,
                         terms, exit)  # fmt: skip
    return exit


@njit(cache=True, nogil=True)
def _continuations(letter, exit, tables, a, scores):
    """Log mass of the paths that end with a beginning, or go on with each letter, (letters,)."""
    size, whole = len(tables.total) - 1, LOW
    further = np.full(count_letters(a), LOW)
    for k in range(len(a.letter)):
        if a.letter[k] == letter and tables.ending[k] > LOW:
            whole = add(whole, exit[k, size] + tables.ending[k])
    for arc in range(len(a.source)):
        j, k = a.source[arc], a.target[arc]
        if a.letter[j] != letter:
            continue
        mass = further[a.letter[k]]
        for t in range(1, size):
            site = tables.cleavage[t] if scores.cleaves[j] else 0.0
            one = exit[j, t] + scores.transition[arc] + site + tables.entry[t, k]
            mass = add(mass, one)
        further[a.letter[k]] = mass
    return whole, further
