"""Constraints from the features of GFF3 files and Swiss-Prot records."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from conftest import ROOT
from golden_proteins import proteins

from topo.constraints import LABEL_WORDS
from topo.errors import InputError, InputWarning, TopoError
from topo.io.constraints import read_constraints

GOLDEN = ROOT / "tests" / "golden"
OTHERS = ROOT / "tests" / "cases" / "other_programs"


def gff3(*rows: str, head: str = "##gff-version 3\n##sequence-region P12345 1 200\n") -> str:
    """Return GFF3 of rows ``term first last note``, with ``_`` for blanks in the first and last."""
    lines = []
    for row in rows:
        term, first, last, note = row.split(" ", 3)
        columns = [term.replace("_", " "), first, last, ".", ".", ".", note.replace(";", "%3B")]
        lines.append("\t".join(["P12345", "UniProtKB", *columns]) + "\n")
    return head + "".join(lines)


def texts(path: Path, form: str = "auto") -> dict[str, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {name: [str(one) for one in found]
                for name, found in read_constraints(path, form).items()}  # fmt: skip


RULES = [
    ("Signal_peptide 1 22 Note=", "1-22:signal"),
    ("Transmembrane 37 61 Note=Helical; Name=1", "37-61:helix"),
    ("Transmembrane 37 46 Note=Beta stranded", "37-46:strand"),
    ("Transmembrane 37 61 Note=", "37-61:membrane"),
    ("Topological_domain 62 73 Note=Cytoplasmic", "62-73:inside"),
    ("Topological_domain 62 73 Note=Mitochondrial matrix", "62-73:inside"),
    ("Topological_domain 62 73 Note=Extracellular", "62-73:outside"),
    ("Topological_domain 62 73 Note=Lumenal, vesicle", "62-73:outside"),
    ("Topological_domain 62 73 Note=Periplasmic", "62-73:outside"),
    ("Glycosylation 15 15 Note=N-linked (GlcNAc...) asparagine", "15:outside"),
    ("Glycosylation 15 15 Note=N-linked (GlcNAc...)", "15:outside"),
    ("Modified_residue 338 338 Note=Phosphoserine; by RK and GRK7", "338:inside"),
    ("Modified_residue 338 338 Note=Phosphotyrosine", "338:inside"),
    ("N-glycosylation 15 15 ID=1", "15:outside"),
    ("phosphorylation 15 15 ID=1", "15:inside"),
]
PASSED = [
    ("Intramembrane 60 70 Note=Pore-forming", "Intramembrane"),
    ("Chain 1 200 Note=Example", "Chain"),
    ("Glycosylation 5 5 Note=O-linked (GalNAc...) serine", "Glycosylation"),
    ("Glycosylation 5 5 Note=N-linked (Glc) (glycation) lysine", "Glycosylation"),
    ("Glycosylation 5 5 Note=N-linked (GlcNAc) arginine; by NleB", "Glycosylation"),
    ("Modified_residue 5 5 Note=N6-acetyllysine", "Modified residue"),
    ("Modified_residue 5 5 Note=Phosphoserine; by FAM20C", "Modified residue"),
    ("Topological_domain 5 9 Note=Somewhere", "Topological domain"),
    ("Signal_peptide 1 ? Note=", "Signal peptide without known ends"),
    ("Transmembrane <1 20 Note=Helical", "Transmembrane without known ends"),
]


@pytest.mark.parametrize(("row", "expected"), RULES)
def test_a_feature_becomes_a_constraint(row: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "known.gff3"
    path.write_text(gff3(row, head=""))
    assert texts(path) == {"P12345": [expected]}


def test_periplasmic_loops_of_barrels_are_in_the_periplasm(tmp_path: Path) -> None:
    path = tmp_path / "known.gff3"
    rows = ["Topological_domain 11 15 Note=Extracellular", "Transmembrane 1 10 Note=Beta stranded"]
    path.write_text(gff3(*rows, "Topological_domain 26 30 Note=Periplasmic"))
    assert texts(path)["P12345"] == ["11-15:outside", "1-10:strand", "26-30:periplasm"]


def test_what_is_passed_over_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "known.gff3"
    rows = [row for row, _ in PASSED]
    path.write_text(gff3(*rows, "Chain 1 9 ID=2", "Transmembrane 37 61 Note=Helical"))
    with pytest.warns(InputWarning) as caught:
        found = read_constraints(path)
    assert [str(one) for one in found["P12345"]] == ["37-61:helix"]
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith(f"{path}: rows of other terms are passed over: ")
    for _, name in PASSED:
        assert f"{name} (" in message
    assert "Glycosylation (3)" in message
    assert "Chain (2)" in message


@pytest.mark.parametrize(("row", "name"), PASSED)
def test_a_file_without_any_constraint_is_an_error(row: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "known.gff3"
    path.write_text(gff3(row))
    with pytest.raises(InputError) as error:
        read_constraints(path)
    message = f"{path}: found only terms without a label, {name} (1); expected signal_peptide, "
    assert str(error.value).startswith(message)


def test_the_constraints_of_written_topologies_are_their_labels() -> None:
    """Each residue's constraints allow its label, and no other of the six."""
    found = texts(GOLDEN / "topologies.gff3")
    for one in proteins()[:6]:
        labels = [""] * len(one)
        for text in found[one.id]:
            where, _, what = text.partition(":")
            first, _, last = where.partition("-")
            (label,) = LABEL_WORDS[what]
            for place in range(int(first) - 1, int(last or first)):
                labels[place] = label
        assert "".join(labels) == one.labels


