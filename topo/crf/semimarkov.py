"""Sums over all paths of a grammar: partition function, marginals, expected counts.

Explicit-duration (semi-Markov) forward-backward recursions over segments (Murphy 2002; Sarawagi
& Cohen 2004), in float64 log space, one chain at a time. Notation: position t lies before residue
t; C[t] is a channel's emission summed over the residues before t; ``entry[t, k]`` is the log mass
of paths whose segment of state k starts at t, ``exit[t, k]`` of those in which one ends before t.
For a state with bounded durations

    exit[t, k] = C[t] + log sum_d exp(entry[t - d, k] - C[t - d] + duration[k, d])

where the terms of the sum are kept as multiples of exp(reference), so that each costs one
multiplication and addition. The backward recursion is the forward one on the reversed chain.
A known label is no emission of minus infinity: it bounds how far back a segment can reach.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from topo.caches.kernels import njit
from topo.grammar.automaton import Automaton
from topo.grammar.legality import agrees, count_letters

LIMIT = 1e4
"""Emissions are clipped to plus and minus this, which makes infinities harmless."""

LOW = -np.inf
_TINY = 1e-100  # a window sum below this has lost its reference
_RISE = 230.0  # a term this far above the reference replaces it: exp(230) * 1e-100 is near 1
_NEGLIGIBLE = -37.0  # exp of it vanishes beside 1 in float64

BORROWING: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
"""How numba compiles the inner loops' helpers that make no array: they count no references.

