"""TMHMM 2's short format: one line per protein.

Only helices count; strands of a barrel and the signal peptide are left out. ``ExpAA`` is the
expected number of residues in helices (``First60``: among the first 60), 2 decimals; without
probabilities, the number of residues labelled so. Periplasm and the body of a barrel count as
outside, because the inside is the cytosol.
"""

from __future__ import annotations

import numpy as np

from topo.io.ids import plain_id
from topo.io.sides import sides_around
from topo.labels import HELIX, INSIDE, LABEL_INDEX, OUTSIDE, PERIPLASM, SIDES, STRAND
from topo.protein import Prediction
from topo.segments import Segment

_FIRST = 60


def tmhmm_record(prediction: Prediction) -> str:
    """Format ``ID len= ExpAA= First60= PredHel= Topology=``, separated by tabs."""
    segments = prediction.segments
    helices = sum(segment.label == HELIX for segment in segments)
    in_helix = _in_helix(prediction)
    return (
        f"{plain_id(prediction.id)}\tlen={len(prediction)}\tExpAA={in_helix.sum():.2f}"
        f"\tFirst60={in_helix[:_FIRST].sum():.2f}\tPredHel={helices}"
        f"\tTopology={helix_topology(segments)}\n"
    )


def helix_topology(segments: list[Segment]) -> str:
    """Format sides and helices as TMHMM and Phobius do: ``i198-219o283-301i``, residues from 1.

    Without a helix it is the side of the first loop (``i`` where there is none). These formats know
    the cytosol and the other side of the inner membrane: periplasm is ``o``, and so is the body
    of a barrel.
    """
    barrel = any(segment.label == STRAND for segment in segments)
    segments = [s._replace(label=OUTSIDE) if s.label == PERIPLASM else s for s in segments]
    helices = [index for index, segment in enumerate(segments) if segment.label == HELIX]
    if not helices:
        first = next((s.label for s in segments if s.label in SIDES), INSIDE)
        return _letter(OUTSIDE if barrel else first)
    parts = [_letter(sides_around(segments, helices[0])[0])]
    for index in helices:
        helix = segments[index]
        after = _letter(sides_around(segments, index)[1])
        parts.append(f"{helix.start + 1}-{helix.end}{after}")
    return "".join(parts)


def _letter(side: str) -> str:
    return "o" if side == OUTSIDE else "i"


def _in_helix(prediction: Prediction) -> np.ndarray:
    """Return the probability of each residue to be in a helix, shape (R,)."""
    if prediction.probabilities is not None:
        return prediction.probabilities[:, LABEL_INDEX[HELIX]]
    return np.array([label == HELIX for label in prediction.labels], dtype=np.float32)