@pytest.mark.parametrize("name", ["uniprot_9_columns.gff", "uniprot_10_columns.gff"])
def test_features_as_uniprot_writes_them(name: str) -> None:
    found = texts(OTHERS / name)["P79748"]
    assert found[:3] == ["1-37:outside", "38-61:helix", "62-73:inside"]
    assert read_constraints(OTHERS / name)["P79748"][0].place == f"{OTHERS / name}:3"


RECORD = """ID   TEST_HUMAN              Reviewed;          60 AA.
AC   Q00001; Q00002;
FT   SIGNAL          1..?
FT   CHAIN           21..60
FT                   /note="Example"
FT   TOPO_DOM        21..30
FT                   /note="Extracellular"
FT   TRANSMEM        31..50
FT                   /note="Helical"
FT   INTRAMEM        51..53
FT   TOPO_DOM        54..60
FT                   /note="Cytoplasmic"
FT   MOD_RES         58
FT                   /note="Phosphoserine"
FT   CARBOHYD        25
FT                   /note="N-linked (GlcNAc...) asparagine"
SQ   SEQUENCE   60 AA;  6000 MW;  0000000000000000 CRC64;
     AAAAAAAAAA AAAAAAAAAA AAAAAAAAAA AAAAAAAAAA AAAAAAAAAA AAAAAAAAAA
//
"""


def test_swissprot_records(tmp_path: Path) -> None:
    path = tmp_path / "known.dat"
    path.write_text("\n" + RECORD + RECORD.replace("Q00001", "Q00003"))
    with pytest.warns(InputWarning) as caught:
        found = read_constraints(path)
    expected = ["21-30:outside", "31-50:helix", "54-60:inside", "58:inside", "25:outside"]
    for name in ("Q00001", "Q00003"):
        assert [str(one) for one in found[name]] == expected
    assert found["Q00003"][0].place == f"{path}:{2 + RECORD.count(chr(10))}"
    (warning,) = caught
    expected = "SIGNAL without known ends (2), CHAIN (2), INTRAMEM (2)"
    assert str(warning.message).endswith(f"rows of other terms are passed over: {expected}")


WRONG = [
    ("P1\tx\tTransmembrane\t1\t5\n", "gff3", "known:1: found 5 columns, expected 9"),
    (gff3("Transmembrane 5 201 Note="), "auto", "known:3: found residues 5-201, expected 1 to 200"),
    (gff3("Transmembrane 9 5 Note="), "auto", "known:3: found residues 9-5, expected 1 to 200"),
    (gff3("Transmembrane x 5 Note="), "auto", "known:3: found start 'x', expected a whole number"),
    (gff3("Transmembrane 1 5 Note="), "table", "known:3: found 'P12345"),
    (RECORD, "gff3", "known:1: found 1 columns, expected 9"),
    (RECORD.replace("//", ""), "auto", "known:1: record without its closing '//'"),
    (RECORD.replace("60 AA.", "AA."), "auto", "known:1: not a Swiss-Prot record"),
    ("", "json", "found format of constraints 'json', expected one of auto, table, gff3"),
]


@pytest.mark.parametrize(("text", "form", "message"), WRONG)
def test_errors_are_one_line(text: str, form: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text(text)
    with pytest.raises(TopoError) as error:
        read_constraints(path, form)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