Counting those to the arrays that they are passed, by atomic operations, weighs on functions as
short as these. The option is numba's own, hence the upper bound of its version.
"""


class PathScores(NamedTuple):
    """Scores of an automaton with K states and A arcs, all float64.

    ``transition`` (A,); ``stay`` (K,) for each residue beyond the minimum in a state without
    maximum; ``start`` and ``end`` (K,); ``duration`` (K, D + 1) of a segment of d residues;
    ``tail`` (K, D + 1) of a segment that the end of an open chain cuts to d residues; ``cleaves``
    (K,) bool, the states to which the cleavage scores apply.
    """

    transition: np.ndarray
    stay: np.ndarray
    start: np.ndarray
    end: np.ndarray
    duration: np.ndarray
    tail: np.ndarray
    cleaves: np.ndarray


class Chain(NamedTuple):
    """One chain in one direction: sums of emissions, cleavage scores, labels, which ends open."""

    total: np.ndarray  # (T + 1, channels)
    cleavage: np.ndarray  # (T + 1,) score of a cleavage site at t, 0 at both ends
    known: np.ndarray  # (T,) labels, all unknown where nothing is known
    open_first: bool
    open_last: bool


class Links(NamedTuple):
    """The arcs into each state, seen in one direction."""

    first: np.ndarray  # (K + 1,)
    arc: np.ndarray  # (A,)
    other: np.ndarray  # (A,) by arc: where it comes from
    reverse: bool


@njit(cache=True, nogil=True)
def recursion(
    chain, links, a, scores, weights, peaks, first, entry, exit, mass, beyond, counts, cut
):
    """Fill ``entry`` and ``exit``, both (T + 1, K), from the left.

    ``first`` (K,) are the scores to begin with. Where ``beyond`` (T + 1, K) has the log masses
    of completing a path whose segment ends at t, indexed from the chain's other end, expected
    durations are added to ``counts`` and ``cut``, both (K, D + 1).
    """
    size, states = len(chain.total) - 1, len(a.letter)
    terms = np.zeros((states, size + 1))  # exp(value - reference)
    values = np.full((states, size + 1), LOW)  # entry - C
    reference = np.full(states, LOW)
    expected = np.zeros(weights.shape)
    letters = count_letters(a)
    run = np.zeros(letters, np.int64)
    counting = len(beyond) > 0
    total, known, cleavage = chain.total, chain.known, chain.cleavage
    letter, channel, minimum, maximum = a.letter, a.channel, a.minimum, a.maximum
    stay, duration, tail = scores.stay, scores.duration, scores.tail
    open_first, open_last = chain.open_first, chain.open_last
    first_link, link_arc, link_other = links.first, links.arc, links.other
    transition, cleaves, backward = scores.transition, scores.cleaves, links.reverse
    for k in range(states):
        entry[0, k] = first[k]
        exit[0, k] = LOW
    for t in range(1, size + 1):
        for c in range(letters):
            run[c] = run[c] + 1 if agrees(known[t - 1], c) else 0
        cut_last = open_last and t == size
        for k in range(states):
            longest, least, most = run[letter[k]], minimum[k], maximum[k]
            if longest == 0:
                exit[t, k] = LOW
                continue
            here = total[t, channel[k]]
            value = LOW
            if most == 0:
                if longest >= least:
                    value = entry[t - least, k] + (here - total[t - least, channel[k]])
                if longest > least:
                    residue = here - total[t - 1, channel[k]]
                    value = add(value, exit[t - 1, k] + residue + stay[k])
                if least > 1 and (open_first or cut_last):
                    value = add(
                        value,
                        _cut_short(t, k, longest, least, open_first, cut_last, entry, total,
                                   channel[k]),
                    )  # fmt: skip
                exit[t, k] = value
                continue
            after = beyond[size - t, k] - mass if counting else LOW
            low, high = max(t - min(longest, most), 1), t - least
            if cut_last:
                value = _sum_cut(k, t, low, values, tail, here, after, cut)
            elif high >= low:
                value, reference[k], scaled = sum_window(
                    k, t, low, high, most - t, values, terms, reference[k], weights, duration,
                    peaks[k],
                )  # fmt: skip
                value += here
                if value + after > _NEGLIGIBLE:
                    _count_window(
                        k, t, low, high, most - t, values, terms, duration, scaled,
                        value + after, here + after, expected, counts,
                    )  # fmt: skip
            if t <= min(longest, most):
                if open_first or cut_last:
                    only = entry[0, k] + here + tail[k, t]
                    cut[k, t] += exp(only + after)
                    value = add(value, only)
                elif t >= least:
                    only = entry[0, k] + here + duration[k, t]
                    counts[k, t] += exp(only + after)
                    value = add(value, only)
            exit[t, k] = value
        if t < size:
            for k in range(states):
                value = LOW
                for i in range(first_link[k], first_link[k + 1]):
                    arc = link_arc[i]
                    other = link_other[arc]
                    one = exit[t, other] + transition[arc]
                    if cleaves[k if backward else other]:
                        one += cleavage[t]
                    value = add(value, one)
                entry[t, k] = value
                values[k, t] = value - total[t, channel[k]]
    if counting:
        for k in range(states):
            for i in range(maximum[k] - minimum[k] + 1 if maximum[k] > 0 else 0):
                counts[k, maximum[k] - i] += expected[k, i] * weights[k, i]


@njit(cache=True, nogil=True)
def _cut_short(t, k, longest, least, open_first, cut_last, entry, total, channel):
    """Log mass of segments that an open end cuts below the minimum, ending at t."""
    value = LOW
    if open_first and longest == t and t < least:
        value = entry[0, k] + total[t, channel]
    if cut_last:
        for d in range(1, min(longest, least - 1) + 1):
            if d < t or not open_first:
                value = add(value, entry[t - d, k] + (total[t, channel] - total[t - d, channel]))
    return value


@njit(cache=True, nogil=True)
def _sum_cut(k, t, low, values, tail, here, after, cut):
    """Log mass of segments that the open end of the chain cuts."""
    value = LOW
    for s in range(low, t):
        one = values[k, s] + tail[k, t - s] + here
        value = add(value, one)
        cut[k, t - s] += exp(one + after)
    return value


@njit(**BORROWING)
def sum_window(k, t, low, high, shift, values, terms, reference, weights, duration, peak):
    """Log of the window's sum, its reference, and the sum in multiples of exp(reference + peak).

    The latter is 0 where only logarithms can hold it. The terms of the window's positions before
    ``high`` are there already; that of ``high`` is added.
    """
    newest, value, scaled = values[k, high], LOW, 0.0
    if newest > reference + _RISE:
        reference = _refer(k, low, high, values, terms)
    elif newest != LOW:
        terms[k, high] = np.exp(newest - reference)
    if reference > LOW:
        scaled = _dot(k, terms, low, high, weights, shift)
        if scaled < _TINY:
            reference = _refer(k, low, high, values, terms)
            scaled = _dot(k, terms, low, high, weights, shift)
        if scaled >= _TINY:
            value = np.log(scaled) + reference + peak
        else:
            value, scaled = _sum_logs(k, t, low, high, values, duration), 0.0
    return value, reference, scaled


@njit(**BORROWING)
def _refer(k, low, high, values, terms):
    """Make the highest value of the window the reference of its terms; returns it."""
    reference = LOW
    for s in range(low, high + 1):
        reference = max(reference, values[k, s])
    if reference > LOW:
        for s in range(low, high + 1):
            terms[k, s] = np.exp(values[k, s] - reference)
    return reference


@njit(**BORROWING)
def _sum_logs(k, t, low, high, values, duration):
    """Log of the window's sum, of terms that are too far apart for a common reference."""
    value = LOW
    for s in range(low, high + 1):
        value = add(value, values[k, s] + duration[k, t - s])
    return value


