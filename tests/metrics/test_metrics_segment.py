"""Topology rule, segment matching, SOV and signal peptides."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topo.metrics.rates import ratio
from topo.metrics.segment import (
    count_matches,
    segment_counts,
    segments_match,
    segments_of,
    sov_terms,
)
from topo.metrics.signal import cleavage_site, has_signal, site_found
from topo.metrics.topology import is_scorable, topologies_equal, why_wrong
from topo.metrics.types import true_types

RUNS = st.lists(st.tuples(st.sampled_from("IOPSMB"), st.integers(1, 12)), min_size=1, max_size=9)


def _chain(runs: list[tuple[str, int]]) -> str:
    return "".join(letter * length for letter, length in runs)


def _equally_long(one: str, other: str) -> tuple[str, str]:
    size = min(len(one), len(other))
    return one[:size], other[:size]


PAIRS = st.builds(_equally_long, RUNS.map(_chain), RUNS.map(_chain))

HELIX = "I" * 20 + "M" * 20 + "O" * 20


def sov(truth: str, prediction: str) -> float:
    """SOV of all labels of one protein, computed as for a set of proteins."""
    numerator, denominator = sov_terms(truth, prediction).sum(0)
    return float(ratio(numerator, denominator))


def _moved(start: int, end: int) -> str:
    return "I" * start + "M" * (end - start) + "O" * (60 - end)


@pytest.mark.parametrize(
    ("guess", "reason"),
    [
        (HELIX, None),
        (_moved(35, 60 - 1), None),
        (_moved(36, 59), "shifted segment 1"),
        (_moved(10, 25), None),
        (_moved(10, 24), "shifted segment 1"),
        ("O" * 20 + "M" * 20 + "I" * 20, "inverted"),
        ("I" * 60, "wrong type"),
        ("I" * 10 + "M" * 15 + "O" * 5 + "M" * 20 + "I" * 10, "extra segment"),
    ],
)
def test_helix_rule(guess: str, reason: str | None):
    assert why_wrong(HELIX, guess, "TM") == reason
    assert topologies_equal(HELIX, guess) is (reason is None)


def test_missing_segment():
    two = "I" * 10 + "M" * 15 + "O" * 5 + "M" * 20 + "I" * 10
    assert why_wrong(two, HELIX, "TM") == "missing segment"


def test_strands_need_three_residues_and_the_threshold_does_not_stick():
    true = "PPPPBBBBBBBBOOOO"
    assert topologies_equal(true, "PPPPPPPPPBBBBOOO")
    assert not topologies_equal(true, "PPPPPPPPPPBBBBOO")
    # a helix behind a strand still needs five
    mixed, guess = "PPPPBBBBBBBBOOOOMMMMMMMMII", "PPPPBBBBBBBBOOOOOOOOMMMMMI"
    assert topologies_equal(mixed, mixed)
    assert not topologies_equal(mixed, guess)


def test_last_segment_ends_with_the_sequence():
    assert topologies_equal("IIIIIMMMMMMMM", "IIIIIIIIMMMMM")
    assert not topologies_equal("IIIIIMMMMMMMM", "IIIIIIIIIMMMM")


def test_outside_and_periplasm_are_one():
    assert topologies_equal("SSSSSSPPPP", "SSSSSSOOOO")
    assert topologies_equal("SSSSSSPPPP", "SSSSSSPPOO")


def test_a_loop_that_misses_its_partner_is_another_loop():
    true = "I" * 10 + "M" * 20 + "O" + "M" * 20 + "I" * 10
    near = "I" * 10 + "M" * 19 + "OO" + "M" * 20 + "I" * 10
    far = "I" * 10 + "M" * 17 + "OO" + "M" * 22 + "I" * 10
    assert topologies_equal(true, near)
    assert why_wrong(true, far, "TM") == "shifted segment 2"


@pytest.mark.parametrize(("true_type", "letter"), [("SP", "S"), ("GLOB", "I")])
def test_type_alone_decides_for_sp_and_glob(true_type: str, letter: str):
    truth = letter * 20 + ("O" if letter == "S" else "I") * 40
    guess = "S" * 2 + "I" * 58 if letter == "S" else "I" * 60
    assert why_wrong(truth, guess, true_type) is None


def test_unknown_residues_are_not_compared():
    truth = "I" * 20 + "-" * 3 + "M" * 17 + "O" * 20
    assert is_scorable(truth)
    assert topologies_equal(truth, HELIX)
    assert not topologies_equal(truth, "O" * 20 + "M" * 20 + "I" * 20)


def test_truth_with_open_order_is_not_scored():
    truth = "-" * 60 + HELIX
    assert not is_scorable(truth)
    assert not topologies_equal(truth, "I" * 60 + HELIX)


def test_unknowns_leave_the_types_that_are_possible():
    assert true_types("I" * 50) == ("GLOB",)
    assert true_types("O" * 50) == ()
    assert {"TM", "GLOB"} <= set(true_types("I" * 30 + "-" * 60 + "I" * 30))


@given(PAIRS)
def test_any_labels_give_a_reason_or_none(pair: tuple[str, str]):
    truth, guess = pair
    name = true_types(truth)
    reason = why_wrong(truth, guess, name[0] if name else None)
    heads = ("wrong type", "missing", "extra", "inverted", "shifted segment ")
    assert reason is None or reason.startswith(heads)
    if topologies_equal(truth, guess) and name == true_types(guess):
        assert reason is None
    assert topologies_equal(truth, guess) is topologies_equal(guess, truth)
    assert topologies_equal(truth, truth)
    assert why_wrong(truth, truth, name[0] if name else None) is None


def _best_assignment(true: list, guess: list) -> int:
    """Try every way to give each of the shorter list its own partner."""
    short, long = sorted((true, guess), key=len)
    return max(
        sum(segments_match(a, b) for a, b in zip(short, chosen, strict=True))
        for chosen in permutations(long, len(short))
    )


@given(PAIRS)
def test_matching_equals_brute_force(pair: tuple[str, str]):
    true, guess = (segments_of(labels, "M") for labels in pair)
    assert count_matches(true, guess) == count_matches(guess, true)
    assert count_matches(true, guess) == _best_assignment(true, guess)


def test_match_at_the_limits():
    assert count_matches(segments_of("I" * 5 + "M" * 20, "M"), segments_of("M" * 20, "M")) == 1
    assert count_matches(segments_of("I" * 6 + "M" * 20, "M"), segments_of("M" * 20, "M")) == 0
    # ends 3 off, but 4 shared of a union of 10
    assert count_matches(segments_of("MMMMMMM", "M"), segments_of("IIIMMMMMMM", "M")) == 0


def test_segment_counts():
    two = "I" * 10 + "M" * 20 + "O" * 10 + "M" * 20 + "I" * 10
    assert segment_counts(two, two, "M") == (2, 2, 2, 1, 1, 1, 1)
    assert segment_counts(two, "I" * 70, "M") == (2, 0, 0, 1, 0, 0, 0)
    assert segment_counts("I" * 70, two, "M") == (0, 2, 0, 0, 0, 0, 0)
    turned = two.translate(str.maketrans("IO", "OI"))
    assert segment_counts(two, turned, "M") == (2, 2, 2, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("guess", "expected"),
    [
        # Helix: five pairs of overlap 1, union 10, delta 0: 5 * 1/10 * 10 = 5 over 5 * 10.
        # Coil: 1/1 * 1 at the start, 1/2 * 1 at the end, over 2. Together 6.5 / 52.
        ("IMIMIMIMIMII", 6.5 / 52),
        # Helix: overlap 5, union 10, delta = min(5, 5, 5, 2) = 2: 7/10 * 10 over 10.
        # Coil: 1/3 and 1/4 over 2. Together 7.5833 / 12.
        ("IIIMMMMMIIII", (7 + 1 / 3 + 1 / 4) / 12),
    ],
)
def test_sov_published_example(guess: str, expected: float):
    # observed CHHHHHHHHHHC, published as 12.5 and 63.2 percent with Q3 58.3 for both
    # (Zemla et al. 1999); H is M here and C is I
    observed = "I" + "M" * 10 + "I"
    assert sov(observed, guess) == pytest.approx(expected)
    assert round(100 * expected, 1) in (12.5, 63.2)
    assert sum(a == b for a, b in zip(observed, guess, strict=True)) == 7


@given(PAIRS)
def test_sov_bounds_and_identity(pair: tuple[str, str]):
    terms = sov_terms(*pair)
    assert (terms[:, 0] <= terms[:, 1] + 1e-9).all()
    assert (terms >= 0).all()
    assert sov(pair[0], pair[0]) == pytest.approx(1.0)


def test_sov_of_nothing_is_undefined():
    assert np.isnan(sov("---", "III"))


def test_signal_peptides():
    assert cleavage_site("SSSSOO") == 3
    assert cleavage_site("IIII") is None
    assert cleavage_site("SSS-OO") is None
    assert site_found("SSSSOO", "SSOOOO", 2)
    assert not site_found("SSSSOO", "SSOOOO", 1)
    assert has_signal("SSSOOO", ("SP",)) is True
    assert has_signal("IIIIII", ("GLOB",)) is False
    assert has_signal("---OOO", ("SP", "SP+TM")) is True
    assert has_signal("---OOO", ("TM", "SP+TM")) is None
