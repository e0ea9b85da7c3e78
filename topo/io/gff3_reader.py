"""Reader of valid GFF3: the files of topo, other files with the same terms, and UniProt's.

Terms of the Sequence Ontology determine a label each. UniProt's terms (``Transmembrane``,
``Topological domain``, ``Signal peptide``, ``Intramembrane``) are labelled by the rules for
Swiss-Prot, :mod:`topo.io.swissprot_rules`. Rows of other terms are passed over and named in one
warning; a file with no known term is refused.
"""

from __future__ import annotations

import warnings
from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterator

from topo.errors import InputError, InputWarning
from topo.io.ids import from_gff3
from topo.io.lines import Lines
from topo.io.swissprot_rules import Feature, label_features
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction

_COLUMNS = 9
_SHOWN = 10
_UNIPROT_KEYS = {
    "signal peptide": "SIGNAL",
    "signal": "SIGNAL",
    "transmembrane": "TRANSMEM",
    "transmembrane region": "TRANSMEM",
    "topological domain": "TOPO_DOM",
    "intramembrane": "INTRAMEM",
}
_OWN_KEYS = {"transit peptide": "TRANSIT"}
"""Further keys, of features that only the labels of some schemes have."""
_LETTERS = {
    "signal_peptide": "S",
    "transmembrane_helix": "M",
    "cytoplasmic_polypeptide_region": "I",
}
_EXPECTED = (
    "signal_peptide, transmembrane_polypeptide_region, cytoplasmic_polypeptide_region, "
    "non_cytoplasmic_polypeptide_region, or UniProt's Signal peptide, Transmembrane, Topological "
    "domain"
)


class Terms:
    """Counts the rows that are read, and those that are passed over by their term."""

    def __init__(self) -> None:
        self.read = 0
        self.passed: Counter[str] = Counter()

    def passed_over(self) -> str:
        """Return the terms passed over for a message, the most frequent first."""
        names = [f"{name[:40]} ({count})" for name, count in self.passed.most_common(_SHOWN)]
        more = len(self.passed) - len(names)
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")

    def report(self, lines: Lines, expected: str) -> None:
        """Refuse a file without any known term; warn about the others."""
        if not self.passed:
            return
        if not self.read:
            found = f"found only terms without a label, {self.passed_over()}"
            raise InputError(lines.source, f"{found}; expected {expected}")
        message = f"{lines.source}: rows of other terms are passed over: {self.passed_over()}"
        warnings.warn(message, InputWarning, stacklevel=2)


def parse_gff3(lines: Lines, scheme: LabelScheme = SIX) -> Iterator[Prediction]:
    """Read topologies from valid GFF3, protein by protein.

    The length comes from ``##sequence-region``, else from the last row. The sequence is not in
    the file; it is ``X`` throughout. Residues without a row are unknown. A new
    ``##sequence-region`` after rows, or ``###``, ends the proteins before it, so that files of
    any size stream. The attribute ``label`` names a label of another scheme than the built-in one;
    UniProt's features become the labels that the scheme declares for them.
    """
    pending: dict[str, _Region] = {}
    terms = Terms()
    for line in lines:
        if line == "##FASTA":
            break
        if line.startswith("##sequence-region"):
            if any(region.used for region in pending.values()):
                yield from _flush(pending, lines, scheme)
            name, length = sequence_region(lines, line)
            if name in pending:
                yield from _flush(pending, lines, scheme)
            lines.declare(length, name)
            pending[name] = _Region(length)
        elif line == "###":
            yield from _flush(pending, lines, scheme)
        elif line.strip() and not line.startswith("#"):
            _take_row(lines, line, pending, terms, scheme)
    yield from _flush(pending, lines, scheme)
    terms.report(lines, _EXPECTED)


