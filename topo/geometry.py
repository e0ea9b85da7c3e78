"""Backbone geometry that is invariant to rotation and translation.

Positions are in angstrom, NaN if unknown; values that depend on an unknown position are NaN.
"""

from __future__ import annotations

import numpy as np

_BOND = 2.5
"""Longest distance of C to the next N that still counts as bonded; a peptide bond has 1.33."""

_STEP = 5.0
"""Longest distance of neighbouring C-alphas without a gap between them; 2.9 and 3.8 are usual."""


def dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Return the signed dihedral angle of four positions each, radians, (..., 3) to (...).

    IUPAC convention: looking along b to c, positive where d lies clockwise of a.
    """
    first, axis, last = b - a, c - b, d - c
    before, after = np.cross(first, axis), np.cross(axis, last)
    length = np.linalg.norm(axis, axis=-1)
    return np.arctan2(length * (first * after).sum(-1), (before * after).sum(-1))


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors, radians, (..., 3) to (...)."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1))


def backbone_dihedrals(backbone: np.ndarray) -> np.ndarray:
    """Return phi, psi and omega of each residue, radians, shape (R, 3).

    Parameters
    ----------
    backbone
        Positions of N, C-alpha and C, shape (R, 3, 3). Omega is that of the bond before the
        residue. Angles across a chain break are NaN.
    """
    n, ca, c = np.moveaxis(backbone.astype(np.float64), 1, 0)
    angles = np.full((len(backbone), 3), np.nan)
    if len(backbone) > 1:
        bonded = np.linalg.norm(n[1:] - c[:-1], axis=1) < _BOND
        pairs = (
            dihedral(c[:-1], n[1:], ca[1:], c[1:]),
            dihedral(n[:-1], ca[:-1], c[:-1], n[1:]),
            dihedral(ca[:-1], c[:-1], n[1:], ca[1:]),
        )
        phi, psi, omega = (np.where(bonded, values, np.nan) for values in pairs)
        angles[1:, 0], angles[:-1, 1], angles[1:, 2] = phi, psi, omega
    return angles


def trace_angles(coordinates: np.ndarray) -> np.ndarray:
    """Return alpha and kappa of each residue, radians, shape (R, 2).

    Alpha is the dihedral of the C-alphas i - 1, i, i + 1, i + 2; kappa the bend at i, between the
    directions from i - 2 to i and from i to i + 2 (Kabsch & Sander 1983, Biopolymers 22:2577).
    """
    trace = coordinates.astype(np.float64)
    angles = np.full((len(trace), 2), np.nan)
    if len(trace) < 4:
        return angles
    joined = np.linalg.norm(np.diff(trace, axis=0), axis=1) < _STEP  # (R - 1,)
    alpha = dihedral(trace[:-3], trace[1:-2], trace[2:-1], trace[3:])
    angles[1:-2, 0] = np.where(joined[:-2] & joined[1:-1] & joined[2:], alpha, np.nan)
    if len(trace) > 4:
        kappa = angle(trace[2:-2] - trace[:-4], trace[4:] - trace[2:-2])
        whole = joined[:-3] & joined[1:-2] & joined[2:-1] & joined[3:]
        angles[2:-2, 1] = np.where(whole, kappa, np.nan)
    return angles


def sine_cosine(angles: np.ndarray) -> np.ndarray:
    """Return sine and cosine of angles, float32, (R, n) to (R, 2 n); both 0 where unknown."""
    both = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return np.nan_to_num(both, nan=0.0).astype(np.float32)


def neighbours(coordinates: np.ndarray, nearest: int, radius: float = 0.0) -> np.ndarray:
    """Return the edges between residues that are close in space.

    Parameters
    ----------
    coordinates
        C-alphas, shape (R, 3).
    nearest
        Number of nearest residues that each residue is joined to; 0 for none.
    radius
        Distance in angstrom within which residues are also joined; 0 for none.

    Returns
    -------
    numpy.ndarray
        int64, shape (E, 2): source, target; the nearest of a target are its sources. Residues
        without a position have no edges.
    """
    from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue] - no stub

    known = np.flatnonzero(np.isfinite(coordinates).all(axis=1))
    if len(known) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    tree = cKDTree(coordinates[known].astype(np.float64))
    found = []
    if nearest:
        count = min(nearest + 1, len(known))
        _, sources = tree.query(tree.data, k=count)
        targets = np.repeat(np.arange(len(known)), count)
        found.append(np.stack([sources.ravel(), targets], axis=1))
    if radius:
        pairs = tree.query_pairs(radius, output_type="ndarray")
        found += [pairs, pairs[:, ::-1]]
    edges = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return known[edges[edges[:, 0] != edges[:, 1]]].astype(np.int64)
