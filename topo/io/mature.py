"""FASTA of mature proteins: those with a signal peptide, without it."""

from __future__ import annotations

from topo.io.ids import plain_id
from topo.io.signalp import signal_end
from topo.protein import Prediction

_WIDTH = 60


def mature_record(prediction: Prediction) -> str:
    """Write the chain behind the signal peptide, or nothing where there is none.

    The header says what was removed: ``>ID signal_peptide=1-18``.
    """
    end = signal_end(prediction)
    chain = prediction.sequence[end:]
    if not end or not chain:
        return ""
    rows = [chain[start : start + _WIDTH] for start in range(0, len(chain), _WIDTH)]
    return f">{plain_id(prediction.id)} signal_peptide=1-{end}\n" + "\n".join(rows) + "\n"