@njit(**BORROWING)
def _count_window(
    k, t, low, high, shift, values, terms, duration, scaled, share, rest, expected, counts
):
    """Add the expected durations of the segments that end at t, which have log mass ``share``."""
    if scaled > 0.0:
        factor = np.exp(share) / scaled
        for s in range(low, high + 1):
            expected[k, s + shift] += factor * terms[k, s]
    else:
        for s in range(low, high + 1):
            counts[k, t - s] += exp(values[k, s] + duration[k, t - s] + rest)


@njit(**BORROWING, fastmath={"reassoc", "contract", "nsz"})
def _dot(k, terms, low, high, weights, shift):
    """Sum of terms times weights.

    It runs in vector registers: reassociation allows it, and numbers without sign, as an index
    that may be negative is looked up one by one.
    """
    total, shift = 0.0, np.uint64(shift)
    for s in range(np.uint64(low), np.uint64(high + 1)):
        total += terms[k, s] * weights[k, s + shift]
    return total


@njit(cache=True, nogil=True)
def add(one, other):
    """Logarithm of the sum of two exponentials."""
    if one < other:
        one, other = other, one
    if other - one > _NEGLIGIBLE:
        return one + np.log(1.0 + np.exp(other - one))
    return one


@njit(cache=True, nogil=True)
def exp(value):
    """Exponential of a log probability, 0 where it is negligible."""
    return np.exp(value) if value > _NEGLIGIBLE else 0.0


@njit(cache=True, nogil=True)
def restrict(a, scores, types):
    """Cut an automaton to the states on paths of some types, given as a mask (5,).

    Returns it with its scores and the places of its states in the whole one, (K',).
    """
    end = a.end & types[a.type]
    useful = end.copy()
    count = 0
    while useful.sum() > count:
        count = useful.sum()
        for arc in range(len(a.source)):
            useful[a.source[arc]] |= useful[a.target[arc]]
    kept, place = np.flatnonzero(useful), np.cumsum(useful) - 1
    arcs = np.flatnonzero(useful[a.target])
    source, target = place[a.source[arcs]], place[a.target[arcs]]
    every = np.arange(len(kept) + 1)
    outgoing = np.argsort(source, kind="mergesort")
    part = Automaton(
        a.letter[kept], a.channel[kept], a.state[kept], a.minimum[kept], a.maximum[kept],
        a.start[kept], end[kept], a.type[kept], source, target, a.arc[arcs],
        np.searchsorted(target, every), outgoing, np.searchsorted(source[outgoing], every),
    )  # fmt: skip
    kept_scores = PathScores(
        scores.transition[arcs], scores.stay[kept], scores.start[kept], scores.end[kept],
        scores.duration[kept], scores.tail[kept], scores.cleaves[kept],
    )  # fmt: skip
    return part, kept_scores, kept


@njit(cache=True, nogil=True)
def duration_weights(a, scores):
    """Exponentials of the duration scores, longest first, and what was divided out of them."""
    states = len(a.letter)
    weights, peaks = np.zeros((states, scores.duration.shape[1])), np.zeros(states)
    for k in range(states):
        if a.maximum[k] > 0:
            peaks[k] = scores.duration[k, a.minimum[k] : a.maximum[k] + 1].max()
            for d in range(a.minimum[k], a.maximum[k] + 1):
                weights[k, a.maximum[k] - d] = np.exp(scores.duration[k, d] - peaks[k])
    return weights, peaks


@njit(cache=True, nogil=True)
def make_chain(emissions, cleavage, known, open_first, open_last):
    """Sum up a chain's emissions, clipped to the limit."""
    size, channels = emissions.shape
    total, between = np.zeros((size + 1, channels)), np.zeros(size + 1)
    for t in range(size):
        for c in range(channels):
            total[t + 1, c] = total[t, c] + min(max(emissions[t, c], -LIMIT), LIMIT)
        if t + 1 < size:
            between[t + 1] = min(max(cleavage[t], -LIMIT), LIMIT)
    return Chain(total, between, known, open_first, open_last)


@njit(cache=True, nogil=True)
def reverse(chain):
    """Reverse a chain."""
    total = np.ascontiguousarray((chain.total[-1] - chain.total)[::-1])
    cleavage = np.ascontiguousarray(chain.cleavage[::-1])
    known = np.ascontiguousarray(chain.known[::-1])
    return Chain(total, cleavage, known, chain.open_last, chain.open_first)


@njit(cache=True, nogil=True)
def forward_links(a):
    """Return the arcs into each state."""
    return Links(a.incoming, np.arange(len(a.source)), a.source, False)


@njit(cache=True, nogil=True)
def backward_links(a):
    """Return the arcs out of each state, which lead into it on the reversed chain."""
    return Links(a.outgoing_start, a.outgoing, a.target, True)
