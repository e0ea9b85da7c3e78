"""Detection and cleavage site of signal peptides, as in SignalP 6 (Teufel et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from topo.labels import SIGNAL, UNKNOWN

TOLERANCES = (0, 1, 2, 3)
"""Largest distances in residues at which a cleavage site counts as found."""


def has_signal(truth: str, types: Sequence[str]) -> bool | None:
    """Return whether the truth has a signal peptide, or None if that is unknown.

    Parameters
    ----------
    truth
        Label string with ``-`` for unknown residues.
    types
        Possible types of the truth (:func:`topo.metrics.types.true_types`). They are used if the
        first residue, where every signal peptide begins, is unknown.
    """
    if SIGNAL in truth:
        return True
    if not truth.startswith(UNKNOWN):
        return False
    if types and set(types) <= {"SP", "SP+TM"}:
        return True
    if types and set(types) <= {"TM", "GLOB"}:
        return False
    return None


def cleavage_site(labels: str) -> int | None:
    """Return the 0-based position of the last ``S`` residue.

    None if there is no ``S``, or if the next residue is unknown, because then the site is too.
    """
    last = labels.rfind(SIGNAL)
    if last < 0 or labels[last + 1 : last + 2] == UNKNOWN:
        return None
    return last


def site_found(truth: str, prediction: str, tolerance: int) -> bool:
    """Return whether both have a cleavage site, at most ``tolerance`` residues apart."""
    true, guess = cleavage_site(truth), cleavage_site(prediction)
    return true is not None and guess is not None and abs(true - guess) <= tolerance
