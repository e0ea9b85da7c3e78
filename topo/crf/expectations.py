"""Expected counts over all paths of a grammar: likelihood and marginals with their derivatives.

Forward and backward recursions of :mod:`topo.crf.semimarkov`, the latter on the reversed chain. A
state's occupancy is carried along: what started before a residue less what ended before it, so
that the marginals cost no window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from topo.caches.kernels import njit
from topo.crf.semimarkov import (
    LOW,
    PathScores,
    add,
    backward_links,
    duration_weights,
    exp,
    forward_links,
    make_chain,
    recursion,
    restrict,
    reverse,
)
from topo.grammar.automaton import Automaton
from topo.grammar.legality import agrees


class Gradient(NamedTuple):
    """Derivatives of B log partition functions over R residues: expected counts.

    ``emissions`` (R, channels), ``cleavage`` (R,), and for each chain ``transition`` (B, A),
    ``stay``, ``start``, ``end`` (B, K), ``duration``, ``tail`` (B, K, D + 1).
    """

    emissions: np.ndarray
    cleavage: np.ndarray
    transition: np.ndarray
    stay: np.ndarray
    start: np.ndarray
    end: np.ndarray
    duration: np.ndarray
    tail: np.ndarray


def empty_gradient(automaton: Automaton, scores: PathScores, emissions: np.ndarray, chains: int):
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
    return Gradient(gradient.emissions, gradient.cleavage, *(g[start:end] for g in gradient[2:]))


@njit(cache=True, nogil=True)
def likelihood(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    known: np.ndarray,
    offsets: np.ndarray,
    type_scores: np.ndarray,
    allowed: np.ndarray,
    opened: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
    gradient: Gradient,
    type_gradient: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Log masses of the paths that agree with the labels and of all paths, with derivatives.

    Parameters
    ----------
    emissions, cleavage, known
        float64 (R, channels); float64 (R,), score of a cleavage site after the residue; int64 (R,).
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
    agreeing, everything = np.full(chains, LOW), np.full(chains, LOW)
    nothing = np.full(len(known), -1, np.int64)
    anything = np.ones(type_scores.shape[1], np.bool_)
    for b in range(chains):
        part = slice(offsets[b], offsets[b + 1])
        agreeing[b] = _accumulate(
            -1.0, b, emissions, cleavage, known, part, type_scores[b], allowed[b], opened[b],
            automaton, scores, gradient, type_gradient,
        )  # fmt: skip
        if agreeing[b] > LOW:
            everything[b] = _accumulate(
                1.0, b, emissions, cleavage, nothing, part, type_scores[b], anything, opened[b],
                automaton, scores, gradient, type_gradient,
            )  # fmt: skip
    return agreeing, everything


@njit(cache=True, nogil=True)
def partition(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    offsets: np.ndarray,
    type_scores: np.ndarray,
    opened: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
    gradient: Gradient,
    type_gradient: np.ndarray,
) -> np.ndarray:
    """Log masses of all paths of each chain, (B,), with their derivatives.

    Parameters
    ----------
    emissions, cleavage, offsets, type_scores, opened, automaton, scores
        As for :func:`likelihood`.
    gradient, type_gradient
        Filled with the derivatives.
    """
    chains = len(offsets) - 1
    masses = np.full(chains, LOW)
    nothing = np.full(len(emissions), -1, np.int64)
    anything = np.ones(type_scores.shape[1], np.bool_)
    for b in range(chains):
        part = slice(offsets[b], offsets[b + 1])
        masses[b] = _accumulate(
            1.0, b, emissions, cleavage, nothing, part, type_scores[b], anything, opened[b],
            automaton, scores, gradient, type_gradient,
        )  # fmt: skip
    return masses


@njit(cache=True, nogil=True)
def forward(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
    entry: np.ndarray,
    exit: np.ndarray,
    mass: np.ndarray,
) -> None:
    """Forward recursion over each chain, and the log mass of the paths of each type.

    Parameters
    ----------
    emissions, cleavage, offsets, automaton, scores
        As for :func:`likelihood`.
    rows
        int64 (B + 1,), the chains' places in the tables, which have a row more than residues.
    entry, exit
        Tables to fill, (rows, K).
    mass
        (B, 5) to fill; minus infinity where a type has no path.
    """
    links = forward_links(automaton)
    weights, peaks = duration_weights(automaton, scores)
    first = _permitted(scores.start, automaton.start, False)
    unused = np.zeros(weights.shape)
    mass[:] = LOW
    for b in range(len(mass)):
        chain = _free_chain(emissions, cleavage, offsets[b], offsets[b + 1])
        own = slice(rows[b], rows[b + 1])
        recursion(
            chain, links, automaton, scores, weights, peaks, first, entry[own], exit[own],
            0.0, entry[:0], unused, unused,
        )  # fmt: skip
        for k in range(len(first)):
            if automaton.end[k]:
                kind = automaton.type[k]
                mass[b, kind] = add(mass[b, kind], exit[rows[b + 1] - 1, k] + scores.end[k])


@njit(cache=True, nogil=True)
def marginals(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    type_scores: np.ndarray,
    allowed: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
    entry: np.ndarray,
    exit: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Posterior of the paths of the allowed types, by the backward recursion over their states.

    Parameters
    ----------
    emissions, cleavage, offsets, type_scores, automaton, scores
        As for :func:`likelihood`.
    rows, entry, exit
        As :func:`forward` filled them.
    allowed
        bool (B, 5), types of the paths.
    labels
        Zeros (R, 6), to which the probabilities of each residue's labels are added.
    """
    for b in range(len(offsets) - 1):
        a, own_scores, kept = restrict(automaton, scores, allowed[b])
        chain = _free_chain(emissions, cleavage, offsets[b], offsets[b + 1])
        weights, peaks = duration_weights(a, own_scores)
        unused = np.zeros(weights.shape)
        ending = _permitted(own_scores.end + type_scores[b][a.type], a.end, False)
        shape = (len(chain.total), len(kept))
        back_entry, back_exit = np.empty(shape), np.empty(shape)
        recursion(
            reverse(chain), backward_links(a), a, own_scores, weights, peaks, ending, back_exit,
            back_entry, 0.0, entry[:0], unused, unused,
        )  # fmt: skip
        mass = LOW
        for k in range(len(kept)):
            if a.start[k]:
                mass = add(mass, own_scores.start[k] + back_entry[-1, k])
        if mass > LOW:
            residues, own = slice(offsets[b], offsets[b + 1]), slice(rows[b], rows[b + 1])
            _occupy(
                kept, a.letter, mass, entry[own], exit[own], back_entry, back_exit,
                labels[residues],
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _free_chain(emissions, cleavage, start, end):
    """Make a whole chain without known labels."""
    part = slice(start, end)
    nothing = np.full(end - start, -1, np.int64)
    return make_chain(emissions[part], cleavage[part], nothing, False, False)


@njit(cache=True, nogil=True)
def _occupy(kept, letter, mass, entry, exit, back_entry, back_exit, labels):
    """Add the probabilities of labels; ``kept`` are the states' columns in the forward tables."""
    size = len(labels)
    occupied = np.zeros(len(kept))
    for t in range(size):
        for k in range(len(kept)):
            if t > 0:
                occupied[k] -= exp(exit[t, kept[k]] + back_exit[size - t, k] - mass)
            occupied[k] += exp(entry[t, kept[k]] + back_entry[size - t, k] - mass)
            labels[t, letter[k]] += occupied[k]


@njit(cache=True, nogil=True)
def _accumulate(
    sign, b, emissions, cleavage, known, part, type_scores, allowed, opened, a, scores, gradient,
    type_gradient,
):  # fmt: skip
    """Log mass of one chain's paths; adds ``sign`` times its derivatives."""
    states, size = len(a.letter), part.stop - part.start
    chain = make_chain(emissions[part], cleavage[part], known[part], opened[0], opened[1])
    ending = _permitted(scores.end, a.end, opened[1])
    for k in range(states):
        if a.type[k] >= 0 and not (opened[0] or opened[1]):
            ending[k] = ending[k] + type_scores[a.type[k]] if allowed[a.type[k]] else LOW
    starting = _permitted(scores.start, a.start, opened[0])
    weights, peaks = duration_weights(a, scores)
    shape = (size + 1, states)
    entry, exit, back_entry, back_exit = (
        np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    )  # fmt: skip
    counts, cut = gradient.duration[b], gradient.tail[b]
    recursion(
        reverse(chain), backward_links(a), a, scores, weights, peaks, ending, back_exit,
        back_entry, 0.0, entry[:0], counts, cut,
    )  # fmt: skip
    mass = LOW
    for k in range(states):
        mass = add(mass, starting[k] + back_entry[size, k])
    if not mass > LOW:
        return mass
    added, added_cut = np.zeros_like(counts), np.zeros_like(cut)
    recursion(
        chain, forward_links(a), a, scores, weights, peaks, starting, entry, exit, mass,
        back_exit, added, added_cut,
    )  # fmt: skip
    counts += sign * added
    cut += sign * added_cut
    _count(
        sign, b, part.start, chain, a, scores, mass, entry, exit, back_entry, back_exit,
        gradient, type_gradient,
    )  # fmt: skip
    return mass


@njit(cache=True, nogil=True)
def _count(
    sign, b, offset, chain, a, scores, mass, entry, exit, back_entry, back_exit, gradient,
    type_gradient,
):  # fmt: skip
    """Add expected counts: emissions, cleavage, arcs, starts, ends, residues beyond minima."""
    size, states = len(entry) - 1, len(a.letter)
    whole = not (chain.open_first or chain.open_last)
    occupied, stayed = np.zeros(states), np.zeros(states)
    ended = np.zeros(states)
    channel, minimum = a.channel, a.minimum
    first, outgoing, target = a.outgoing_start, a.outgoing, a.target
    emissions, transition = gradient.emissions, gradient.transition
    for t in range(size + 1):
        for k in range(states):
            if t > 0:
                ended[k] = exp(exit[t, k] + back_exit[size - t, k] - mass)
                occupied[k] -= ended[k]
                stayed[k] -= ended[k] * minimum[k]
            if t < size:
                started = exp(entry[t, k] + back_entry[size - t, k] - mass)
                occupied[k] += started
                emissions[offset + t, channel[k]] += sign * occupied[k]
                stayed[k] += occupied[k]
                if t == 0 and not chain.open_first:
                    gradient.start[b, k] += sign * started
        if t == 0 or t == size:
            continue
        for k in range(states):
            if ended[k] == 0.0:
                continue
            before = exit[t, k] - mass
            if scores.cleaves[k]:
                before += chain.cleavage[t]
                gradient.cleavage[offset + t - 1] += sign * ended[k]
            if first[k + 1] == first[k] + 1:
                transition[b, outgoing[first[k]]] += sign * ended[k]
                continue
            for i in range(first[k], first[k + 1]):
                arc = outgoing[i]
                used = before + scores.transition[arc] + back_entry[size - t, target[arc]]
                transition[b, arc] += sign * exp(used)
    for k in range(states):
        if not chain.open_last:
            gradient.end[b, k] += sign * ended[k]
        if whole and a.type[k] >= 0:
            type_gradient[b, a.type[k]] += sign * ended[k]
        if a.maximum[k] == 0:
            short = _shorter(k, chain, a, mass, entry, back_exit)
            gradient.stay[b, k] += sign * (stayed[k] + short)


@njit(cache=True, nogil=True)
def _shorter(k, chain, a, mass, entry, back_exit):
    """Residues that segments cut below the minimum by an open end lack to it."""
    size, lacking = len(entry) - 1, 0.0
    channel, letter = a.channel[k], a.letter[k]
    for d in range(1, min(a.minimum[k] - 1, size) + 1):
        at_start = chain.open_first or (chain.open_last and d == size)
        if at_start and _all_agree(chain.known, 0, d, letter):
            segment = entry[0, k] + chain.total[d, channel] + back_exit[size - d, k]
            lacking += (a.minimum[k] - d) * exp(segment - mass)
        if chain.open_last and d < size and _all_agree(chain.known, size - d, size, letter):
            sums = chain.total[size, channel] - chain.total[size - d, channel]
            segment = entry[size - d, k] + sums + back_exit[0, k]
            lacking += (a.minimum[k] - d) * exp(segment - mass)
    return lacking


@njit(cache=True, nogil=True)
def _all_agree(known, start, end, letter):
    every = True
    for t in range(start, end):
        every = every and agrees(known[t], letter)
    return every


@njit(cache=True, nogil=True)
def _permitted(scores, mask, opened):
    """Scores of beginning (ending) in each state; every state may where the chain is open."""
    return np.zeros(len(scores)) if opened else np.where(mask, scores, LOW)
