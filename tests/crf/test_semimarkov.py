"""The recursions where numbers are extreme: against sums of logarithms, term by term."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topo.crf.confidence import order_masses
from topo.crf.expectations import empty_gradient, forward, likelihood
from topo.crf.semimarkov import LIMIT, PathScores
from topo.crf.viterbi import best_labels, n_best_labels
from topo.grammar.table import default_grammar
from topo.labels import TYPES, encode_labels

AUTOMATON = default_grammar().automaton
STATES, ARCS = len(AUTOMATON.letter), len(AUTOMATON.source)
DURATIONS = int(AUTOMATON.maximum.max()) + 1


def random_scores(rng: np.random.Generator, scale: float) -> PathScores:
    shapes = [(ARCS,), (STATES,), (STATES,), (STATES,), (STATES, DURATIONS), (STATES, DURATIONS)]
    return PathScores(*(rng.normal(size=s) * scale for s in shapes), AUTOMATON.letter == 3)


def naive(emissions: np.ndarray, scores: PathScores, reduce: np.ufunc) -> float:
    """Log mass of all paths, or with ``np.maximum`` the best score; one logarithm a term."""
    a, size = AUTOMATON, len(emissions)
    total = np.vstack([np.zeros(6), np.cumsum(np.clip(emissions, -LIMIT, LIMIT), 0)])
    entry = np.full((size + 1, STATES), -np.inf)
    exit = entry.copy()
    entry[0] = np.where(a.start, scores.start, -np.inf)
    for t in range(1, size + 1):
        for k in range(STATES):
            for d in range(a.minimum[k], min(t, a.maximum[k] or t) + 1):
                kept = scores.duration[k, d] if a.maximum[k] else scores.stay[k] * (d - 1)
                moved = total[t, a.channel[k]] - total[t - d, a.channel[k]] + kept
                exit[t, k] = reduce(exit[t, k], entry[t - d, k] + moved)
        for arc in range(ARCS):
            i, j = a.source[arc], a.target[arc]
            entry[t, j] = reduce(entry[t, j], exit[t, i] + scores.transition[arc])
    return float(reduce.reduce(np.where(a.end, exit[size] + scores.end, -np.inf)))


def free_likelihood(emissions, scores, known=None):
    size = len(emissions)
    gradient = empty_gradient(AUTOMATON, scores, emissions, 1)
    known = np.full(size, -100) if known is None else known
    shape = (1, len(TYPES))
    agreeing, everything = likelihood(
        emissions,
        np.zeros(size),
        known,
        np.array([0, size]),
        np.zeros(shape),
        np.ones(shape, bool),
        np.zeros((1, 2), bool),
        AUTOMATON,
        scores,
        gradient,
        np.zeros(shape),
    )
    return agreeing[0], everything[0], gradient


@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 9, 40, 75]),
    st.sampled_from([0.0, 1.0, 30.0, 400.0, 1e4]),
    st.sampled_from([0.0, 1.0, 300.0, 5e3]),
)
def test_sums_and_maxima_equal_logarithms_one_by_one(seed, size, scale, score_scale):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(size, 6)) * scale
    scores = random_scores(rng, score_scale)
    offsets, cleavage = np.array([0, size]), np.zeros(size)
    wanted = naive(emissions, scores, np.logaddexp)
    entry, exit = np.empty((2, size + 1, STATES))
    mass, rows = np.empty((1, len(TYPES))), np.array([0, size + 1])
    forward(emissions, cleavage, offsets, rows, AUTOMATON, scores, entry, exit, mass)
    assert np.logaddexp.reduce(mass[0]) == pytest.approx(wanted, rel=1e-9, abs=1e-8)
    agreeing, everything, gradient = free_likelihood(emissions, scores)
    assert everything == pytest.approx(wanted, rel=1e-9, abs=1e-8)
    assert agreeing == pytest.approx(wanted, rel=1e-9, abs=1e-8)
    assert np.abs(gradient.emissions).max() < 1e-4
    best = naive(emissions, scores, np.maximum)
    allowed = np.ones((1, len(TYPES)), bool)
    labels, score = best_labels(emissions, cleavage, offsets, allowed, AUTOMATON, scores)
    assert score[0] == pytest.approx(best, rel=1e-9, abs=1e-8)
    ranked, ranks = n_best_labels(emissions, cleavage, np.zeros(len(TYPES)), 3, AUTOMATON, scores)
    assert ranks[0] == pytest.approx(best, rel=1e-9, abs=1e-8)
    assert (np.diff(ranks) <= 0).all()
    order = order_masses(
        emissions, cleavage, labels, offsets, np.zeros((1, len(TYPES))), allowed, AUTOMATON, scores
    )
    assert best - 1e-6 * abs(best) - 1e-8 <= order[0] <= wanted + 1e-6 * abs(wanted) + 1e-8
    if size > 1 and scale > 0 and np.abs(emissions).max() < LIMIT:  # clipped scores can tie
        assert (ranked[0] == labels).all()


def test_known_labels_are_counted_once():
    labels = "I" * 30 + "M" * 21 + "O" * 12 + "M" * 19 + "I" * 9
    rng = np.random.default_rng(1)
    scores = random_scores(rng, 1.0)
    emissions = rng.normal(size=(len(labels), 6))
    agreeing, everything, difference = free_likelihood(emissions, scores, encode_labels(labels))
    assert agreeing < everything
    counted = np.zeros_like(difference.duration[0])
    states = [default_grammar().index[name] for name in ("helix_out", "helix_in")]
    tm = TYPES.index("TM")
    for state, length in zip(states, (21, 19), strict=True):
        counted[(AUTOMATON.state == state) & (AUTOMATON.type == tm), length] = 1.0
    expected = difference.duration[0] + counted  # of all paths: never negative
    assert counted.sum() == 2
    assert expected.min() > -1e-12
    assert difference.duration[0].min() < -0.5
    assert difference.start.sum() == pytest.approx(0.0, abs=1e-9)
    assert difference.end.sum() == pytest.approx(0.0, abs=1e-9)
    assert difference.emissions.sum(1) == pytest.approx(0.0, abs=1e-9)
    _, _, nothing = free_likelihood(emissions, scores)
    assert np.abs(nothing.duration).max() < 1e-9


def test_equal_paths_are_broken_the_same_way():
    scores = random_scores(np.random.default_rng(0), 0.0)
    allowed = np.ones((2, len(TYPES)), bool)
    size = 50
    labels, score = best_labels(
        np.zeros((2 * size, 6)),
        np.zeros(2 * size),
        np.array([0, size, 2 * size]),
        allowed,
        AUTOMATON,
        scores,
    )
    assert (labels[:size] == labels[size:]).all()
    assert (score == 0).all()
