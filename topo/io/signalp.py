"""SignalP 6's table, GFF3 and FASTA of mature proteins.

The first line of the table names the layout, by which readers recognise its version, and this
program; the source column of the GFF3 names this program.

The probability of a signal peptide is that of label ``S`` at residue 1, and that of the cleavage
site is the decrease of the probability of ``S`` after it: with legal topologies both are exact.
Unknown numbers are ``nan``. Kinds of signal peptide are not distinguished.
"""

from __future__ import annotations

from collections.abc import Callable

from topo.io.fasta import wrapped
from topo.io.ids import gff3_id, plain_id
from topo.labels import LABEL_INDEX, SIGNAL
from topo.protein import Prediction

GFF3_HEADER = "##gff-version 3\n"
_S = LABEL_INDEX[SIGNAL]
_NAN = float("nan")


def table_header(program: str, timestamp: str) -> str:
    """Return the first two lines of ``prediction_results.txt``."""
    return (
        f"# SignalP-6.0 layout, {program}\tOrganism: any\tTimestamp: {timestamp}\n"
        "# ID\tPrediction\tOTHER\tSP(Sec/SPI)\tCS Position\n"
    )


def signalp_record(prediction: Prediction) -> str:
    """Format one row of ``prediction_results.txt``."""
    end, probability = signal_end(prediction), signal_probability(prediction)
    site = ""
    if 0 < end < len(prediction):
        site = f"CS pos: {end}-{end + 1}. Pr: {_cleavage_probability(prediction, end):.4f}"
    return (
        f"{plain_id(prediction.id)}\t{'SP' if end else 'OTHER'}"
        f"\t{1 - probability:.6f}\t{probability:.6f}\t{site}\n"
    )


def signalp_gff3_records(source: str) -> Callable[[Prediction], str]:
    """Return a function that formats a row of ``output.gff3``, empty without signal peptide."""

    def record(prediction: Prediction) -> str:
        end = signal_end(prediction)
        if not end:
            return ""
        score = signal_probability(prediction)
        text = "." if score != score else f"{score:.6f}"
        return f"{gff3_id(prediction.id)}\t{source}\tsignal_peptide\t1\t{end}\t{text}\t.\t.\t.\n"

    return record


def mature_record(prediction: Prediction) -> str:
    """Format the chain after the signal peptide as FASTA; empty where there is none.

    The header names the residues removed: ``>ID signal_peptide=1-18``.
    """
    end = signal_end(prediction)
    chain = prediction.sequence[end:]
    if not end or not chain:
        return ""
    return f">{plain_id(prediction.id)} signal_peptide=1-{end}\n{wrapped(chain)}"


def signal_end(prediction: Prediction) -> int:
    """Return the length of the signal peptide at the start of the chain, 0 where there is none."""
    return len(prediction.labels) - len(prediction.labels.lstrip(SIGNAL))


def signal_probability(prediction: Prediction) -> float:
    """Return the probability that the chain begins with a signal peptide; nan where unknown."""
    if prediction.probabilities is None or not len(prediction):
        return _NAN
    return min(1.0, max(0.0, float(prediction.probabilities[0, _S])))


def _cleavage_probability(prediction: Prediction, end: int) -> float:
    if prediction.probabilities is None:
        return _NAN
    fall = prediction.probabilities[end - 1, _S] - prediction.probabilities[end, _S]
    return min(1.0, max(0.0, float(fall)))
