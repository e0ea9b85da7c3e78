"""Orientation of a structure with the membrane normal up, by the predicted sides."""

from __future__ import annotations

import numpy as np

from topo.io.sides import sides_around
from topo.labels import MEMBRANE, OUTSIDE
from topo.segments import Segment

_AT_ENDS = 4
"""Number of residues whose mean position is the end of a segment."""
_LEAST = 0.2
"""Least agreement of the segments on a normal, as length of their mean direction."""


def membrane_normal(coordinates: np.ndarray, segments: list[Segment]) -> np.ndarray | None:
    """Return the direction from inside (periplasm) to outside, shape (3,), or None.

    It is the mean direction of the membrane segments, each from its inner to its outer end. None
    where no membrane segment crosses with known coordinates, or where they do not agree.

    Parameters
    ----------
    coordinates
        C-alphas in angstrom, shape (R, 3), NaN if unknown.
    segments
        Predicted topology.
    """
    directions = []
    for k, (label, start, end) in enumerate(segments):
        if label not in MEMBRANE:
            continue
        before, after = sides_around(segments, k)
        known = coordinates[start:end]
        known = known[np.isfinite(known).all(axis=1)].astype(np.float64)
        if before == after or len(known) < 2:
            continue
        size = min(_AT_ENDS, len(known) // 2)
        across = known[-size:].mean(axis=0) - known[:size].mean(axis=0)
        length = float(np.linalg.norm(across))
        if length > 0:
            directions.append(across / length * (1.0 if after == OUTSIDE else -1.0))
    if not directions:
        return None
    mean = np.mean(directions, axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length >= _LEAST else None


def turn_up(normal: np.ndarray) -> np.ndarray:
    """Return the rotation, shape (3, 3), that turns a unit vector to the direction of y."""
    up = np.array([0.0, 1.0, 0.0])
    axis, cosine = np.cross(normal, up), float(normal @ up)
    if cosine < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def upright(coordinates: np.ndarray, segments: list[Segment]) -> tuple[np.ndarray, bool]:
    """Return centred coordinates, turned with the outside up (y), and whether they were turned.

    The centre is that of the membrane segments, or of the chain where it has none.
    """
    normal = membrane_normal(coordinates, segments)
    spans = [coordinates[s.start : s.end] for s in segments if s.label in MEMBRANE]
    middle = np.concatenate(spans) if normal is not None else coordinates
    centred = coordinates - np.nanmean(middle, axis=0)
    return (centred, False) if normal is None else (centred @ turn_up(normal).T, True)
