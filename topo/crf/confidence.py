"""Confidence of a topology: the mass of all paths with its order of segments.

The order of the segments counts, not their ends. The forward recursion runs segment by segment,
each in all states with its letter, over the part of the chain that the segment can reach.
"""

from __future__ import annotations

import numpy as np

from topo.caches.kernels import njit
from topo.crf.semimarkov import (
    LOW,
    PathScores,
    add,
    duration_weights,
    make_chain,
    restrict,
    sum_window,
)
from topo.grammar.automaton import Automaton
from topo.grammar.legality import count_letters


@njit(cache=True, nogil=True)
def order_masses(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    labels: np.ndarray,
    offsets: np.ndarray,
    type_scores: np.ndarray,
    allowed: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
) -> np.ndarray:
    """Log mass of the paths whose segments have the letters of ``labels``, in that order, (B,).

    Parameters
    ----------
    labels
        int64 (R,), no unknown ones.
    emissions, cleavage, offsets, type_scores, automaton, scores
        As for :func:`topo.crf.expectations.likelihood`.
    allowed
        bool (B, 5), types that the letters may spell.
    """
    mass = np.full(len(offsets) - 1, LOW)
    for b in range(len(mass)):
        part = slice(offsets[b], offsets[b + 1])
        a, own_scores, _ = restrict(automaton, scores, allowed[b])
        chain = make_chain(emissions[part], cleavage[part], labels[part], False, False)
        letters = _order(labels[part])
        mass[b] = _order_mass(letters, chain.total, chain.cleavage, type_scores[b], a, own_scores)
    return mass


@njit(cache=True, nogil=True)
def _order(labels):
    """Letters of the segments."""
    changes = np.ones(len(labels), np.bool_)
    changes[1:] = labels[1:] != labels[:-1]
    return labels[changes]


@njit(cache=True, nogil=True)
def _order_mass(letters, total, cleavage, type_scores, a, scores):
    """Log mass of one chain's paths with segments of these letters."""
    size, states = len(total) - 1, len(a.letter)
    weights, peaks = duration_weights(a, scores)
    entry, exit = np.full((states, size + 1), LOW), np.full((states, size + 1), LOW)
    terms = np.zeros((states, size + 1))
    number = max(count_letters(a), letters.max() + 1)
    least = np.full(number, size, np.int64)  # of a segment of each letter
    for k in range(states):
        least[a.letter[k]] = min(least[a.letter[k]], a.minimum[k])
        if a.start[k] and a.letter[k] == letters[0]:
            entry[k, 0] = scores.start[k]
    low, high = 0, size - least[letters].sum()  # where the segment can start
    for i in range(len(letters)):
        end = size if i + 1 == len(letters) else high + least[letters[i]]
        for k in range(states):
            if a.letter[k] == letters[i]:
                sum_segments(k, low, high, end, total, a, scores, weights, peaks[k], entry, terms,
                         exit)  # fmt: skip
        low, high = low + least[letters[i]], end
        if i + 1 < len(letters):
            enter_states(
                letters[i], letters[i + 1], low, high, total, cleavage, a, scores, exit, entry
            )
    mass = LOW
    for k in range(states):
        if a.end[k] and a.letter[k] == letters[-1]:
            mass = add(mass, exit[k, size] + scores.end[k] + type_scores[a.type[k]])
    return mass


@njit(cache=True, nogil=True)
def enter_states(letter, following, low, high, total, cleavage, a, scores, exit, entry):
    """Start the states of the next letter where those of this one end."""
    for k in range(len(a.letter)):
        if a.letter[k] != following:
            continue
        for t in range(low, high + 1):
            value = LOW
            for arc in range(a.incoming[k], a.incoming[k + 1]):
                j = a.source[arc]
                if a.letter[j] == letter:
                    score = cleavage[t] if scores.cleaves[j] else 0.0
                    value = add(value, exit[j, t] + scores.transition[arc] + score)
            entry[k, t] = value - total[t, a.channel[k]]


@njit(cache=True, nogil=True)
def sum_segments(k, low, high, end, total, a, scores, weights, peak, entry, terms, exit):
    """Fill ``exit[k]`` up to ``end``, of segments that start between ``low`` and ``high``.

    ``entry`` (K, T + 1) is relative to the summed emissions, as in the windows of
    :mod:`topo.crf.semimarkov`.
    """
    least, most, channel = a.minimum[k], a.maximum[k], a.channel[k]
    duration = scores.duration
    reference, carried = LOW, LOW
    terms[k, low : end + 1] = 0.0
    exit[k, low : end + 1] = LOW
    for t in range(low + least, end + 1):
        here, start = total[t, channel], t - least
        if most == 0:
            residue = here - total[t - 1, channel]
            carried = carried + residue + scores.stay[k]
            if start <= high:
                carried = add(carried, entry[k, start] + here)
            exit[k, t] = carried
            continue
        first, last = max(t - most, low), min(start, high)
        if last >= first:
            value, reference, _ = sum_window(
                k, t, first, last, most - t, entry, terms, reference, weights, duration, peak
            )
            exit[k, t] = value + here
