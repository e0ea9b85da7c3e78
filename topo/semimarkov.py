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

from typing import NamedTuple

import numpy as np
from numba import njit

from topo.grammar import Automaton

LIMIT = 1e4
"""Emissions are clipped to plus and minus this, which makes infinities harmless."""

_LOW = -np.inf
_TINY = 1e-100  # a window sum below this has lost its reference
_RISE = 230.0  # a term this far above the reference replaces it: exp(230) * 1e-100 is near 1
_NEGLIGIBLE = -37.0  # exp of it vanishes beside 1 in float64


class Scores(NamedTuple):
    """Scores of an automaton with K states and A arcs, all float64.

    ``transition`` (A,); ``stay`` (K,) for each residue beyond the minimum in a state without
    maximum; ``start`` and ``end`` (K,); ``duration`` (K, D + 1) of a segment of d residues;
    ``tail`` (K, D + 1) of a segment that the end of an open chain cuts to d residues; ``leaving``
    (K,) bool, the states to which the boundary scores apply.
    """

    transition: np.ndarray
    stay: np.ndarray
    start: np.ndarray
    end: np.ndarray
    duration: np.ndarray
    tail: np.ndarray
    leaving: np.ndarray


class Gradient(NamedTuple):
    """Derivatives of B log partition functions over R residues: expected counts.

    ``emissions`` (R, channels), ``boundary`` (R,), and for each chain ``transition`` (B, A),
    ``stay``, ``start``, ``end`` (B, K), ``duration``, ``tail`` (B, K, D + 1).
    """

    emissions: np.ndarray
    boundary: np.ndarray
    transition: np.ndarray
    stay: np.ndarray
    start: np.ndarray
    end: np.ndarray
    duration: np.ndarray
    tail: np.ndarray


class _Chain(NamedTuple):
    """One chain in one direction: sums of emissions, boundary scores, labels, which ends open."""

    total: np.ndarray  # (T + 1, channels)
    boundary: np.ndarray  # (T + 1,) score of a boundary at t, 0 at both ends
    known: np.ndarray  # (T,) labels, all unknown where nothing is known
    open_first: bool
    open_last: bool


class _Links(NamedTuple):
    """The arcs into each state, seen in one direction."""

    first: np.ndarray  # (K + 1,)
    arc: np.ndarray  # (A,)
    other: np.ndarray  # (A,) by arc: where it comes from
    reverse: bool


def empty_gradient(automaton: Automaton, scores: Scores, emissions: np.ndarray, chains: int):
    """Return a :class:`Gradient` of zeros for R residues in ``chains`` chains."""
    states, arcs, durations = len(automaton.letter), len(automaton.source), scores.duration.shape[1]
    return Gradient(
        np.zeros(emissions.shape),
        np.zeros(len(emissions)),
        np.zeros((chains, arcs)),
        *(np.zeros((chains, states)) for _ in range(3)),
        *(np.zeros((chains, states, durations)) for _ in range(2)),
    )


def rows(gradient: Gradient, start: int, end: int) -> Gradient:
    """View of a gradient for chains ``start`` to ``end``: all residues, rows of those chains."""
    return Gradient(gradient.emissions, gradient.boundary, *(g[start:end] for g in gradient[2:]))


