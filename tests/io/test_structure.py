"""Structure files: what is read, how it lies on the sequence, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import gzip
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from structure_files import atom_line, helix, mmcif_text, pdb_text

from topo.errors import InputError, InputWarning
from topo.io import read_three_line
from topo.io.structure import (
    StructureFolder,
    cached_structure,
    is_structure_file,
    read_structure,
    structure_id,
)
from topo.protein import Protein

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"


def write(folder: Path, text: str, name: str = "x.pdb") -> Path:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def without(text: str, *numbers: int) -> str:
    """Drop the atoms of residues from a PDB text."""
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not (line.startswith("ATOM") and int(line[22:26]) in numbers)
    )


@pytest.mark.parametrize("name", ["a.pdb", "a.pdb.gz", "a.cif", "a.mmcif.gz", "AF-P00533-F1"])
@pytest.mark.parametrize("predicted", [True, False])
def test_both_formats_say_the_same(tmp_path: Path, name: str, predicted: bool) -> None:
    form = mmcif_text if "cif" in name else pdb_text
    protein = read_structure(write(tmp_path, form(SEQUENCE, predicted=predicted), name))
    assert protein.sequence == SEQUENCE
    assert protein.id == ("P00533" if "AF" in name else "a")
    expected = np.array([place for *_, place in helix(len(SEQUENCE))]).reshape(-1, 3, 3)
    np.testing.assert_allclose(protein.backbone, expected, atol=6e-4)
    np.testing.assert_array_equal(protein.coordinates, protein.backbone[:, 1])
    info = protein.structure
    assert (info.covered, info.identity, info.chain, info.mismatches) == (1, 1, "A", ())
    assert info.kind == ("predicted" if predicted else "experimental")
    values = protein.plddt if predicted else info.b_factors
    assert set(values.tolist()) == {90.0}
    assert (protein.plddt is None) != predicted
    assert (info.b_factors is None) == predicted


def test_missing_residues_are_gaps_in_the_full_sequence(tmp_path: Path) -> None:
    path = write(tmp_path, without(pdb_text(SEQUENCE), 1, 2, 9, 10, 11, 22))
    protein = read_structure(path)
    missing = np.isnan(protein.coordinates[:, 0])
    assert (np.flatnonzero(missing) + 1).tolist() == [1, 2, 9, 10, 11, 22]
    longer = read_structure(path, sequence="GG" + SEQUENCE + "AAAA")
    assert (np.flatnonzero(np.isnan(longer.coordinates[:, 0])) + 1).tolist() == [
        *(1, 2, 3, 4, 11, 12, 13, 24, 25, 26, 27, 28)
    ]


def test_without_a_full_sequence_the_residues_are_the_sequence(tmp_path: Path) -> None:
    text = "".join(line for line in pdb_text(SEQUENCE).splitlines(True) if "SEQRES" not in line)
    protein = read_structure(write(tmp_path, without(text, 9, 10)))
    assert protein.sequence == SEQUENCE[:8] + SEQUENCE[10:]


def test_mismatches_and_tags_are_told(tmp_path: Path) -> None:
    text = pdb_text("HHHHHH" + SEQUENCE[:4] + "C" + SEQUENCE[5:])
    protein = read_structure(write(tmp_path, text), sequence=SEQUENCE)
    info = protein.structure
    assert info.mismatches == ((5, "Y", "C"),)
    assert info.outside == 6
    assert info.identity == pytest.approx(21 / 22)
    assert info.covered == 1
    with pytest.raises(InputError, match="chain A does not fit the sequence"):
        read_structure(tmp_path / "x.pdb", sequence="WWWWWWWWWWPPPPPPPPPPPP")


def test_modified_residues_count_as_their_parents(tmp_path: Path) -> None:
    text = pdb_text("MKTAY").replace("ATOM      4", "HETATM    4")
    text = re.sub(r"(?m)^SEQRES.*\n", "", text).replace("LYS", "MSE").replace("TYR", "QQQ")
    header, atoms = text.split("\n", 1)
    known = f"{header}\nMODRES 1ABC QQQ A    5  TYR  MODIFIED\n{atoms}"
    assert read_structure(write(tmp_path, known)).sequence == "MMTAY"
    assert read_structure(write(tmp_path, text)).sequence == "MMTAX"


def test_ligands_that_are_amino_acids_are_not_residues(tmp_path: Path) -> None:
    places = dict(zip(["N", "CA", "C"], [p for *_, p in helix(1)], strict=True))
    ligand = [atom_line(900, a, "GLY", 301, p, record="HETATM") for a, p in places.items()]
    text = (
        pdb_text(SEQUENCE).replace("SEQRES", "REMARK").replace("END\n", "".join(ligand) + "END\n")
    )
    assert read_structure(write(tmp_path, text)).sequence == SEQUENCE


def test_altered_residue_after_an_early_end_belongs_to_the_chain(tmp_path: Path) -> None:
    lines = re.sub(r"(?m)^SEQRES.*\n", "", pdb_text("AMAA")).splitlines(True)
    lines = [
        line.replace("ATOM  ", "HETATM").replace("MET", "MSE") if " MET " in line else line
        for line in lines
    ]
    lines.insert(4, "TER     100      ALA A   1\n")
    assert read_structure(write(tmp_path, "".join(lines))).sequence == "AMAA"


def test_most_occupied_location_and_residue_win(tmp_path: Path) -> None:
    def atoms(residue: str, alternate: str, occupancy: float, shift: float) -> str:
        return "".join(
            atom_line(1, a, residue, 1, (x + shift, y, z), alternate=alternate, occupancy=occupancy)
            for _, a, (x, y, z) in helix(1)
        )

    path = write(tmp_path, atoms("SER", "A", 0.4, 0) + atoms("SER", "B", 0.6, 5))
    assert read_structure(path).coordinates[0, 0] == pytest.approx(7.3)
    path = write(tmp_path, atoms("PRO", "A", 0.6, 5) + atoms("SER", "B", 0.4, 0))
    protein = read_structure(path)
    assert (protein.sequence, protein.coordinates[0, 0]) == ("P", pytest.approx(7.3))


def test_insertion_codes_are_residues_of_their_own(tmp_path: Path) -> None:
    text = "".join(
        atom_line(i, atom, ["ALA", "GLY", "CYS"][i], 7, place, insertion=" AB"[i])
        for i, atom, place in helix(3)
    )
    assert read_structure(write(tmp_path, text)).sequence == "AGC"
    assert read_structure(write(tmp_path, text), sequence="MAGCM").structure.covered == (
        pytest.approx(0.6)
    )


def test_chain_and_model_are_chosen(tmp_path: Path) -> None:
    a, b = pdb_text("MKTAYI"), pdb_text(SEQUENCE, chain="B")
    text = f"MODEL        1\n{a}ENDMDL\nMODEL        5\n{a}{b}ENDMDL\n".replace("END\n", "")
    text = re.sub(r"(?m)^SEQRES.*\n", "", text)
    path = write(tmp_path, text)
    assert read_structure(path).sequence == "MKTAYI"
    assert read_structure(path, model=5, chain="B").sequence == SEQUENCE
    assert read_structure(path, model=5, sequence=SEQUENCE).structure.chain == "B"
    with pytest.raises(InputError, match="has no protein chain B, found A"):
        read_structure(path, chain="B")
    with pytest.raises(InputError, match="has no model 2, found 1, 5"):
        read_structure(path, model=2)
    with pytest.raises(InputError, match="has no model 2, found 1"):
        read_structure(write(tmp_path, mmcif_text("MKT"), "x.cif"), model=2)


NUCLEIC = "".join(
    f"ATOM  {i:>5}  P    DA A{i:>4}    {i:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00           P\n"
    for i in range(1, 5)
)
BROKEN = {
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "html": ("<!DOCTYPE html>\n<html>404</html>\n", "found HTML or XML"),
    "prose": ("no such entry\n", "found 'no such entry', expected a PDB or mmCIF file"),
    "nucleic": (NUCLEIC, "found nucleic acid, expected a protein chain"),
    "header only": ("HEADER    X\nEND\n", "found no atoms of amino acids"),
    "no alpha": (
        re.sub(r"(?m)^ATOM.*  CA  .*\n", "", pdb_text("MKT")),
        "chain A has no C-alpha atoms",
    ),
    "cut record": (pdb_text("MKT")[:-45], "x.pdb:11: found an atom record that is cut off"),
    "cut factor": (pdb_text("MKT")[:-30], "x.pdb:11: found an atom record that is cut off"),
    "bad number": (pdb_text("MKT").replace("   3.", "   x.", 1), "found a malformed atom record"),
    "cut cif": (mmcif_text("MKT")[:-20], "cut off?"),
    "cut quote": ("data_x\n_struct.title 'no end\n", "malformed mmCIF"),
    "no atoms": ("data_x\n_struct.title none\n", "found no _atom_site.label_atom_id"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_one_clear_line(tmp_path: Path, kind: str) -> None:
    text, words = BROKEN[kind]
    with pytest.raises(InputError) as caught:
        read_structure(write(tmp_path, text))
    message = str(caught.value)
    assert words in message
    assert message.startswith(str(tmp_path / "x.pdb"))
    assert "\n" not in message


def test_every_cut_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    for text in (pdb_text("MKTAY"), mmcif_text("MKTAY")):
        for size in range(0, len(text), 37):
            path = write(tmp_path, text[:size])
            with contextlib.suppress(InputError):
                assert read_structure(path).coordinates is not None


def test_cut_gzip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, pdb_text(SEQUENCE), "x.pdb.gz")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged gzip"):
        read_structure(path)


def test_cache_gives_the_same_and_notices_changes(tmp_path: Path) -> None:
    path = write(tmp_path, pdb_text(SEQUENCE, predicted=True))
    first, second = cached_structure(path), cached_structure(path)
    assert first.sequence == second.sequence
    assert first.structure == second.structure
    for name in ("coordinates", "backbone", "plddt"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    write(tmp_path, pdb_text("MKT"))
    assert cached_structure(path).sequence == "MKT"


def test_folder_finds_structures_by_id(tmp_path: Path) -> None:
    write(tmp_path, pdb_text(SEQUENCE), "P1.pdb")
    write(tmp_path, mmcif_text(SEQUENCE), "AF-Q2-F1-model_v4.cif")
    write(tmp_path, "<html>", "P3.pdb")
    folder = StructureFolder(tmp_path)
    ids = ["sp|P1|X", "Q2", "P3", "P4"]
    with pytest.warns(InputWarning, match=r"P3.pdb: found HTML.*left out"):
        proteins = list(folder.attach(Protein(name, SEQUENCE) for name in ids))
    assert [p.id for p in proteins] == ids
    assert [p.coordinates is not None for p in proteins] == [True, True, False, False]
    write(tmp_path, "id\tfile\tfold\tsimilar_folds\nA\tP1.pdb\tcv1\tcv0,cv3\n", "index.tsv")
    (protein,) = StructureFolder(tmp_path).attach([Protein("A", SEQUENCE)])
    assert protein.fold == "cv1"
    assert protein.similar_folds == ("cv0", "cv3")
    write(tmp_path, "id\tfile\nA\tP9.pdb\n", "index.tsv")
    with pytest.raises(InputError, match=r"index.tsv:2: found no file for A"):
        StructureFolder(tmp_path)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("x/1abc.cif.gz", "1abc"),
        ("AF-P00533-F1-model_v4.pdb", "P00533"),
        ("AF-A0A0H3JX61-F1-model_v6.cif.gz", "A0A0H3JX61"),
        ("my model.ent", "my_model"),
        ("no.suffix", "no.suffix"),
    ],
)
def test_ids_of_files(name: str, identifier: str) -> None:
    assert structure_id(name) == identifier


def test_structure_files_are_told_from_others(tmp_path: Path) -> None:
    assert is_structure_file(write(tmp_path, pdb_text("MKT"), "plain.txt"))
    assert is_structure_file(write(tmp_path, mmcif_text("MKT"), "other.gz"))
    assert not is_structure_file(write(tmp_path, ">data_x\nMKT\n", "x.fasta"))
    assert is_structure_file("missing.pdb")
    assert not is_structure_file("-")


@pytest.fixture(scope="module")
def index(data_dir: Path) -> dict[str, dict[str, str]]:
    with open(data_dir / "structures" / "index.tsv", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


@pytest.mark.data
@pytest.mark.slow
def test_all_files_agree_with_the_index(
    data_dir: Path, index: dict[str, dict[str, str]], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TOPO_CACHE", str(tmp_path))  # nothing is cached yet
    labelled = list(read_three_line(data_dir / "structures" / "labels.3line"))
    folder = StructureFolder(data_dir / "structures" / "files")
    start = time.perf_counter()
    proteins = {protein.id: protein for protein in folder.attach(labelled)}
    middle = time.perf_counter()
    list(folder.attach(labelled))
    assert (middle - start) > 20 * (time.perf_counter() - middle)
    assert len(proteins) == len(index) == 203
    exact = 0
    for name, row in index.items():
        info = proteins[name].structure
        assert info.kind == {"alphafold": "predicted"}.get(row["kind"], row["kind"])
        assert info.chain == row["chain"]
        off = [
            abs(info.covered - float(row["covered"])),
            abs(info.identity - float(row["identity"])),
        ]
        # Alignments of another making may leave a few residues out, or in.
        assert off[0] < 0.035, name
        assert off[1] < 0.012, name
        exact += max(off) < 0.0011
        assert bool(info.mismatches) == (info.identity < 1), name
    assert exact >= 194


@pytest.mark.data
def test_mmcif_entries(data_dir: Path) -> None:
    folder = data_dir / "structures" / "mmcif"
    lengths = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("4gxy"):
            with pytest.raises(InputError, match="found nucleic acid, expected a protein chain"):
                read_structure(path)
            continue
        protein = read_structure(path)
        lengths[protein.id] = len(protein)
        assert protein.structure.identity == 1
        assert protein.structure.kind == "experimental"
    assert lengths == {
        **{"1aki": 129, "1dix": 208, "1k6p": 99, "1o1z": 234, "3o5r": 128, "5h73": 390},
        **{"5ugo": 335, "5zng": 137, "7gsa": 321, "altloc": 1},
    }
    assert read_structure(folder / "altloc.cif.gz").sequence == "P"


@pytest.mark.data
def test_reading_takes_at_most_one_and_a_half_times_the_parser(data_dir: Path) -> None:
    from Bio.PDB import MMCIFParser, PDBParser

    warnings.simplefilter("ignore")
    for name, parser in (("files/P08588.pdb.gz", PDBParser), ("mmcif/5ugo.cif.gz", MMCIFParser)):
        path = data_dir / "structures" / name

        def plain(path: Path = path, parser: type = parser) -> None:
            with gzip.open(path, "rt") as stream:
                parser(QUIET=True).get_structure("x", stream)

        def ours(path: Path = path) -> None:
            read_structure(path)

        assert _seconds(ours) < 1.5 * _seconds(plain)


def _seconds(function, repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)
