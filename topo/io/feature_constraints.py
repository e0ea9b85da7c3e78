"""Constraints from sequence features: GFF3 (Sequence Ontology, UniProt) and Swiss-Prot records.

A feature becomes a constraint on the labels of its residues:

==============================================================  ========================
feature                                                         labels
==============================================================  ========================
signal_peptide, Signal peptide                                  signal
transmembrane_helix, Transmembrane helical                      helix
Transmembrane beta stranded                                     strand
transmembrane_polypeptide_region, Transmembrane                 membrane
cytoplasmic_polypeptide_region, Topological domain cytoplasmic  inside
non_cytoplasmic_polypeptide_region                              outside or periplasm
extramembrane_polypeptide_region                                loop
Topological domain extracellular                                outside
Topological domain periplasmic                                  outside, in a barrel
                                                                periplasm
N-glycosylation, Glycosylation N-linked                         outside
phosphorylation, Modified residue phosphorylated                inside
==============================================================  ========================

In the GFF3 of this package the attributes ``segment`` and ``side`` are exact. A glycation and
N-linked sugars on other residues than asparagine are no N-glycosylation, and residues that a
kinase of the secretory pathway (FAM20C, PKDCC) phosphorylates are not inside. All other features
are passed over, re-entrant loops (``Intramembrane``) too, and so are residues without known ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from topo.constraints import Constraint, parse_constraint
from topo.io.gff3_reader import Terms, attributes_of, columns, positions, sequence_region
from topo.io.ids import from_gff3
from topo.io.lines import Lines
from topo.io.swissprot import parse_features
from topo.io.swissprot_rules import side_of
from topo.labels import INSIDE, OUTSIDE

_KEYS = {
    "signal": "signal",
    "signal_peptide": "signal",
    "signal peptide": "signal",
    "transmem": "segment",
    "transmembrane": "segment",
    "transmembrane region": "segment",
    "transmembrane_polypeptide_region": "segment",
    "transmembrane_helix": "helix",
    "topo_dom": "side",
    "topological domain": "side",
    "domain": "side",  # of the records before 2005
    "cytoplasmic_polypeptide_region": "inside",
    "non_cytoplasmic_polypeptide_region": "not inside",
    "extramembrane_polypeptide_region": "loop",
    "carbohyd": "sugar",
    "glycosylation": "sugar",
    "n-glycosylation": "outside",
    "mod_res": "modification",
    "modified residue": "modification",
    "phosphorylation": "inside",
}
_EXPECTED = (
    "signal_peptide, transmembrane_polypeptide_region, cytoplasmic_polypeptide_region, "
    "non_cytoplasmic_polypeptide_region, or UniProt's Signal peptide, Transmembrane, Topological "
    "domain, Glycosylation, Modified residue"
)
_OTHER_SUGARS = ("glycation", "arginine", "lysine", "tryptophan", "histidine")
_SECRETED_KINASES = ("fam20c", "pkdcc")


class _Row(NamedTuple):
    """A feature: residues are counted from 1, ``last`` included; notes are in lower case."""

    name: str
    term: str
    first: int | None
    last: int | None
    note: str
    exact: str
    place: str


def parse_feature_constraints(lines: Lines, form: str) -> dict[str, list[Constraint]]:
    """Return the constraints of each protein by id.

    Terms that are passed over are named in one warning.

    Parameters
    ----------
    lines
        Lines of the file.
    form
        ``gff3`` or ``swissprot``.

    Raises
    ------
    InputError
        If a row is malformed, or no feature of the file becomes a constraint.
    """
    found: dict[str, list[Constraint]] = {}
    terms = Terms()
    rows = list(_gff3_rows(lines) if form == "gff3" else _swissprot_rows(lines))
    barrels = {row.name for row in rows if "beta strand" in row.note}
    for row in rows:
        what = _labels(row, row.name in barrels)
        if what is None:
            terms.passed[row.term] += 1
        elif row.first is None or row.last is None:
            terms.passed[f"{row.term} without known ends"] += 1
        else:
            terms.read += 1
            where = f"{row.first}-{row.last}" if row.last > row.first else f"{row.first}"
            constraint = replace(parse_constraint(f"{where}:{what}"), place=row.place)
            found.setdefault(row.name, []).append(constraint)
    terms.report(lines, _EXPECTED)
    return found


def _gff3_rows(lines: Lines) -> Iterator[_Row]:
    lengths: dict[str, int] = {}
    for line in lines:
        if line == "##FASTA":
            return
        if line.startswith("##sequence-region"):
            name, length = sequence_region(lines, line)
            lengths[name] = length
        elif line.strip() and not line.startswith("#"):
            yield _gff3_row(lines, line, lengths)


def _gff3_row(lines: Lines, line: str, lengths: dict[str, int]) -> _Row:
    name, _, term, first, last, *_, text = columns(lines, line)
    attributes = attributes_of(lines, text)
    start = end = None
    if all(cell.strip()[:1] not in ("?", "<", ">") for cell in (first, last)):
        start, end = positions(lines, first, last, lengths.get(name))
        start += 1
    note = attributes.get("Note", "").casefold()
    exact = attributes.get("segment", "") or attributes.get("side", "")
    place = f"{lines.source}:{lines.number}"
    return _Row(from_gff3(name), term.strip(), start, end, note, exact, place)


def _swissprot_rows(lines: Lines) -> Iterator[_Row]:
    for number, name, features in parse_features(lines):
        place = f"{lines.source}:{number}"
        for key, start, end, note in features:
            first = None if start is None else start + 1
            yield _Row(name, key, first, end, note, "", place)


def _labels(row: _Row, barrel: bool) -> str | None:
    """Return the labels that a feature allows, as words of a constraint, or None."""
    kind = _KEYS.get(row.term.casefold())
    if kind == "segment":
        return _segment(row)
    if kind == "side":
        return _side(row.note, barrel)
    if kind == "not inside":
        return row.exact if row.exact in ("outside", "periplasm") else "outside|periplasm"
    if kind == "sugar":
        linked = row.note.startswith("n-linked")
        return "outside" if linked and not _mentions(row.note, _OTHER_SUGARS) else None
    if kind == "modification":
        phosphate = row.note.startswith("phospho")
        return "inside" if phosphate and not _mentions(row.note, _SECRETED_KINASES) else None
    return kind


def _segment(row: _Row) -> str:
    if row.exact in ("helix", "strand"):
        return row.exact
    if "beta strand" in row.note:
        return "strand"
    return "helix" if "helical" in row.note else "membrane"


def _side(note: str, barrel: bool) -> str | None:
    if note.startswith("periplasmic"):
        return "periplasm" if barrel else "outside"
    return {INSIDE: "inside", OUTSIDE: "outside"}.get(side_of(note, barrel))


def _mentions(note: str, words: tuple[str, ...]) -> bool:
    return any(word in note for word in words)
