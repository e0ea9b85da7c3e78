"""SignalP 6's table, GFF3, JSON, regions and FASTA of mature proteins.

The first line of the table names the layout, by which readers recognise its version, and this
program; the source column of the GFF3 names this program.

The probability of a signal peptide is that of label ``S`` at residue 1, and that of the cleavage
site is the decrease of the probability of ``S`` after it: with legal topologies both are exact.
Unknown numbers are ``nan``. Kinds of signal peptide are not distinguished.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from topo.io.fasta import wrapped
from topo.io.ids import UniqueNames, gff3_id, plain_id
from topo.io.signal_regions import signal_regions
from topo.labels import LABEL_INDEX, SIGNAL
from topo.protein import Prediction

GFF3_HEADER = "##gff-version 3\n"
JSON_TYPES = ("Other", "Signal Peptide (Sec/SPI)")
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


def signalp_region_records(source: str) -> Callable[[Prediction], str]:
    """Return a function that formats the rows of ``region_output.gff3``: n-, h- and c-region."""

    def record(prediction: Prediction) -> str:
        end, name = signal_end(prediction), gff3_id(prediction.id)
        return "".join(
            f"{name}\t{source}\t{region}-region\t{first}\t{last}\t.\t.\t.\t.\n"
            for region, first, last in (signal_regions(prediction.sequence[:end]) if end else ())
        )

    return record


def json_header(program: str, timestamp: str) -> str:
    """Return the start of ``output.json``, up to the first protein."""
    layout = {"layout": "SignalP-6.0", "program": program, "organism": "any", "time": timestamp}
    return f'{{"INFO": {json.dumps(layout)}, "SEQUENCES": {{\n'


JSON_SEPARATOR, JSON_FOOTER = ",\n", "\n}}\n"


def signalp_json_records() -> Callable[[Prediction], str]:
    """Return a function that formats the entry of a protein in ``output.json``.

    Keys differ: a further protein of an id gets ``-2``, ``-3`` and so on, its ``Name`` is the id.
    """
    names = UniqueNames()

    def record(prediction: Prediction) -> str:
        end, probability = signal_end(prediction), signal_probability(prediction)
        site = 0 < end < len(prediction)
        known = prediction.probabilities is not None and len(prediction) > 0
        entry = {
            "Name": prediction.id,
            "Prediction": JSON_TYPES[1] if end else JSON_TYPES[0],
            "Likelihood": [round(1 - probability, 4), round(probability, 4)] if known else [],
            "Protein_types": JSON_TYPES,
            "CS_pos": f"Cleavage site between pos. {end} and {end + 1}" if site else "",
        }
        return f"{json.dumps(names.name(prediction.id))}: {json.dumps(entry)}"

    return record


def processed_record(prediction: Prediction) -> str:
    """Format the chain after the signal peptide as ``processed_entries.fasta`` has it."""
    end = signal_end(prediction)
    chain = prediction.sequence[end:]
    return f">{plain_id(prediction.id)}\n{wrapped(chain)}" if end and chain else ""


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
