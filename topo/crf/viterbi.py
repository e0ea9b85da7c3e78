"""Best paths of a grammar: Viterbi over segments, and the n best.

The recursion of :mod:`topo.crf.semimarkov` with maxima instead of sums. No back pointers are kept:
the trace back searches the window of each segment for its start.
"""

from __future__ import annotations

import numpy as np

from topo.caches.kernels import njit
from topo.crf.semimarkov import BORROWING, LIMIT, LOW, PathScores, restrict
from topo.grammar.automaton import Automaton


@njit(cache=True, nogil=True)
def best_labels(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    offsets: np.ndarray,
    allowed: np.ndarray,
    automaton: Automaton,
    scores: PathScores,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the best path of each chain; of equal paths, always the same one.

    Parameters
    ----------
    emissions, cleavage, offsets, automaton, scores
        As for :func:`topo.crf.expectations.likelihood`.
    allowed
        bool (B, 5), types that the path may have. Where no path has one of them (a chain too
        short for its type), the best path of any type is taken.

    Returns
    -------
    labels, score
        int64 (R,), float64 (B,); -1 and minus infinity for a chain without any path.
    """
    labels = np.full(len(emissions), -1, np.int64)
    score = np.full(len(offsets) - 1, LOW)
    for b in range(len(score)):
        part = slice(offsets[b], offsets[b + 1])
        total = _sums(emissions, offsets[b], offsets[b + 1])
        chosen, its_scores, _ = restrict(automaton, scores, allowed[b])
        score[b] = _best_path(total, cleavage[part], chosen, its_scores, labels[part])
        if score[b] == LOW:
            score[b] = _best_path(total, cleavage[part], automaton, scores, labels[part])
    return labels, score


@njit(cache=True, nogil=True)
def _best_path(total, cleavage, a, scores, labels):
    """Score of a chain's best path, whose labels are written; minus infinity if there is none."""
    entry, exit = _recursion(total, cleavage, a, scores)
    best, value = -1, LOW
    for k in range(len(a.letter)):
        if a.end[k] and exit[-1, k] + scores.end[k] > value:
            best, value = k, exit[-1, k] + scores.end[k]
    if best >= 0:
        _trace(best, total, cleavage, entry, exit, a, scores, labels)
    return value


@njit(cache=True, nogil=True)
def _sums(emissions, start, end):
    """Emissions of a chain summed from its start, clipped, (T + 1, channels)."""
    total = np.zeros((end - start + 1, emissions.shape[1]))
    for t in range(end - start):
        for c in range(emissions.shape[1]):
            one = min(max(emissions[start + t, c], -LIMIT), LIMIT)
            total[t + 1, c] = total[t, c] + one
    return total


@njit(cache=True, nogil=True)
def _recursion(total, cleavage, a, scores):
    """Best scores with which segments start, relative to C, (K, T + 1); and end, (T + 1, K)."""
    size, states = len(total) - 1, len(a.letter)
    values, exit = np.full((states, size + 1), LOW), np.full((size + 1, states), LOW)
    flipped = np.full(scores.duration.shape, LOW)
    source, incoming, transition, cleaves = a.source, a.incoming, scores.transition, scores.cleaves
    channel, minimum, maximum, stay = a.channel, a.minimum, a.maximum, scores.stay
    for k in range(states):
        values[k, 0] = scores.start[k] if a.start[k] else LOW
        for d in range(minimum[k], maximum[k] + 1):
            flipped[k, maximum[k] - d] = scores.duration[k, d]
    for t in range(1, size + 1):
        for k in range(states):
            high = t - minimum[k]
            if high < 0:
                continue
            here = total[t, channel[k]]
            if maximum[k] == 0:
                value = values[k, high] + here
                stayed = exit[t - 1, k] + (here - total[t - 1, channel[k]]) + stay[k]
                exit[t, k] = max(value, stayed)
            elif incoming[k] < incoming[k + 1]:
                low = max(t - maximum[k], 0)
                exit[t, k] = here + _highest(k, low, high, maximum[k] - t, values, flipped)
            elif t <= maximum[k]:
                exit[t, k] = here + values[k, 0] + scores.duration[k, t]
        if t < size:
            score = min(max(cleavage[t - 1], -LIMIT), LIMIT)
            for k in range(states):
                value = LOW
                for arc in range(incoming[k], incoming[k + 1]):
                    j = source[arc]
                    one = exit[t, j] + transition[arc] + (score if cleaves[j] else 0.0)
                    value = max(value, one)
                values[k, t] = value - total[t, channel[k]]
    return values, exit


@njit(**BORROWING, fastmath={"nnan", "nsz"})
def _highest(k, low, high, shift, values, flipped):
    """Highest sum of value and duration score; see :func:`topo.crf.semimarkov._dot`."""
    value, shift = LOW, np.uint64(shift)
    for s in range(np.uint64(low), np.uint64(high + 1)):
        value = max(value, values[k, s] + flipped[k, s + shift])
    return value


@njit(cache=True, nogil=True)
def _trace(k, total, cleavage, values, exit, a, scores, labels):
    """Write the labels of the best path that ends in state k."""
    t = len(labels)
    while True:
        start = _segment_start(t, k, total, values, exit, a, scores)
        labels[start:t] = a.letter[k]
        if start == 0:
            return
        t, best, found = start, LOW, -1
        score = min(max(cleavage[t - 1], -LIMIT), LIMIT)
        for arc in range(a.incoming[k], a.incoming[k + 1]):
            j = a.source[arc]
            one = exit[t, j] + scores.transition[arc] + (score if scores.cleaves[j] else 0.0)
            if found < 0 or one > best:
                best, found = one, j
        k = found


@njit(cache=True, nogil=True)
def _segment_start(t, k, total, values, exit, a, scores):
    """Where the best segment of state k that ends before t starts; the shortest of equals."""
    channel, least = a.channel[k], a.minimum[k]
    if a.maximum[k] == 0:
        while t > least:
            here = total[t, channel]
            stayed = exit[t - 1, k] + (here - total[t - 1, channel]) + scores.stay[k]
            if values[k, t - least] + here >= stayed:
                break
            t -= 1
        return t - least
    best, start = LOW, t - least
    for d in range(least, min(t, a.maximum[k]) + 1):
        one = values[k, t - d] + scores.duration[k, d]
        if one > best:
            best, start = one, t - d
    return start


@njit(cache=True, nogil=True)
def n_best_labels(
    emissions: np.ndarray,
    cleavage: np.ndarray,
    type_scores: np.ndarray,
    count: int,
    automaton: Automaton,
    scores: PathScores,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of the best paths of one chain, best first.

    Parameters
    ----------
    emissions, cleavage, automaton, scores
        As for :func:`best_labels`, of one chain of T residues.
    type_scores
        (5,), added to the paths of each type.
    count
        Number of paths; fewer are returned if there are no more.

    Returns
    -------
    labels, score
        int64 (N, T), float64 (N,).
    """
    total = _sums(emissions, 0, len(emissions))
    _, exit, start, start_rank, source, source_rank = _rank(
        total, cleavage, count, automaton, scores
    )
    size, states = len(emissions), len(automaton.letter)
    best = np.full((1, count), LOW)
    best_state, best_rank = np.zeros((1, count), np.int32), np.zeros((1, count), np.int16)
    for k in range(states):
        for r in range(count if automaton.end[k] else 0):
            value = exit[size, k, r] + scores.end[k] + type_scores[automaton.type[k]]
            _insert(best, best_state, best_rank, 0, value, k, r)
    found = (best[0] > LOW).sum()
    labels = np.empty((found, size), np.int64)
    for n in range(found):
        t, k, r = size, best_state[0, n], best_rank[0, n]
        while t > 0:
            begin, rank = start[t, k, r], start_rank[t, k, r]
            labels[n, begin:t] = automaton.letter[k]
            if begin > 0:
                k, r = source[begin, k, rank], source_rank[begin, k, rank]
            t = begin
    return labels, best[0, :found]


@njit(cache=True, nogil=True)
def _rank(total, cleavage, count, a, scores):
    """Score and origin of the best segment starts and ends, each (T + 1, K, count)."""
    size, states = len(total) - 1, len(a.letter)
    shape = (size + 1, states, count)
    values, exit = np.full(shape, LOW), np.full(shape, LOW)
    start, source = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    start_rank, source_rank = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    for k in range(states):
        values[0, k, 0] = scores.start[k] if a.start[k] else LOW
    for t in range(1, size + 1):
        for k in range(states):
            least, most, here = a.minimum[k], a.maximum[k], total[t, a.channel[k]]
            rows = exit[t], start[t], start_rank[t]
            if most == 0 and t > least:
                step = here - total[t - 1, a.channel[k]] + scores.stay[k]
                for r in range(count):
                    _insert(*rows, k, exit[t - 1, k, r] + step, start[t - 1, k, r],
                            start_rank[t - 1, k, r])  # fmt: skip
            for d in range(least, min(max(most, least), t) + 1):
                score = here + (scores.duration[k, d] if most > 0 else 0.0)
                for r in range(count):
                    value = values[t - d, k, r] + score
                    if not value > exit[t, k, count - 1]:
                        break
                    _insert(*rows, k, value, t - d, r)
        for k in range(states if t < size else 0):
            rows = values[t], source[t], source_rank[t]
            for arc in range(a.incoming[k], a.incoming[k + 1]):
                j = a.source[arc]
                score = scores.transition[arc] - total[t, a.channel[k]]
                if scores.cleaves[j]:
                    score += min(max(cleavage[t - 1], -LIMIT), LIMIT)
                for r in range(count):
                    _insert(*rows, k, exit[t, j, r] + score, j, r)
    return values, exit, start, start_rank, source, source_rank


@njit(cache=True, nogil=True)
def _insert(best, origin, rank, k, value, its_origin, its_rank):
    """Put a value into row k of a list sorted from high to low, after its equals."""
    i = best.shape[1] - 1
    if not value > best[k, i]:
        return
    while i > 0 and value > best[k, i - 1]:
        best[k, i], origin[k, i], rank[k, i] = best[k, i - 1], origin[k, i - 1], rank[k, i - 1]
        i -= 1
    best[k, i], origin[k, i], rank[k, i] = value, its_origin, its_rank
