"""Legality of label strings, and what unknown residues may be.

The recursions compute reachability over segments with a few additions per residue and state: a
state can end before residue t if one of its segments can start in a window before t, which one
index decides (the last position at or before t where it can start).
"""

from __future__ import annotations

import numpy as np

from topo.caches.kernels import njit
from topo.grammar.automaton import Automaton
from topo.grammar.table import Grammar, default_grammar
from topo.labels import UNKNOWN
from topo.labels.scheme import LABEL_SETS

_NONE, _MANY = 0, 1  # no list of segments; several


def is_legal(
    labels: str,
    grammar: Grammar | None = None,
    open_start: bool = False,
    open_end: bool = False,
) -> bool:
    """Return whether some path of the grammar agrees with a label string.

    Parameters
    ----------
    labels
        Letters of the grammar's scheme; ``-`` agrees with every letter.
    grammar
        Grammar; :func:`topo.grammar.table.default_grammar` if None.
    open_start, open_end
        Whether the string is cut from a longer one: any state may then begin (end) it, and
        the segment that is cut has no minimum length.

    Raises
    ------
    ValueError
        On any other letter (as do the other functions here).
    """
    if not (open_start or open_end):
        return bool(possible_types(labels, grammar))
    grammar = grammar or default_grammar()
    table = grammar.untyped
    ending, _, _ = _forward(grammar.scheme.encode(labels), table, open_start, open_end)
    return bool(labels and (ending[-1] & (table.end | open_end)).any())


def possible_types(labels: str, grammar: Grammar | None = None) -> tuple[str, ...]:
    """Return the types of the paths that agree with a label string.

    Returns
    -------
    tuple of str
        In the order of the scheme's types; empty where no path agrees.
    """
    grammar = grammar or default_grammar()
    automaton = grammar.automaton
    ending, _, _ = _forward(grammar.scheme.encode(labels), automaton)
    found = np.unique(automaton.type[ending[-1] & automaton.end])
    return tuple(grammar.scheme.type_names[index] for index in found) if labels else ()


def only_type(labels: str, grammar: Grammar | None = None) -> str | None:
    """Return the type of a label string, or the only one that its unknown labels leave possible.

    A complete string has the type that its letters spell, legal or not.
    """
    if UNKNOWN not in labels:
        return (grammar or default_grammar()).scheme.type_of(labels)
    types = possible_types(labels, grammar)
    return types[0] if len(types) == 1 else None


def fill_determined(labels: str, grammar: Grammar | None = None) -> str:
    """Replace ``-`` where all paths that agree with a label string have the same letter.

    A string without such a path is returned unchanged.
    """
    if UNKNOWN not in labels:
        return labels
    grammar = grammar or default_grammar()
    known = grammar.scheme.encode(labels)
    automaton = grammar.automaton
    possible = _possible_letters(known, automaton, *_forward(known, automaton))  # (R, letters)
    sole = possible.sum(1) == 1
    return grammar.scheme.decode(np.where((known < 0) & sole, possible.argmax(1), known))


def only_topology(labels: str, grammar: Grammar | None = None) -> list[str] | None:
    """List the segment labels of a string, in order, if its unknown labels determine them.

    Returns
    -------
    list of str or None
        None where two paths that agree with the string differ in the order of their segments,
        or no path agrees.
    """
    if not labels:
        return None
    grammar = grammar or default_grammar()
    automaton = grammar.automaton
    ending, last, run = _forward(grammar.scheme.encode(labels), automaton)
    if not _one_order(automaton, ending, last, run):
        return None
    letters = grammar.scheme.letters
    return [letters[index] for index in _trace(automaton, ending, last, run)[::-1]]


@njit(cache=True, nogil=True)
def agrees(known, letter):
    """Return whether a residue with this label, or one of a set of labels, may have the letter.

    Labels are those of :meth:`topo.labels.scheme.LabelScheme.encode_six`.
    """
    if known >= LABEL_SETS:
        return ((known - LABEL_SETS) >> letter) & 1 == 1
    return known < 0 or known == letter


@njit(cache=True, nogil=True)
def count_letters(a: Automaton) -> int:
    """Count the letters up to the highest one of an automaton, which may have no states."""
    highest = -1
    for letter in a.letter:
        highest = max(highest, letter)
    return highest + 1


