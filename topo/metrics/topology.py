"""Comparison of topologies by the DeepTMHMM rule (Hallgren et al. 2022)."""

from __future__ import annotations

from functools import lru_cache

from topo.grammar.legality import only_topology
from topo.labels import (
    HELIX,
    OUTSIDE,
    PERIPLASM,
    SIGNAL,
    STRAND,
    UNKNOWN,
    protein_type,
)
from topo.metrics.residue import check_lengths
from topo.segments import Segment, to_segments

MINIMUM_OVERLAP = {SIGNAL: 5, HELIX: 5, STRAND: 3}
"""Smallest overlap in residues of a segment with its partner."""

TYPE_ALONE = ("SP", "GLOB")
"""Types whose topology is right if the type is right."""


def is_scorable(truth: str) -> bool:
    """Return whether the truth determines the segments: no unknown labels, or one legal order."""
    return UNKNOWN not in truth or _only_order(truth) is not None


def topologies_equal(truth: str, prediction: str) -> bool:
    """Compare two topologies by the DeepTMHMM rule.

    The segment labels must be the same in the same order, with ``O`` and ``P`` as one label; every
    ``S`` and ``M`` segment overlaps its partner by at least 5 residues and every ``B`` segment by
    at least 3. Identical segments match at any length. A loop that shares no residue with its
    partner is another loop; this condition is needed to reproduce the published scores of
    DeepTMHMM on fold cv4 (it decides one protein of 713, with a one-residue loop between two
    helices).

    Residues of unknown true label are taken from the prediction, so that only known ones are
    compared; the predicted order must then also be the only order that the truth allows.

    Parameters
    ----------
    truth, prediction
        Label strings of equal length.

    Returns
    -------
    bool
        False also if the truth is not :func:`is_scorable`.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    true, guess = _sides_merged(truth, prediction)
    if UNKNOWN in truth:
        only = _only_order(truth)
        if only is None or [segment.label for segment in guess] != list(only):
            return False
    same_order = [segment.label for segment in true] == [segment.label for segment in guess]
    return same_order and _first_shift(true, guess) is None and _first_lost(true, guess) is None


def why_wrong(truth: str, prediction: str, true_type: str | None) -> str | None:
    """Return the first error of a predicted topology.

    Parameters
    ----------
    truth, prediction
        Label strings of equal length; the truth must be :func:`is_scorable`.
    true_type
        Type of the truth, or None if it is undetermined. For SP and GLOB the type suffices.

    Returns
    -------
    str or None
        None if the topology is right, otherwise one of ``wrong type``, ``missing segment``,
        ``extra segment``, ``inverted`` (right membrane segments on wrong sides) and
        ``shifted segment k``: the k-th signal, helix or strand, from 1, overlaps too little.
    """
    if true_type is not None and protein_type(prediction) != true_type:
        return "wrong type"
    if true_type in TYPE_ALONE or topologies_equal(truth, prediction):
        return None
    true, guess = _sides_merged(truth, prediction)
    true_order, guess_order = [segment.label for segment in true], [s.label for s in guess]
    if UNKNOWN in truth:
        true_order = list(_only_order(truth) or true_order)
    for label in MINIMUM_OVERLAP:
        missing = true_order.count(label) - guess_order.count(label)
        if missing:
            return "missing segment" if missing > 0 else "extra segment"
    shift = _first_shift(true, guess)
    same_membrane = _membrane(true_order) == _membrane(guess_order)
    if same_membrane and true_order != guess_order:
        return "inverted"
    return f"shifted segment {shift or _first_lost(true, guess) or 1}"


def _membrane(order: list[str]) -> list[str]:
    return [label for label in order if label in MINIMUM_OVERLAP]


def _sides_merged(truth: str, prediction: str) -> tuple[list[Segment], list[Segment]]:
    """Return the segments of both, with P as O and unknown true labels as predicted."""
    check_lengths(truth, prediction)
    if UNKNOWN in truth:
        pairs = zip(truth, prediction, strict=True)
        truth = "".join(guess if true == UNKNOWN else true for true, guess in pairs)
    return _segments(truth.replace(PERIPLASM, OUTSIDE)), _segments(
        prediction.replace(PERIPLASM, OUTSIDE)
    )


_segments = lru_cache(maxsize=64)(to_segments)  # a protein is split once for all metrics


@lru_cache(maxsize=1024)
def _only_order(truth: str) -> tuple[str, ...] | None:
    """Return the order of labels common to all legal fillings, O and P merged, or None."""
    order = only_topology(truth)
    return None if order is None else tuple(OUTSIDE if x == PERIPLASM else x for x in order)


def _first_shift(true: list[Segment], guess: list[Segment]) -> int | None:
    """Return the number (from 1) of the first S, M or B segment whose overlap is too small."""
    true = [segment for segment in true if segment.label in MINIMUM_OVERLAP]
    guess = [segment for segment in guess if segment.label in MINIMUM_OVERLAP]
    for number, (one, other) in enumerate(zip(true, guess, strict=False), start=1):
        enough = one.overlap(other) >= MINIMUM_OVERLAP[one.label] or one == other
        if one.label != other.label or not enough:
            return number
    return None if len(true) == len(guess) else min(len(true), len(guess)) + 1


def _first_lost(true: list[Segment], guess: list[Segment]) -> int | None:
    """Return the number (from 1) of the segment after the first loop without overlap, or None.

    If that loop is at the end of the chain, the number is that of the last segment.
    """
    number = 0
    for one, other in zip(true, guess, strict=False):
        if one.label in MINIMUM_OVERLAP:
            number += 1
        elif not one.overlap(other):
            return min(number + 1, sum(segment.label in MINIMUM_OVERLAP for segment in true))
    return None
