"""Valid GFF3 with Sequence Ontology terms; ids and attribute values are percent-encoded.

Helix and strand share one term and differ in the attribute ``segment``; periplasm and outside
share one and differ in ``side``. Every row carries the protein's ``protein_type`` and, where
known, its ``confidence`` (4 decimals). The score is the mean probability of the row's label over
its residues (4 decimals).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from topo.io.ids import from_gff3, gff3_id
from topo.io.lines import Lines
from topo.labels import LABEL_INDEX, TYPES, UNKNOWN, protein_type
from topo.protein import Prediction
from topo.segments import Segment

HEADER = "##gff-version 3\n"
_TERMS = {
    "S": ("signal_peptide", ""),
    "M": ("transmembrane_polypeptide_region", ";segment=helix"),
    "B": ("transmembrane_polypeptide_region", ";segment=strand"),
    "I": ("cytoplasmic_polypeptide_region", ";side=inside"),
    "O": ("non_cytoplasmic_polypeptide_region", ";side=outside"),
    "P": ("non_cytoplasmic_polypeptide_region", ";side=periplasm"),
}


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
        none. It counts the ids, because ``ID`` attributes must be unique within a file.
    """
    seen: Counter[str] = Counter()

    def record(prediction: Prediction) -> str:
        name = gff3_id(prediction.id)
        seen[name] += 1
        parent = name if seen[name] == 1 else f"{name}-{seen[name]}"
        common = _common_attributes(prediction)
        rows = [f"##sequence-region {name} 1 {len(prediction)}\n"]
        for number, segment in enumerate(prediction.segments, 1):
            if segment.label != UNKNOWN:
                term, kind = _TERMS[segment.label]
                rows.append(
                    f"{name}\t{source}\t{term}\t{segment.start + 1}\t{segment.end}\t"
                    f"{_score(prediction, segment)}\t.\t.\tID={parent}.{number}{kind}{common}\n"
                )
        return "".join(rows)

    return record


def _common_attributes(prediction: Prediction) -> str:
    kind = f";protein_type={gff3_id(prediction.type)}" if prediction.type else ""
    if prediction.confidence is None:
        return kind
    return f"{kind};confidence={prediction.confidence:.4f}"


def _score(prediction: Prediction, segment: Segment) -> str:
    """Mean probability of the segment's label, or ``.`` where there are none."""
    if prediction.probabilities is None:
        return "."
    column = LABEL_INDEX[segment.label]
    return f"{prediction.probabilities[segment.start : segment.end, column].mean():.4f}"


def parse_gff3(lines: Lines) -> Iterator[Prediction]:
    """Read topologies from valid GFF3, protein by protein.

    The length comes from ``##sequence-region``, else from the last row. The sequence is not in
    the file; it is ``X`` throughout. Rows of other terms are skipped; residues
    without a row are unknown. A new ``##sequence-region`` after rows, or ``###``, ends the
    proteins before it, so that files of any size stream.
    """
    pending: dict[str, _Region] = {}
    for line in lines:
        if line == "##FASTA":
            break
        if line.startswith("##sequence-region"):
            if any(region.rows for region in pending.values()):
                yield from _flush(pending)
            name, region = _region(lines, line)
            if name in pending:
                yield from _flush(pending)
            pending[name] = region
        elif line == "###":
            yield from _flush(pending)
        elif line.strip() and not line.startswith("#"):
            _take_row(lines, line, pending)
    yield from _flush(pending)


class _Region:
    """Collected rows of one protein."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.rows: list[tuple[int, int, str]] = []
        self.attributes: dict[str, str] = {}

    def finish(self, name: str) -> Prediction:
        length = max((end for _, end, _ in self.rows), default=0)
        labels = [UNKNOWN] * (length if self.length is None else self.length)
        for start, end, letter in self.rows:
            labels[start:end] = letter * (end - start)
        text = "".join(labels)
        kind = self.attributes.get("protein_type")
        confidence = self.attributes.get("confidence")
        return Prediction(
            from_gff3(name),
            "X" * len(text),
            text,
            kind if kind in TYPES else protein_type(text),
            confidence=None if confidence is None else float(confidence),
        )


def _flush(pending: dict[str, _Region]) -> Iterator[Prediction]:
    for name, region in pending.items():
        yield region.finish(name)
    pending.clear()


def _region(lines: Lines, line: str) -> tuple[str, _Region]:
    fields = line.split()
    if len(fields) != 4:
        lines.fail("expected ##sequence-region, id, start and end")
    start, end = lines.place(fields[2], "start"), lines.place(fields[3], "end")
    if start != 1 or end < 0:
        lines.fail(f"found region {start} {end}, expected one that starts at 1")
    return fields[1], _Region(end)


def _take_row(lines: Lines, line: str, pending: dict[str, _Region]) -> None:
    fields = line.split("\t")
    if len(fields) != 9:
        lines.fail(f"found {len(fields)} columns, expected 9")
    attributes = _attributes(lines, fields[8])
    letter = _letter(fields[2], attributes)
    region = pending.setdefault(fields[0], _Region())
    if letter is None:
        return
    start, end = lines.place(fields[3], "start") - 1, lines.place(fields[4], "end")
    if not 0 <= start < end or (region.length is not None and end > region.length):
        lines.fail(f"found residues {fields[3]}-{fields[4]}, expected 1 to {region.length or 'N'}")
    if any(start < other_end and other_start < end for other_start, other_end, _ in region.rows):
        lines.fail(f"found residues {fields[3]}-{fields[4]}, which an earlier row covers")
    region.rows.append((start, end, letter))
    region.attributes = attributes


def _attributes(lines: Lines, text: str) -> dict[str, str]:
    """Split column 9 and check the attributes that are numbers."""
    pairs = (part.partition("=") for part in text.split(";"))
    attributes = {key.strip(): from_gff3(value) for key, _, value in pairs}
    if "confidence" in attributes:
        try:
            float(attributes["confidence"])
        except ValueError:
            lines.fail(f"found confidence {attributes['confidence']!r}, expected a number")
    return attributes


def _letter(term: str, attributes: dict[str, str]) -> str | None:
    """Return the label letter of a row, or None if the term has none."""
    if term == "transmembrane_polypeptide_region":
        return "B" if attributes.get("segment") == "strand" else "M"
    if term == "non_cytoplasmic_polypeptide_region":
        return "P" if attributes.get("side") == "periplasm" else "O"
    return {"signal_peptide": "S", "cytoplasmic_polypeptide_region": "I"}.get(term)