@njit(cache=True, nogil=True)
def likelihood(
    emissions: np.ndarray,
    boundary: np.ndarray,
    known: np.ndarray,
    offsets: np.ndarray,
    type_scores: np.ndarray,
    allowed: np.ndarray,
    opened: np.ndarray,
    automaton: Automaton,
    scores: Scores,
    gradient: Gradient,
    type_gradient: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Log masses of the paths that agree with the labels and of all paths, with derivatives.

    Parameters
    ----------
    emissions, boundary, known
        float64 (R, channels); float64 (R,), score of a boundary after the residue; int64 (R,).
    offsets
        int64 (B + 1,), the chains' places among the residues.
    type_scores, allowed
        float64 (B, 5), added to paths of the type; bool (B, 5), types of agreeing paths.
    opened
        bool (B, 2), whether the chain was cut out of a longer one at its start, its end.
    automaton, scores
        The grammar and its scores.
    gradient, type_gradient
        Filled with the derivatives of the difference (all - agreeing); (B, 5) the latter.

    Returns
    -------
    agreeing, everything
        float64 (B,); minus infinity where there is no path. Chains without an agreeing path
        get no derivatives.
    """
    chains = len(offsets) - 1
    agreeing, everything = np.full(chains, _LOW), np.full(chains, _LOW)
    nothing = np.full(len(known), -1, np.int64)
    anything = np.ones(type_scores.shape[1], np.bool_)
    for b in range(chains):
        part = slice(offsets[b], offsets[b + 1])
        agreeing[b] = _accumulate(
            -1.0, b, emissions, boundary, known, part, type_scores[b], allowed[b], opened[b],
            automaton, scores, gradient, type_gradient,
        )  # fmt: skip
        if agreeing[b] > _LOW:
            everything[b] = _accumulate(
                1.0, b, emissions, boundary, nothing, part, type_scores[b], anything, opened[b],
                automaton, scores, gradient, type_gradient,
            )  # fmt: skip
    return agreeing, everything


@njit(cache=True, nogil=True)
def marginals(
    emissions: np.ndarray,
    boundary: np.ndarray,
    offsets: np.ndarray,
    type_scores: np.ndarray,
    automaton: Automaton,
    scores: Scores,
    gradient: Gradient,
    type_gradient: np.ndarray,
) -> np.ndarray:
    """Log mass of all paths of each chain, (B,), with derivatives; see :func:`likelihood`."""
    chains = len(offsets) - 1
    everything = np.full(chains, _LOW)
    nothing = np.full(len(emissions), -1, np.int64)
    anything = np.ones(type_scores.shape[1], np.bool_)
    whole = np.zeros(2, np.bool_)
    for b in range(chains):
        part = slice(offsets[b], offsets[b + 1])
        everything[b] = _accumulate(
            1.0, b, emissions, boundary, nothing, part, type_scores[b], anything, whole,
            automaton, scores, gradient, type_gradient,
        )  # fmt: skip
    return everything


@njit(cache=True, nogil=True)
def type_masses(
    emissions: np.ndarray,
    boundary: np.ndarray,
    offsets: np.ndarray,
    types: int,
    automaton: Automaton,
    scores: Scores,
) -> np.ndarray:
    """Log mass of the paths of each type, (B, types); minus infinity where there is none."""
    chains, states = len(offsets) - 1, len(automaton.letter)
    mass = np.full((chains, types), _LOW)
    links = _forward_links(automaton)
    unused = np.zeros((states, scores.duration.shape[1]))
    weights, peaks = _weights(automaton, scores)
    for b in range(chains):
        part = slice(offsets[b], offsets[b + 1])
        nothing = np.full(part.stop - part.start, -1, np.int64)
        chain = _chain(emissions[part], boundary[part], nothing, False, False)
        shape = (len(chain.total), states)
        entry, leave = np.empty(shape), np.empty(shape)
        first = _permitted(scores.start, automaton.start, False)
        _recursion(
            chain, links, automaton, scores, weights, peaks, first, entry, leave,
            0.0, entry[:0], unused, unused,
        )  # fmt: skip
        for k in range(states):
            if automaton.end[k]:
                kind = automaton.type[k]
                mass[b, kind] = _add(mass[b, kind], leave[-1, k] + scores.end[k])
    return mass


@njit(cache=True, nogil=True)
def _accumulate(
    sign, b, emissions, boundary, known, part, type_scores, allowed, opened, a, scores, gradient,
    type_gradient,
):  # fmt: skip
    """Log mass of one chain's paths; adds ``sign`` times its derivatives."""
    states, size = len(a.letter), part.stop - part.start
    chain = _chain(emissions[part], boundary[part], known[part], opened[0], opened[1])
    ending = _permitted(scores.end, a.end, opened[1])
    for k in range(states):
        if a.type[k] >= 0 and not (opened[0] or opened[1]):
            ending[k] = ending[k] + type_scores[a.type[k]] if allowed[a.type[k]] else _LOW
    starting = _permitted(scores.start, a.start, opened[0])
    weights, peaks = _weights(a, scores)
    shape = (size + 1, states)
    entry, leave, back_entry, back_leave = (
        np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    )  # fmt: skip
    counts, cut = gradient.duration[b], gradient.tail[b]
    _recursion(
        _reversed(chain), _backward_links(a), a, scores, weights, peaks, ending, back_leave,
        back_entry, 0.0, entry[:0], counts, cut,
    )  # fmt: skip
    mass = _LOW
    for k in range(states):
        mass = _add(mass, starting[k] + back_entry[size, k])
    if not mass > _LOW:
        return mass
    added, added_cut = np.zeros_like(counts), np.zeros_like(cut)
    _recursion(
        chain, _forward_links(a), a, scores, weights, peaks, starting, entry, leave, mass,
        back_leave, added, added_cut,
    )  # fmt: skip
    counts += sign * added
    cut += sign * added_cut
    _count(
        sign, b, part.start, chain, a, scores, mass, entry, leave, back_entry, back_leave,
        gradient, type_gradient,
    )  # fmt: skip
    return mass


@njit(cache=True, nogil=True)
def _count(
    sign, b, offset, chain, a, scores, mass, entry, leave, back_entry, back_leave, gradient,
    type_gradient,
):  # fmt: skip
    """Add expected counts: emissions, boundaries, arcs, starts, ends, residues beyond minima."""
    size, states = len(entry) - 1, len(a.letter)
    whole = not (chain.open_first or chain.open_last)
    occupied, stayed = np.zeros(states), np.zeros(states)
    ended = np.zeros(states)
    for t in range(size + 1):
        for k in range(states):
            if t > 0:
                ended[k] = _exp(leave[t, k] + back_leave[size - t, k] - mass)
                occupied[k] -= ended[k]
                stayed[k] -= ended[k] * a.minimum[k]
            if t < size:
                started = _exp(entry[t, k] + back_entry[size - t, k] - mass)
                occupied[k] += started
                gradient.emissions[offset + t, a.channel[k]] += sign * occupied[k]
                stayed[k] += occupied[k]
                if t == 0 and not chain.open_first:
                    gradient.start[b, k] += sign * started
        if 0 < t < size:
            _count_arcs(sign, b, t, chain, a, scores, mass, leave, back_entry, ended, gradient)
            for k in range(states):
                if scores.leaving[k]:
                    gradient.boundary[offset + t - 1] += sign * ended[k]
    for k in range(states):
        if not chain.open_last:
            gradient.end[b, k] += sign * ended[k]
        if whole and a.type[k] >= 0:
            type_gradient[b, a.type[k]] += sign * ended[k]
        if a.maximum[k] == 0:
            short = _shorter(k, chain, a, mass, entry, back_leave)
            gradient.stay[b, k] += sign * (stayed[k] + short)


@njit(cache=True, nogil=True)
def _count_arcs(sign, b, t, chain, a, scores, mass, leave, back_entry, ended, gradient):
    """Add the expected use of each arc at position t."""
    size = len(leave) - 1
    for k in range(len(a.letter)):
        if ended[k] == 0.0:
            continue
        if a.outgoing_start[k + 1] == a.outgoing_start[k] + 1:
            gradient.transition[b, a.outgoing[a.outgoing_start[k]]] += sign * ended[k]
            continue
        before = leave[t, k] - mass
        if scores.leaving[k]:
            before += chain.boundary[t]
        for i in range(a.outgoing_start[k], a.outgoing_start[k + 1]):
            arc = a.outgoing[i]
            used = before + scores.transition[arc] + back_entry[size - t, a.target[arc]]
            gradient.transition[b, arc] += sign * _exp(used)


@njit(cache=True, nogil=True)
def _shorter(k, chain, a, mass, entry, back_leave):
    """Residues that segments cut below the minimum by an open end lack to it."""
    size, lacking = len(entry) - 1, 0.0
    for d in range(1, min(a.minimum[k] - 1, size) + 1):
        for s in (0, size - d):
            cut = chain.open_first if s == 0 and d < size else chain.open_last
            if s == 0 and d == size:
                cut = chain.open_first or chain.open_last
            if not cut or (s > 0) == (s == 0):
                continue
            if _all_agree(chain.known, s, s + d, a.letter[k]):
                sums = chain.total[s + d, a.channel[k]] - chain.total[s, a.channel[k]]
                segment = entry[s, k] + sums + back_leave[size - s - d, k] - mass
                lacking += (a.minimum[k] - d) * _exp(segment)
            if d == size:
                break
    return lacking


@njit(cache=True, nogil=True)
def _recursion(
    chain, links, a, scores, weights, peaks, first, entry, leave, mass, beyond, counts, cut
):
    """Fill ``entry`` and ``leave`` (the exits), both (T + 1, K), from the left.

    ``first`` (K,) are the scores to begin with. Where ``beyond`` (T + 1, K) has the log masses
    of completing a path whose segment ends at t, indexed from the chain's other end, expected
    durations are added to ``counts`` and ``cut``, both (K, D + 1).

    The helpers take few arrays each, by number: whole records and rows cost more to pass than
    to use (five times, measured).
    """
    size, states = len(chain.total) - 1, len(a.letter)
    terms = np.zeros((states, size + 1))  # exp(value - reference)
    values = np.full((states, size + 1), _LOW)  # entry - C
    reference = np.full(states, _LOW)
    expected = np.zeros(weights.shape)
    run = np.zeros(6, np.int64)
    counting = len(beyond) > 0
    total, known, boundary = chain.total, chain.known, chain.boundary
    letter, channel, minimum, maximum = a.letter, a.channel, a.minimum, a.maximum
    stay, duration, tail = scores.stay, scores.duration, scores.tail
    open_first, open_last = chain.open_first, chain.open_last
    for k in range(states):
        entry[0, k] = first[k]
        leave[0, k] = _LOW
    for t in range(1, size + 1):
        for c in range(6):
            run[c] = run[c] + 1 if _agrees(known[t - 1], c) else 0
        cut_last = open_last and t == size
        for k in range(states):
            longest, least, most = run[letter[k]], minimum[k], maximum[k]
            if longest == 0:
                leave[t, k] = _LOW
                continue
            here = total[t, channel[k]]
            value = _LOW
            if most == 0:
                if longest >= least:
                    value = entry[t - least, k] + (here - total[t - least, channel[k]])
                if longest > least:
                    residue = here - total[t - 1, channel[k]]
                    value = _add(value, leave[t - 1, k] + residue + stay[k])
                if least > 1 and (open_first or cut_last):
                    value = _add(
                        value,
                        _cut_short(t, k, longest, least, open_first, cut_last, entry, total,
                                   channel[k]),
                    )  # fmt: skip
                leave[t, k] = value
                continue
            after = beyond[size - t, k] - mass if counting else _LOW
            low, high = max(t - min(longest, most), 1), t - least
            if cut_last:
                value = _sum_cut(k, t, low, values, tail, here, after, cut)
            elif high >= low:
                reference[k] = _push(k, values, terms, reference[k], low, high)
                if reference[k] > _LOW:
                    value, reference[k], scaled = _sum_window(
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
                    cut[k, t] += _exp(only + after)
                    value = _add(value, only)
                elif t >= least:
                    only = entry[0, k] + here + duration[k, t]
                    counts[k, t] += _exp(only + after)
                    value = _add(value, only)
            leave[t, k] = value
        if t < size:
            for k in range(states):
                value = _LOW
                for i in range(links.first[k], links.first[k + 1]):
                    arc = links.arc[i]
                    other = links.other[arc]
                    one = leave[t, other] + scores.transition[arc]
                    if scores.leaving[k if links.reverse else other]:
                        one += boundary[t]
                    value = _add(value, one)
                entry[t, k] = value
                values[k, t] = value - total[t, channel[k]]
    if counting:
        for k in range(states):
            for i in range(maximum[k] - minimum[k] + 1 if maximum[k] > 0 else 0):
                counts[k, maximum[k] - i] += expected[k, i] * weights[k, i]


@njit(cache=True, nogil=True)
def _cut_short(t, k, longest, least, open_first, cut_last, entry, total, channel):
    """Log mass of segments that an open end cuts below the minimum, ending at t."""
    value = _LOW
    if open_first and longest == t and t < least:
        value = entry[0, k] + total[t, channel]
    if cut_last:
        for d in range(1, min(longest, least - 1) + 1):
            if d < t or not open_first:
                value = _add(value, entry[t - d, k] + (total[t, channel] - total[t - d, channel]))
    return value


@njit(cache=True, nogil=True)
def _sum_cut(k, t, low, values, tail, here, after, cut):
    """Log mass of segments that the open end of the chain cuts."""
    value = _LOW
    for s in range(low, t):
        one = values[k, s] + tail[k, t - s] + here
        value = _add(value, one)
        cut[k, t - s] += _exp(one + after)
    return value


@njit(cache=True, nogil=True)
def _push(k, values, terms, reference, low, s):
    """Add position s to the window's terms; returns their reference."""
    value = values[k, s]
    if value == _LOW:
        terms[k, s] = 0.0
    elif value > reference + _RISE:
        factor = np.exp(reference - value)
        for i in range(low, s):
            terms[k, i] *= factor
        terms[k, s] = 1.0
        return value
    else:
        terms[k, s] = np.exp(value - reference)
    return reference


@njit(cache=True, nogil=True)
def _sum_window(k, t, low, high, shift, values, terms, reference, weights, duration, peak):
    """Log of the window's sum, its reference, and the sum in multiples of exp(reference + peak).

    The latter is 0 where only logarithms can hold it.
    """
    scaled = _dot(k, terms, low, high, weights, shift)
    if scaled < _TINY:
        reference = _LOW
        for s in range(low, high + 1):
            reference = max(reference, values[k, s])
        if reference == _LOW:
            return _LOW, reference, 0.0
        for s in range(low, high + 1):
            terms[k, s] = np.exp(values[k, s] - reference)
        scaled = _dot(k, terms, low, high, weights, shift)
    if scaled >= _TINY:
        return np.log(scaled) + reference + peak, reference, scaled
    value = _LOW
    for s in range(low, high + 1):
        value = _add(value, values[k, s] + duration[k, t - s])
    return value, reference, 0.0


@njit(cache=True, nogil=True)
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
            counts[k, t - s] += _exp(values[k, s] + duration[k, t - s] + rest)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(k, terms, low, high, weights, shift):
    """Sum of terms times weights; reassociation lets it run in vector registers."""
    total = 0.0
    for s in range(low, high + 1):
        total += terms[k, s] * weights[k, s + shift]
    return total


@njit(cache=True, nogil=True)
def _add(one, other):
    """Logarithm of the sum of two exponentials."""
    if one < other:
        one, other = other, one
    if other - one > _NEGLIGIBLE:
        return one + np.log1p(np.exp(other - one))
    return one


@njit(cache=True, nogil=True)
def _exp(value):
    """Exponential of a log probability, 0 where it is negligible."""
    return np.exp(value) if value > _NEGLIGIBLE else 0.0


@njit(cache=True, nogil=True)
def _agrees(known, letter):
    return known < 0 or known == letter


@njit(cache=True, nogil=True)
def _all_agree(known, start, end, letter):
    agrees = True
    for t in range(start, end):
        agrees = agrees and _agrees(known[t], letter)
    return agrees


@njit(cache=True, nogil=True)
def _permitted(scores, mask, opened):
    """Scores of beginning (ending) in each state; every state may where the chain is open."""
    return np.zeros(len(scores)) if opened else np.where(mask, scores, _LOW)


@njit(cache=True, nogil=True)
def _weights(a, scores):
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
def _chain(emissions, boundary, known, open_first, open_last):
    """Sum up a chain's emissions, clipped to the limit."""
    size, channels = emissions.shape
    total, between = np.zeros((size + 1, channels)), np.zeros(size + 1)
    for t in range(size):
        for c in range(channels):
            total[t + 1, c] = total[t, c] + min(max(emissions[t, c], -LIMIT), LIMIT)
        if t + 1 < size:
            between[t + 1] = min(max(boundary[t], -LIMIT), LIMIT)
    return _Chain(total, between, known, open_first, open_last)


@njit(cache=True, nogil=True)
def _reversed(chain):
    """Turn a chain round, to be read from its last residue to its first."""
    total = np.ascontiguousarray((chain.total[-1] - chain.total)[::-1])
    boundary = np.ascontiguousarray(chain.boundary[::-1])
    known = np.ascontiguousarray(chain.known[::-1])
    return _Chain(total, boundary, known, chain.open_last, chain.open_first)


@njit(cache=True, nogil=True)
def _forward_links(a):
    return _Links(a.incoming, np.arange(len(a.source)), a.source, False)


@njit(cache=True, nogil=True)
def _backward_links(a):
    return _Links(a.outgoing_start, a.outgoing, a.target, True)