class _Region:
    """Collected rows of one protein."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.rows: list[tuple[int, int, str]] = []  # sorted; they do not overlap
        self.features: list[Feature] = []
        self.attributes: dict[str, str] = {}

    @property
    def used(self) -> bool:
        """Whether a row determines a label."""
        return bool(self.rows or self.features)

    def finish(self, name: str, lines: Lines, scheme: LabelScheme) -> Prediction:
        length = self.length
        if length is None:
            ends = [end for _, end, _ in self.rows] + [feature.end for feature in self.features]
            length = max(ends, default=0)
            lines.declare(length, name)
        labels = [*label_features(self.features, length, scheme)]
        for start, end, letter in self.rows:
            labels[start:end] = letter * (end - start)
        text = "".join(labels)
        kind = self.attributes.get("protein_type")
        confidence = self.attributes.get("confidence")
        return Prediction(
            from_gff3(name),
            "X" * len(text),
            text,
            kind if kind in scheme.type_names else scheme.type_of(text),
            confidence=None if confidence is None else float(confidence),
            scheme=scheme,
        )


def _flush(pending: dict[str, _Region], lines: Lines, scheme: LabelScheme) -> Iterator[Prediction]:
    for name, region in pending.items():
        yield region.finish(name, lines, scheme)
    pending.clear()


def sequence_region(lines: Lines, line: str) -> tuple[str, int]:
    """Return name and length of a ``##sequence-region`` line."""
    fields = line.split()
    if len(fields) != 4:
        lines.fail("expected ##sequence-region, id, start and end")
    start, end = lines.place(fields[2], "start"), lines.place(fields[3], "end")
    if start != 1 or end < 0:
        lines.fail(f"found region {start} {end}, expected one that starts at 1")
    return fields[1], end


def columns(lines: Lines, line: str) -> list[str]:
    """Split a row into its nine columns; empty ones at the end, as UniProt's, are dropped."""
    fields = line.split("\t")
    while len(fields) > _COLUMNS and not fields[-1].strip():
        fields.pop()
    if len(fields) != _COLUMNS:
        lines.fail(f"found {len(fields)} columns, expected {_COLUMNS}")
    return fields


def positions(lines: Lines, first: str, last: str, length: int | None) -> tuple[int, int]:
    """Parse first and last residue (from 1) to half-open positions from 0, or fail."""
    start, end = lines.place(first, "start") - 1, lines.place(last, "end")
    if not 0 <= start < end or (length is not None and end > length):
        lines.fail(f"found residues {first}-{last}, expected 1 to {length or 'N'}")
    return start, end


def _take_row(
    lines: Lines, line: str, pending: dict[str, _Region], terms: Terms, scheme: LabelScheme
) -> None:
    fields = columns(lines, line)
    name, term, first, last = fields[0], fields[2], fields[3], fields[4]
    attributes = attributes_of(lines, fields[8])
    region = pending.setdefault(name, _Region())
    letter = _letter(term, attributes, scheme)
    key = None if letter else _feature_key(term, scheme)
    if letter is None and key is None:
        terms.passed[term] += 1
        return
    if key and "?" in (first.strip(), last.strip()):  # UniProt does not know every end
        terms.passed[f"{term} without known ends"] += 1
        return
    start, end = positions(lines, first, last, region.length)
    terms.read += 1
    if key:
        note = attributes.get("Note", "").casefold()
        region.features.append(Feature(key, start, end, note))
        return
    place = bisect(region.rows, (start, end))
    before, after = region.rows[place - 1 : place], region.rows[place : place + 1]
    if (place and before[0][1] > start) or (after and after[0][0] < end):
        lines.fail(f"found residues {first}-{last}, which an earlier row covers")
    insort(region.rows, (start, end, str(letter)))
    region.attributes = attributes


def _feature_key(term: str, scheme: LabelScheme) -> str | None:
    """Return the key of a UniProt feature that has a label, or None."""
    name = term.strip().casefold()
    own = _OWN_KEYS.get(name)
    if own and own in {label.feature for label in scheme.labels}:
        return own
    return _UNIPROT_KEYS.get(name)


def attributes_of(lines: Lines, text: str) -> dict[str, str]:
    """Split column 9 and check the attributes that are numbers."""
    pairs = (part.partition("=") for part in text.split(";"))
    attributes = {key.strip(): from_gff3(value) for key, _, value in pairs}
    if "confidence" in attributes:
        try:
            float(attributes["confidence"])
        except ValueError:
            lines.fail(f"found confidence {attributes['confidence']!r}, expected a number")
    return attributes


def _letter(term: str, attributes: dict[str, str], scheme: LabelScheme) -> str | None:
    """Return the label letter of a row, or None if the term has none."""
    if attributes.get("label") in scheme.by_letter:
        return attributes["label"]
    letter = _six_letter(term, attributes)
    return letter if letter is None or scheme.by_letter.get(letter) else None


def _six_letter(term: str, attributes: dict[str, str]) -> str | None:
    """Return the letter of a row with a term of the six labels."""
    if term == "transmembrane_polypeptide_region":
        return "B" if attributes.get("segment") == "strand" else "M"
    if term == "non_cytoplasmic_polypeptide_region":
        return "P" if attributes.get("side") == "periplasm" else "O"
    return _LETTERS.get(term)
