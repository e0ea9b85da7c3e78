"""Predictions written on structures: B-factors and colouring scripts."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
from Bio.PDB import MMCIFParser, PDBParser
from conftest import ROOT, command
from structure_files import mmcif_text, pdb_text

from topo.io.structure import read_structure
from topo.labels import LABELS
from topo.protein import Prediction, Protein
from topo.report.palette import LABEL_COLORS
from topo.report.pictures import save_pictures
from topo.report.predictions_page import open_page
from topo.report.structures import save_structure

SEQUENCE = "MKTAYIAKQR"


def predicted(protein: Protein, labels: str) -> Prediction:
    return Prediction(protein.id, protein.sequence, labels, "TM")


@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_labels_become_b_factors(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"in{suffix}.gz"
    text = pdb_text(SEQUENCE) if suffix == ".pdb" else mmcif_text(SEQUENCE)
    source.write_bytes(gzip.compress(text.encode()))
    protein = read_structure(source)
    labels = "IIIMMMMOOO"
    info = protein.structure
    files = save_structure(predicted(protein, labels), info, tmp_path / "out", "x")
    assert [file.name for file in files] == [f"x{suffix}", "x.pml", "x.cxc"]
    parser = (PDBParser if suffix == ".pdb" else MMCIFParser)(QUIET=True)
    atoms = list(parser.get_structure("x", StringIO(files[0].read_text())).get_atoms())
    assert len(atoms) == 30
    found = "".join(LABELS[round(atom.bfactor)] for atom in atoms if atom.name == "CA")
    assert found == labels
    assert read_structure(files[0], sequence=SEQUENCE).coordinates == pytest.approx(
        protein.coordinates
    )


def test_scripts_name_file_chain_and_residues(tmp_path: Path) -> None:
    text = "".join(line for line in pdb_text(SEQUENCE).splitlines(True) if "SEQRES" not in line)
    moved = "".join(  # numbers from -3, and residue 5 of 10 missing
        line[:22] + f"{int(line[22:26]) - 4:4d}" + line[26:] if line.startswith("ATOM") else line
        for line in text.splitlines(True)
        if not (line.startswith("ATOM") and line[22:26] == "   5")
    )
    (tmp_path / "in.pdb").write_text(moved)
    protein = read_structure(tmp_path / "in.pdb", sequence=SEQUENCE)
    info = protein.structure
    assert info.numbers == ("-3", "-2", "-1", "0", "", "2", "3", "4", "5", "6")
    _, pymol, chimerax = save_structure(predicted(protein, "IIIMMMMOOI"), info, tmp_path, "x")
    red = LABEL_COLORS["M"]
    script = pymol.read_text().splitlines()
    assert script[0] == "load x.pdb, x"
    assert f"color 0x{red[1:]}, x and chain A and resi 0+2-3" in script
    inside = LABEL_COLORS["I"]
    assert f"color 0x{inside[1:]}, x and chain A and resi \\-3-\\-1+6" in script
    script = chimerax.read_text().splitlines()
    assert script[0] == "open x.pdb"
    assert f"color /A:0,2-3 {red}" in script
    assert f"color /A:-3--1,6 {inside}" in script


def test_page_holds_structures_and_what_shows_them(tmp_path: Path) -> None:
    (tmp_path / "in.pdb").write_text(pdb_text(SEQUENCE))
    protein = read_structure(tmp_path / "in.pdb", sequence=SEQUENCE + "WWW")
    with_probabilities = {
        "probabilities": np.full((13, 6), 1 / 6, dtype=np.float32),
        "structure": protein.structure,
    }
    plain = predicted(Protein("plain", SEQUENCE), "I" * 10)
    with open_page(tmp_path / "with.html") as page:
        page.write(plain)
        page.write(replace(predicted(protein, "I" * 13), **with_probabilities))
    with open_page(tmp_path / "without.html") as page:
        page.write(plain)
    text = (tmp_path / "with.html").read_text(encoding="utf-8")
    assert "University of Pittsburgh" in text  # 3Dmol.js comes with its licence
    for holder in (
        "Vitaly Puzrin",
        "Jean-loup Gailly",
        "Photopea",
        "cheminfo",
        "Michaël Zasso",
        "Alexander S. Rose",
        "Tim Caswell",
    ):  # so do the programs that it contains
        assert holder in text, holder
    assert "{{" not in re.sub(r"(?s)<script>.*?</script>", "", text)
    (block,) = re.findall(r'id="block-0">([^<]+)<', text)
    first, second = json.loads(zlib.decompress(base64.b64decode(block)))
    assert first["structure"] is None
    assert second["structure"]["outside_up"] is False, "no segment says which side is out"
    tenths = np.array(second["structure"]["coordinates"], dtype=float).reshape(-1, 3)
    assert np.isnan(tenths[10:]).all()
    steps = np.linalg.norm(np.diff(tenths[:10] / 10, axis=0), axis=1)
    np.testing.assert_allclose(
        steps, np.linalg.norm(np.diff(protein.coordinates[:10], axis=0), axis=1), atol=0.2
    )
    text = (tmp_path / "without.html").read_text(encoding="utf-8")
    assert "University of Pittsburgh" not in text
    assert len(text) < 100_000


@pytest.mark.data
def test_real_files_keep_their_other_chains_apart(data_dir: Path, tmp_path: Path) -> None:
    protein = read_structure(data_dir / "structures" / "mmcif" / "1k6p.cif.gz", chain="B")
    info = protein.structure
    files = save_structure(predicted(protein, "M" * len(protein)), info, tmp_path, "x")
    structure = MMCIFParser(QUIET=True).get_structure("x", StringIO(files[0].read_text()))
    values = {
        chain.id: {atom.bfactor for residue in chain if "CA" in residue for atom in residue}
        for chain in structure[0]
    }
    assert values["A"] == {-1.0}
    assert values["B"] == {4.0}


COMMANDS = re.compile(
    r"load \S+, \w+|hide everything|show cartoon, \w+|orient \w+|# [a-z ]+|"
    r"color 0x[0-9A-F]{6}, \w+( and chain \w+)?( and resi [0-9A-Za-z\\+-]+)?|"
    r"color 0x[0-9A-F]{6}, \w+ and b > -?[0-9.]+ and b < [0-9.]+|"
    r"open \S+|hide atoms|show cartoons|view|color #[0-9A-F]{6}|"
    r"color (/\w+)?:[0-9A-Za-z,-]+ #[0-9A-F]{6}|color @@bfactor=[0-5] #[0-9A-F]{6}",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "chain", [None, "A;system id", "A\nsystem id", 'A" or all', "A, x", "A-2", "a b", "\u2028"]
)
def test_names_from_a_file_are_no_commands(tmp_path: Path, chain: str | None) -> None:
    source = ROOT / "tests" / "cases" / "hostile" / "evil.cif"
    protein = read_structure(source)
    labels = "II" + "M" * (len(protein.sequence) - 4) + "OO"
    assert protein.structure is not None
    info = protein.structure
    info = info if chain is None else replace(info, chain=chain)
    _, *scripts = save_structure(predicted(protein, labels), info, tmp_path, "x")
    for script in scripts:
        lines = script.read_text().splitlines()
        assert len(lines) >= 8
        assert [line for line in lines if not COMMANDS.fullmatch(line)] == []
        assert any("b > " in line or "@@bfactor" in line for line in lines)


@pytest.mark.parametrize("number", ["1\nsystem id", "1;id", "1 or all", "1@"])
def test_residue_numbers_from_a_file_are_no_commands(tmp_path: Path, number: str) -> None:
    (tmp_path / "in.pdb").write_text(pdb_text(SEQUENCE))
    protein = read_structure(tmp_path / "in.pdb")
    assert protein.structure is not None
    info = replace(protein.structure, numbers=(number, *protein.structure.numbers[1:]))
    _, *scripts = save_structure(predicted(protein, "IIIMMMMOOO"), info, tmp_path, "x")
    for script in scripts:
        lines = script.read_text().splitlines()
        assert [line for line in lines if not COMMANDS.fullmatch(line)] == []


def test_a_structure_that_cannot_be_written_again_is_one_line(
    tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = ROOT / "tests" / "cases" / "hostile" / "pdbconstruction.pdb"
    options = ["--structure-files", "--plots", "none", "--format", "summary", "--model", model]
    assert command("predict", source, "-o", tmp_path / "out", *options) == 2
    *_, line = capfd.readouterr().err.splitlines()
    assert line.startswith(f"topo: {source}: cannot be written with labels (")
    assert not (tmp_path / "out" / "summary.tsv").exists()


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\x00\x01", "$\\frac{1}{$", "<b>&'\""])
def test_pictures_of_any_id_are_well_formed(tmp_path: Path, name: str) -> None:
    record = Prediction(name, SEQUENCE, "IIIMMMMOOO", "TM")
    for path in save_pictures(record, tmp_path, "x", ["svg"]):
        minidom.parse(str(path))
