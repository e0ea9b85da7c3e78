"""Restriction of a chain's paths to those that meet constraints."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from topo.constraints import Constraint
from topo.crf import viterbi
from topo.crf.costs import DecoderCosts, membrane_states
from topo.crf.levels import count_levels, cut, expand
from topo.crf.semimarkov import PathScores
from topo.grammar.automaton import Automaton
from topo.grammar.table import Grammar
from topo.labels import INSIDE, OUTSIDE, PERIPLASM, SIDES, SIGNAL
from topo.labels.scheme import SIDE, SIX, LabelScheme

LEAST_LOG_PROBABILITY = -9_000.0
"""Constraints below this log-probability are refused.

A forbidden label has an emission of -10,000 instead of minus infinity, so that the paths that break
constraints would no longer be negligible beside those that meet them.
"""


class Conditions(NamedTuple):
    """What constraints allow in a chain of R residues.

    ``letters`` bool (R, labels); ``n_side`` and ``c_side``, labels of the sides of the ends;
    ``types`` bool (types,); ``segments``, bounds of the number of membrane segments, the upper one
    None without limit.
    """

    letters: np.ndarray
    n_side: frozenset[str]
    c_side: frozenset[str]
    types: np.ndarray
    segments: tuple[int, int | None]


def conditions(
    constraints: Sequence[Constraint], size: int, scheme: LabelScheme = SIX
) -> Conditions:
    """Join constraints on a chain; contradictions leave nothing allowed.

    Constraints name the six labels; they allow every label of the scheme that is alike.
    """
    letters = np.ones((size, len(scheme.letters)), dtype=np.bool_)
    types = np.ones(len(scheme.types), dtype=np.bool_)
    sides = {"n_side": frozenset(SIDES), "c_side": frozenset(SIDES)}
    low, high = 0, None
    for one in constraints:
        if one.kind == "labels":
            letters[one.first - 1 : one.last] &= _alike(scheme, one.values)
        elif one.kind == "type":
            types &= np.isin(list(scheme.type_names), one.values)
        elif one.kind == "segments":
            low = max(low, one.first)
            bounds = [bound for bound in (high, one.last) if bound is not None]
            high = min(bounds, default=None)
        else:
            sides[one.kind] &= frozenset(one.values)
    return Conditions(letters, sides["n_side"], sides["c_side"], types, (low, high))


def _alike(scheme: LabelScheme, six: Sequence[str]) -> np.ndarray:
    """Mask of the labels that are alike to some of the six.

    A label that stays on its side, whichever that is, is alike to all sides together.
    """
    kinds = {*six, SIDE} if {*SIDES} <= {*six} else {*six}
    return np.array([label.six in kinds for label in scheme.labels])


def first_impossible(
    grammar: Grammar, constraints: Sequence[Constraint], size: int
) -> Constraint | None:
    """Return the first constraint that no legal topology meets together with those before it."""
    if is_possible(grammar, conditions(constraints, size, grammar.scheme)):
        return None
    for number, constraint in enumerate(constraints, 1):
        if not is_possible(grammar, conditions(constraints[:number], size, grammar.scheme)):
            return constraint
    raise AssertionError("constraints are possible one after another, but not together")


def is_possible(grammar: Grammar, allowed: Conditions) -> bool:
    """Return whether some legal topology meets the conditions.

    The best path is searched where only forbidden labels have a score.
    """
    free = grammar.automaton
    automaton, scores = _restrict(grammar, free, DecoderCosts().scores(grammar, free), allowed)
    if not automaton.end.any():
        return False
    permitted = allowed.letters[:, _channel_letters(grammar)]
    size = len(permitted)
    _, score = viterbi.best_labels(
        np.where(permitted, 0.0, -1.0),
        np.zeros(size),
        np.array([0, size]),
        np.ones((1, len(grammar.scheme.types)), dtype=np.bool_),
        automaton,
        scores,
    )
    return bool(score[0] == 0.0)


def condition_grammar(
    grammar: Grammar, scores: PathScores, allowed: Conditions
) -> tuple[Grammar, PathScores]:
    """Return a grammar whose automaton meets the conditions on ends, type and segments.

    Parameters
    ----------
    grammar, scores
        Grammar and the scores of its automaton.
    allowed
        Conditions; those on labels are left to the emissions.

    Returns
    -------
    grammar, scores
        Grammar of the same table with another automaton, and the scores of that.
    """
    automaton, its_scores = _restrict(grammar, grammar.automaton, scores, allowed)
    conditioned = copy.copy(grammar)
    vars(conditioned)["automaton"] = automaton  # in place of the cached property
    return conditioned, its_scores


def without_types(grammar: Grammar, kept: np.ndarray) -> Grammar:
    """Return a grammar whose automaton has no paths of the other types; the states stay."""
    a = grammar.automaton
    part = copy.copy(grammar)
    vars(part)["automaton"] = a._replace(end=a.end & kept[a.type])
    return part


def permitted_channels(grammar: Grammar, allowed: Conditions) -> np.ndarray:
    """Mask of the emissions of allowed labels, bool (R, channels)."""
    return allowed.letters[:, _channel_letters(grammar)]


def _restrict(
    grammar: Grammar, automaton: Automaton, scores: PathScores, allowed: Conditions
) -> tuple[Automaton, PathScores]:
    starts, _ = side_masks(grammar, allowed.n_side)
    _, ends = side_masks(grammar, allowed.c_side)
    start = automaton.start & starts[automaton.state]
    end = automaton.end & ends[automaton.state] & allowed.types[automaton.type]
    automaton = automaton._replace(start=start, end=end)
    low, high = allowed.segments
    if (low, high) == (0, None):
        return cut(automaton, scores)
    most = low if high is None else high
    levels = count_levels(membrane_states(grammar, automaton), most, high is None)
    levels.end[:low] = False
    expanded = expand(automaton, scores, levels)
    return expanded.automaton, expanded.scores


def side_masks(grammar: Grammar, sides: frozenset[str]) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the states of the table in which a chain begins, ends, on one of some sides."""
    masks = [[bool(own & sides) for own in end] for end in _sides(grammar)]
    return np.array(masks[0]), np.array(masks[1])


def _sides(grammar: Grammar) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
    """Sides of the chain's end if it begins (ends) in each state of the table.

    A loop lies on its own side. Before a membrane segment lies the side that it comes from, after
    it the side that it leads to; a signal peptide is cut off, so that the side after it counts.
    """
    six = {label.letter: label.six or label.letter for label in grammar.scheme.labels}
    letters = [six[state.letter] for state in grammar.states]
    after = [
        frozenset(letters[grammar.index[name]] for name in state.successors) & set(SIDES)
        for state in grammar.states
    ]
    before = [
        frozenset(letters[i] for i, j in grammar.arcs if j == k) & set(SIDES)
        for k in range(len(letters))
    ]
    n_side, c_side = [], []
    for k, letter in enumerate(letters):
        own = frozenset({letter}) if letter in SIDES else None
        opposite = after[k] if letter == SIGNAL else before[k] or _across(after[k])
        n_side.append(own or opposite or frozenset(SIDES))
        c_side.append(own or after[k] or _across(before[k]) or frozenset(SIDES))
    return n_side, c_side


def _across(sides: frozenset[str]) -> frozenset[str]:
    """Sides that a membrane segment can join with these."""
    other = {INSIDE: OUTSIDE, OUTSIDE: INSIDE, PERIPLASM: OUTSIDE}
    return frozenset(other[side] for side in sides)


def _channel_letters(grammar: Grammar) -> list[int]:
    return [grammar.scheme.index[letter] for letter in grammar.channel_letters]
