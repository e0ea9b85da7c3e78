"""Valid GFF3 with Sequence Ontology terms; ids and attribute values are percent-encoded.

Helix and strand share one term and differ in the attribute ``segment``; periplasm and outside
share one and differ in ``side``. Every row carries the protein's ``protein_type`` and, where
known, its ``confidence`` (4 decimals). The score is the mean probability of the row's label over
its residues (4 decimals). :mod:`topo.io.gff3_reader` reads these files and those of UniProt.
"""

from __future__ import annotations

from collections.abc import Callable

from topo.io.ids import UniqueNames, gff3_id
from topo.labels import UNKNOWN
from topo.labels.scheme import SIX, Label
from topo.protein import Prediction
from topo.segments import Segment

HEADER = "##gff-version 3\n"
_ATTRIBUTES = {
    "M": ";segment=helix",
    "B": ";segment=strand",
    "I": ";side=inside",
    "O": ";side=outside",
    "P": ";side=periplasm",
}
"""Further attributes of labels by their six-letter equivalents; others have their name."""


def gff3_records(source: str) -> Callable[[Prediction], str]:
    """Return a function that formats the lines of one protein.

    Parameters
    ----------
    source
        Name of the program, for column 2.

    Returns
    -------
    callable
        Function that formats ``##sequence-region`` and one row per segment; unknown residues get
        none. Repeated ids get ``-2`` and so on in the ``ID`` attributes, which must be unique.
    """
    parents = UniqueNames()

    def record(prediction: Prediction) -> str:
        name = gff3_id(prediction.id)
        parent = parents.name(name)
        common = _common_attributes(prediction)
        rows = [f"##sequence-region {name} 1 {len(prediction)}\n"]
        for number, segment in enumerate(prediction.segments, 1):
            if segment.label != UNKNOWN:
                label = prediction.scheme.by_letter[segment.label]
                kind = _attribute(label)
                rows.append(
                    f"{name}\t{source}\t{label.term}\t{segment.start + 1}\t{segment.end}\t"
                    f"{_score(prediction, segment)}\t.\t.\tID={parent}.{number}{kind}{common}\n"
                )
        return "".join(rows)

    return record


def _attribute(label: Label) -> str:
    """Return what tells a label from others of its term."""
    if label == SIX.by_letter.get(label.letter):
        return _ATTRIBUTES.get(label.letter, "")
    return f";label={label.letter};Note={gff3_id(label.name)}"


def _common_attributes(prediction: Prediction) -> str:
    kind = f";protein_type={gff3_id(prediction.type)}" if prediction.type else ""
    if prediction.confidence is None:
        return kind
    return f"{kind};confidence={prediction.confidence:.4f}"


def _score(prediction: Prediction, segment: Segment) -> str:
    """Mean probability of the segment's label, or ``.`` where there are none."""
    if prediction.probabilities is None:
        return "."
    column = prediction.scheme.index[segment.label]
    return f"{prediction.probabilities[segment.start : segment.end, column].mean():.4f}"