@njit(cache=True, nogil=True)
def _forward(
    known: np.ndarray, a: Automaton, open_start: bool = False, open_end: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the positions where segments can end and start, from left to right.

    Returns
    -------
    ending : (R + 1, K) bool
        Whether a segment of state k can end just before t.
    last : (R + 1, K) int64
        Last position at or before t where a segment of state k can start, -1 if none.
    run : (R + 1, letters) int64
        How many residues before t in a row allow the letter.
    """
    size, states = len(known), len(a.letter)
    ending = np.zeros((size + 1, states), np.bool_)
    last = np.full((size + 1, states), -1, np.int64)
    letters = count_letters(a)
    run = np.zeros((size + 1, letters), np.int64)
    for k in range(states):
        last[0, k] = 0 if a.start[k] or open_start else -1
    for t in range(1, size + 1):
        for letter in range(letters):
            if agrees(known[t - 1], letter):
                run[t, letter] = run[t - 1, letter] + 1
        for k in range(states):
            low, high = _window(t, k, a, run)
            if open_end and t == size:
                high = t - 1
            ending[t, k] = high >= low and last[high, k] >= low
            if open_start and low == 0 and t > 0:
                ending[t, k] = True
        for k in range(states):
            last[t, k] = last[t - 1, k]
            for arc in range(a.incoming[k], a.incoming[k + 1]):
                if ending[t, a.source[arc]]:
                    last[t, k] = t
    return ending, last, run


@njit(cache=True, nogil=True)
def _window(t: int, k: int, a: Automaton, run: np.ndarray) -> tuple[int, int]:
    """First and last position where a segment of state k that ends before t can start."""
    longest = run[t, a.letter[k]]
    if a.maximum[k] > 0:
        longest = min(longest, a.maximum[k])
    return t - longest, t - a.minimum[k]


@njit(cache=True, nogil=True)
def _possible_letters(
    known: np.ndarray, a: Automaton, ending: np.ndarray, last: np.ndarray, run: np.ndarray
) -> np.ndarray:
    """Return the letters of each residue in the paths that agree, (R, letters) bool."""
    size, states = len(known), len(a.letter)
    first = np.full((size + 2, states), size + 1, np.int64)  # first start at or after t
    for t in range(size, -1, -1):
        for k in range(states):
            first[t, k] = t if last[t, k] == t else first[t + 1, k]
    possible = np.zeros((size, count_letters(a)), np.bool_)
    useful = np.zeros((size + 1, states), np.bool_)  # a segment that starts at t can be completed
    completes = np.zeros((size + 1, states), np.bool_)  # so can a path whose segment ends there
    low_start = np.full(states, size + 1, np.int64)  # of completed segments that can start at t
    reach = np.full(states, size + 1, np.int64)  # residues from here on lie in such a segment
    for t in range(size, -1, -1):
        for k in range(states):
            end = t + a.minimum[k]
            if end <= size and completes[end, k]:
                low_start[k] = min(low_start[k], _window(end, k, a, run)[0])
            useful[t, k] = last[t, k] == t and low_start[k] <= t
        for k in range(states):
            if ending[t, k] and _completes(t, k, size, a, useful):
                completes[t, k] = True
                reach[k] = min(reach[k], first[_window(t, k, a, run)[0], k])
            if reach[k] < t:
                possible[t - 1, a.letter[k]] = True
    return possible


@njit(cache=True, nogil=True)
def _completes(t: int, k: int, size: int, a: Automaton, useful: np.ndarray) -> bool:
    """Return whether a path whose segment of state k ends before t can be completed."""
    if t == size:
        return bool(a.end[k])
    for i in range(a.outgoing_start[k], a.outgoing_start[k + 1]):
        if useful[t, a.target[a.outgoing[i]]]:
            return True
    return False


@njit(cache=True, nogil=True)
def _one_order(a: Automaton, ending: np.ndarray, last: np.ndarray, run: np.ndarray) -> bool:
    """Return whether all paths have their segment letters in the same order.

    Carries a 64-bit fingerprint of the letters so far: that of the one list, or "several".
    """
    size, states = len(ending) - 1, len(a.letter)
    at_start = np.zeros((size + 1, states), np.uint64)
    differs = np.full((size + 1, states), -1, np.int64)  # last start with another fingerprint
    at_end = np.zeros((size + 1, states), np.uint64)
    for k in range(states):
        if a.start[k]:
            at_start[0, k] = _extend(np.uint64(7), a.letter[k])
    for t in range(1, size + 1):
        for k in range(states):
            if ending[t, k]:
                low, high = _window(t, k, a, run)
                s = last[high, k]
                at_end[t, k] = _MANY if differs[s, k] >= low else at_start[s, k]
        for k in range(states):
            if last[t, k] == t:
                found = np.uint64(_NONE)
                for arc in range(a.incoming[k], a.incoming[k + 1]):
                    found = _join(found, at_end[t, a.source[arc]])
                at_start[t, k] = _extend(found, a.letter[k])
                s = last[t - 1, k]
                if s >= 0:
                    differs[t, k] = differs[s, k] if at_start[s, k] == at_start[t, k] else s
    found = np.uint64(_NONE)
    for k in range(states):
        if a.end[k]:
            found = _join(found, at_end[size, k])
    return bool(found > _MANY)


@njit(cache=True, nogil=True)
def _extend(fingerprint: np.uint64, letter: int) -> np.uint64:
    """Append a letter to a fingerprint; several stay several."""
    if fingerprint <= np.uint64(_MANY):
        return fingerprint
    mixed = (fingerprint ^ np.uint64(letter + 1)) * np.uint64(0x9E3779B97F4A7C15)
    return max(mixed ^ (mixed >> np.uint64(29)), np.uint64(_MANY + 1))


@njit(cache=True, nogil=True)
def _join(one: np.uint64, other: np.uint64) -> np.uint64:
    """Fingerprint of two sets of paths taken together."""
    if one == np.uint64(_NONE) or one == other:
        return other
    return one if other == np.uint64(_NONE) else np.uint64(_MANY)


@njit(cache=True, nogil=True)
def _trace(a: Automaton, ending: np.ndarray, last: np.ndarray, run: np.ndarray) -> list[int]:
    """Letters of the segments of one path, last segment first."""
    t = len(ending) - 1
    k = 0
    while not (a.end[k] and ending[t, k]):
        k += 1
    letters = [a.letter[k]]
    while True:
        t = last[t - a.minimum[k], k]
        if t == 0:
            return letters
        arc = a.incoming[k]
        while not ending[t, a.source[arc]]:
            arc += 1
        k = a.source[arc]
        letters.append(a.letter[k])
