"""InterProScan's GFF3 and TSV: rows of the topology predictors that it runs.

One file may hold the matches of several predictors. The topologies are those of one of them, the
first of :data:`ANALYSES` that has a row in the file; a warning names what is passed over.
TMHMM and SignalP have rows only for helices and signal peptides, so all other residues are
unknown; TMbed's helices and strands have directions, which determine the sides.
InterProScan writes no row for a protein without a match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from topo.io.gff3_reader import Terms, columns, positions, sequence_region
from topo.io.ids import from_gff3
from topo.io.lines import Lines
from topo.io.tmbed import from_tmbed
from topo.io.tmrs import TERMS
from topo.labels import SIDES, UNKNOWN, protein_type
from topo.protein import Prediction

_TMBED = {
    "tmbeta out to in": "b",
    "tmbeta in to out": "B",
    "tmhelix out to in": "h",
    "tmhelix in to out": "H",
    "signal peptide": "S",
    **{f"tmbed {letter}": letter for letter in "bBhH"},
}
_PHOBIUS = {
    "signal peptide": "S",
    "transmembrane": "M",
    "cytoplasmic domain": "I",
    "non cytoplasmic domain": "O",
    **{f"signal peptide {part} region": "S" for part in "nhc"},
}
_TMHMM = {"tmhelix": "M", "inside": "I", "outside": "O"}
ANALYSES = {
    "deeptmhmm": TERMS,
    "tmbed": _TMBED,
    "phobius": _PHOBIUS,
    "tmhmm": _TMHMM,
    "signalp": {},
}
"""Terms of each predictor, the one that is preferred first."""

_TSV_ROW = re.compile(r"[^\t]+\t[0-9a-fA-F]{32}\t\d+\t[^\t]+\t[^\t]*\t")
_EXPECTED = "rows of DeepTMHMM, TMbed, Phobius, TMHMM or SignalP"


class _Match(NamedTuple):
    """Row of one predictor; residues are half-open and 0-based."""

    start: int
    end: int
    letter: str


class _Matches:
    """Matches of a file by analysis and protein."""

    def __init__(self) -> None:
        self.lengths: dict[str, int] = {}
        self.by_analysis: dict[str, dict[str, list[_Match]]] = {}
        self.passed = Terms()

    def take(
        self, lines: Lines, name: str, analysis: str, words: list[str], place: tuple[str, str]
    ) -> None:
        """Add a row; ``words`` are its names for the region, the first that is known counts."""
        family = _family(analysis)
        letter = None if family is None else _letter(family, words)
        if letter is None:
            kind = analysis if family is None else f"{analysis} {words[0]}"
            self.passed.passed[kind] += 1
            return
        start, end = positions(lines, *place, self.lengths.get(name))
        proteins = self.by_analysis.setdefault(analysis, {})
        proteins.setdefault(name, []).append(_Match(start, end, letter))

    def predictions(self, lines: Lines) -> Iterator[Prediction]:
        """Yield the topologies of the preferred analysis; warn about the others."""
        families = list(ANALYSES)
        names = sorted(self.by_analysis, key=lambda name: families.index(str(_family(name))))
        for other in names[1:]:
            self.passed.passed[other] += sum(map(len, self.by_analysis[other].values()))
        chosen = self.by_analysis[names[0]] if names else {}
        self.passed.read = len(chosen)
        self.passed.report(lines, _EXPECTED)
        is_tmbed = bool(names) and _family(names[0]) == "tmbed"
        for name, matches in chosen.items():
            length = self.lengths.get(name) or max(match.end for match in matches)
            lines.declare(length, name)
            labels = _labels(matches, length, is_tmbed)
            yield Prediction(from_gff3(name), "X" * length, labels, protein_type(labels))


def _family(analysis: str) -> str | None:
    """Return the predictor of an analysis: ``SignalP_EUK`` is one of SignalP."""
    name = analysis.casefold()
    return next((family for family in ANALYSES if name.startswith(family)), None)


def _letter(family: str, words: list[str]) -> str | None:
    if family == "signalp":
        return "S"
    terms = ANALYSES[family]
    found = (terms.get(" ".join(re.split(r"[-_\s]+", word.casefold().strip()))) for word in words)
    if family == "tmbed":
        letters = (word[-1] for word in words if re.fullmatch("TMbed-[bBhH]", word))
        return next(letters, None) or next(filter(None, found), None)
    return next(filter(None, found), None)


def _labels(matches: list[_Match], length: int, is_tmbed: bool) -> str:
    """Label a protein: sides first, so that segments overwrite them."""
    letters = ["." if is_tmbed else UNKNOWN] * length
    for match in sorted(matches, key=lambda match: match.letter not in SIDES):
        letters[match.start : match.end] = match.letter * (match.end - match.start)
    text = "".join(letters)
    return from_tmbed(text) if is_tmbed else text


def is_interproscan(lines: Lines) -> bool:
    """Return whether the coming lines are InterProScan's GFF3 or TSV. No line is taken."""
    for line in lines.ahead():
        if line.startswith("##interproscan-version"):
            return True
        if not line.startswith("#") and line.strip():
            kind = (line.split("\t") + [""] * 3)[2]
            if kind != "polypeptide":  # such a row comes before the matches of a protein
                return kind == "protein_match" or _TSV_ROW.match(line) is not None
    return False


def parse_interproscan(lines: Lines) -> Iterator[Prediction]:
    """Parse InterProScan's GFF3 or TSV; the sequence is ``X`` throughout."""
    found = _Matches()
    for line in lines:
        if line == "##FASTA":
            break
        if line.startswith("##sequence-region"):
            name, length = sequence_region(lines, line)
            found.lengths[name] = length
        elif line.strip() and not line.startswith("#"):
            take: Callable[..., None] = _take_tsv if _TSV_ROW.match(line) else _take_gff3
            take(lines, line, found)
    yield from found.predictions(lines)


def _take_tsv(lines: Lines, line: str, found: _Matches) -> None:
    fields = line.split("\t")
    if len(fields) < 8:
        lines.fail(f"found {len(fields)} columns, expected 11 or more")
    found.lengths[fields[0]] = lines.place(fields[2], "length")
    place = (fields[6], fields[7])
    found.take(lines, fields[0], fields[3], [fields[4], fields[5]], place)


def _take_gff3(lines: Lines, line: str, found: _Matches) -> None:
    fields = columns(lines, line)
    name, analysis, kind = fields[:3]
    if kind == "polypeptide":
        found.lengths[name] = lines.place(fields[4], "end")
    if kind != "protein_match":
        return
    pairs = (part.partition("=") for part in fields[8].split(";"))
    attributes = {key.strip(): from_gff3(value) for key, _, value in pairs}
    words = [attributes.get("Name", ""), attributes.get("signature_desc", "")]
    found.take(lines, name, analysis, words, (fields[3], fields[4]))
