"""Inputs of a prediction: pipes, compression, foreign formats, folders, chains and layouts."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import os
import shutil
import threading
import warnings
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import pytest
from conftest import ROOT
from structure_files import mmcif_text, pdb_text

from topo.errors import InputError, InputWarning, TopoError
from topo.io import lines as lines_module
from topo.io import read_inputs, read_proteins
from topo.io import streams as streams_module
from topo.io.files import atomic_text, sha256
from topo.io.inputs import Inputs
from topo.io.layout import record_layout
from topo.io.lines import Lines
from topo.io.nucleotides import is_nucleotides
from topo.io.records import RecordPolicy
from topo.protein import Protein

CASES = ROOT / "tests" / "cases"
FASTA = b">a\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSA\n"
GENE = "ATGACGTTTCCAGGATACGGACTTAACGATCCAGGTTAA" * 4
HELIX = "MKTLLVAGLLIVAGLLIVAG"


def lengths(path: Path | str, **options) -> dict[str, int]:
    return {p.id: len(p) for p in Inputs(path, **options)}


def warned(path: Path, **options) -> tuple[list[str], list[str]]:
    """Ids and warnings of an input."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ids = [p.id for p in Inputs(path, **options)]
    return ids, [str(w.message) for w in caught if w.category is InputWarning]


# Inputs that can be read once


def in_thread(write: Callable[[], object]) -> None:
    threading.Thread(target=write, daemon=True).start()


def test_a_named_pipe_is_read_once_and_its_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    in_thread(lambda: pipe.write_bytes(gzip.compress(FASTA, mtime=0)))
    inputs = Inputs(pipe)
    assert [p.id for p in inputs] == [p.id for p in inputs] == ["a"]
    assert sha256(pipe) == hashlib.sha256(gzip.compress(FASTA, mtime=0)).hexdigest()


def test_process_substitution_and_a_piped_structure(tmp_path: Path) -> None:
    for content, size in ((FASTA, 30), (pdb_text(HELIX).encode(), 20), (FASTA * 9000, 30)):
        reading, writing = os.pipe()

        def write(writing: int = writing, content: bytes = content) -> None:
            with open(writing, "wb") as out:
                out.write(content)

        in_thread(write)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(Inputs(f"/dev/fd/{reading}"))
        assert {len(p) for p in found} == {size}
        assert (found[0].structure is not None) == (size == 20)
        os.close(reading)


# Compression and encodings


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read_and_damage_is_named(pack, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(FASTA))
    assert lengths(path) == {"a": 30}
    path.write_bytes(pack(FASTA * 100)[:-12])
    with pytest.raises(InputError, match=r"damaged (gzip|bzip2|xz) data, expected a complete"):
        lengths(path)
    damaged = bytearray(pack(FASTA * 100))
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        lengths(path)


@pytest.mark.parametrize("name", ["a.fasta.bz2", "a_utf16.fasta", "hash_comment.fasta"])
def test_given_files_that_are_read(name: str) -> None:
    assert lengths(CASES / name) == {"a": 30}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(FASTA.decode().encode(encoding))
    assert lengths(tmp_path / "x") == {"a": 30}


@pytest.mark.parametrize(
    "start", ["# words\n! more\n; others\n\n", "!\n", "#A3M\n\n# more\n", "#150,200\t1,1\n"]
)
@pytest.mark.parametrize("labels", ["", "I" * 30 + "\n"])
def test_comments_before_the_first_header(start: str, labels: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(start + FASTA.decode() + labels)
    (protein,) = Inputs(tmp_path / "x")
    assert (len(protein), protein.labels) == (30, labels.strip() or None)


FOREIGN = {
    "zip": (b"PK\x03\x04abcd", "a zip archive, which is not read; unpack it first"),
    "zst": (b"\x28\xb5\x2f\xfd\x04", "zstd-compressed data, which is not read; unpack it first"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    "tgz": (gzip.compress(b"x" * 257 + b"ustar" + b"\0" * 300), "a tar archive"),
    "fa.gz.gz": (gzip.compress(gzip.compress(FASTA)), "gzip data inside packed data; unpack it"),
    "fa.xz.bz2": (bz2.compress(lzma.compress(FASTA)), "xz data inside packed data"),
    "bcif": (b"\x83\xa7encoder\xaamolstar 4", "BinaryCIF, which is not read; expected mmCIF"),
    "bcif.gz": (gzip.compress(b"\x83\xa7encoder\xaamolstar 4"), "BinaryCIF"),
    "xml": (b"<?xml version='1.0'?>\n<uniprot xmlns='x'>\n", "UniProt XML, which is not read"),
    "other.xml": (b"<?xml version='1.0'?>\n<a>\n", "XML, which is not read"),
    "html": (b"<!DOCTYPE html>\n<html>\n", "HTML, which is not read"),
    "gp": (b"\nLOCUS       X00001   30 aa\n", "GenBank or GenPept, which is not read"),
    "sto": (b"# STOCKHOLM 1.0\n", "a Stockholm alignment"),
    "aln": (b"CLUSTAL O(1.2.4) multiple\n", "a Clustal alignment"),
    "fastq": (b"@r1\nACGT\n+\nIIII\n", "FASTQ"),
    "pdf": (b"%PDF-1.7\n", "a PDF document"),
}


@pytest.mark.parametrize("suffix", FOREIGN)
def test_foreign_formats_are_named(suffix: str, tmp_path: Path) -> None:
    content, expected = FOREIGN[suffix]
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        lengths(path)
    assert f"{path}: found {expected}" in str(caught.value)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("name", ["a.zip", "uniprot.xml", "genpept.gp"])
def test_given_files_of_foreign_formats(name: str) -> None:
    with pytest.raises(InputError, match=r"which is not read; (unpack|download)"):
        lengths(CASES / name)


# Layouts


def test_given_files_of_other_layouts() -> None:
    ids, told = warned(CASES / "tmbed_format1.pred")
    assert ids == ["P79748", "P15455"]
    assert "labels in another alphabet (o H i S); only their sequences are read" in told[0]
    assert lengths(CASES / "label_like_tail.fasta") == {"a": 74, "b": 379}
    with pytest.warns(InputWarning, match="read as PIR"):
        (protein,) = Inputs(CASES / "pir_title.pir")
    assert (protein.id, len(protein)) == ("CRU4", 472)
    assert protein.metadata["description"].startswith("CRU4 Cruciferin storage protein")


SEQUENCE = "MELDNNSLDYFSSNFTDIPSNTTVAHWTEATLLGLQISVSVVLAIVTLATMLSNAFVIAT"


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (f">a\n{SEQUENCE}\n{'HHHHCCCCCEEEE---TT' * 3}CCCCCC\n", "labelled"),
        (f">a\n{SEQUENCE}\n{'0' * 30}{'1' * 30}\n", "labelled"),
        (f">a\n{SEQUENCE}\n{'M' * 20}{'I' * 40}\n{'9' * 60}\n", "labelled"),
        (f">a\n{SEQUENCE}\n{SEQUENCE[::-1]}\n", "fasta"),
        (f">a\n{SEQUENCE}\n{'M' * 20}{'I' * 40}\n>b\n{SEQUENCE}\n{'I' * 59}\n", "3line"),
        (f">a\n{SEQUENCE}\n{'I' * 60}\n>b\nMKT\n>c\n{SEQUENCE}\n{'O' * 60}\n", "3line"),
        (f">a\n{SEQUENCE}\nSPSSPPSSPMSPSS\n", "fasta"),
        (f">a\n{SEQUENCE}\nSSSS\n>b\n{SEQUENCE}\n{SEQUENCE}\n{SEQUENCE}\nMM\n", "fasta"),
        (">P1;a\nTitle\nMKTLL*\n>F1;b\n\nMKT*\n", "pir"),
    ],
)
def test_many_records_decide(text: str, layout: str) -> None:
    assert record_layout(Lines("x", text.splitlines(keepends=True), raw=True)) == layout


def test_wrapped_labels_and_several_lines_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "x"
    labels = "H" * 70 + "C" * 50
    for body in (
        f"{SEQUENCE}\n{SEQUENCE}\n{labels[:60]}\n{labels[60:]}",
        f"{SEQUENCE * 2}\n{labels}\n{labels}",
    ):
        path.write_text(f">a\n{body}\n>b\n{body}\n")
        with pytest.warns(InputWarning, match=r"another alphabet \(H C\)"):
            assert lengths(path) == {"a": 120, "b": 120}


def test_the_format_can_be_forced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(">a\nSPSSPPSS\nSPSSPPSS\n")
    assert [(len(p), p.labels) for p in Inputs(path)] == [(8, "SPSSPPSS")]
    assert [(len(p), p.labels) for p in Inputs(path, input_format="fasta")] == [(16, None)]
    with pytest.raises(
        TopoError, match="unknown input format 'gff', expected one of 3line, biotrainer, fasta, "
    ):
        lengths(path, input_format="gff")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">P1;a\nA title\nMKT\nLLV*\nC;Species: x\n", [("a", 6)]),
        (">P1;a\n\nMKT*\n>P1; b\nMKTLLV\nA*\n", [("a", 3), ("b", 7)]),
    ],
)
def test_pir_titles(text: str, expected: list, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.warns(InputWarning, match="read as PIR"):
        assert list(lengths(tmp_path / "x").items()) == expected


# Nucleotides


@pytest.mark.parametrize(
    ("sequence", "found"),
    [
        (GENE, True),
        (GENE.replace("T", "U"), True),
        (GENE.replace("CC", "NR", 1), True),
        ("N" * 50 + GENE, True),
        ("GAGAGAGAGAGAGSGAGAGAGAGAGAGAGAGAGA", False),
        ("A" * 60, False),
        ("ACGTACGT", False),
        ("GAGS" * 20, False),
        ("MARYRCCRSRSRSRCYRRRRRSCRRRRRRCCRRR", False),
        (SEQUENCE, False),
    ],
)
def test_nucleotides_by_their_letters(sequence: str, found: bool) -> None:
    assert is_nucleotides(sequence) == found


def test_a_file_of_nucleotides_is_refused_and_single_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 2 records are nucleotides \(cds1, chr1_part\)"):
        lengths(CASES / "nt_cds.fna")
    assert len(lengths(CASES / "nt_cds.fna", allow_nucleotides=True)) == 2
    path = tmp_path / "x.fasta"
    path.write_text(f">g\n{GENE}\n>a\n{SEQUENCE}\n>b\n{SEQUENCE}\n>h\nACGT\n")
    ids, told = warned(path)
    assert ids == ["g", "a", "b", "h"]
    assert "1 of 4 records are nucleotides (g)" in told[0]
    path.write_text(f">a\n{SEQUENCE}\n>g\n{GENE}\n>h\n{GENE}\n")
    with pytest.raises(InputError, match="2 of 3 records are nucleotides"):
        lengths(path)


# Faulty records


def test_all_faults_are_named_up_to_ten(tmp_path: Path) -> None:
    path = tmp_path / "x.faa"
    path.write_text(">a\nMKT\n" + "".join(f">b{n}\nM{n}T\n" for n in range(13)) + ">c\nMKT\n")
    with pytest.raises(InputError) as caught:
        lengths(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:4: found '0' at position 2 of b0")
    assert "line 22: found '9'" in message
    assert "b10" not in message
    assert message.endswith("; and 3 more; 13 faulty records")


@pytest.mark.parametrize(
    ("text", "good", "faults"),
    [
        (">a\nMKT\n>b\n>c\nM1\nMKT\n>d\nMK\n", ["a", "d"], [("b", 3), ("c", 5)]),
        (">\nMKT\n>d\nMK\n", ["d"], [("", 1)]),
        (">a\nMKT\nIII\n>b\nMKT\n>c\nMKT\nIII\n", ["a", "c"], [("b", 6)]),
        (">a\nMKT\nIII\n>b\nMKT\nII\n>c\nMKT\nIII\n", ["a", "c"], [("b", 6)]),
        (
            json.dumps({"f": [{"id": "a", "sequence": "M"}, {"id": "b", "sequence": "1"}, 3]}),
            ["a"],
            [("b", None), ("", None)],
        ),
    ],
)
def test_faulty_records_can_be_left_out(text, good, faults, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    inputs = Inputs(path, policy=RecordPolicy(skip=True))
    for _ in range(2):  # the second reading lists them once again, not twice
        assert [p.id for p in inputs] == good
        assert [(fault.record, fault.line) for fault in inputs.faults] == faults
    with pytest.raises(InputError):
        lengths(path)


def test_a_file_of_faults_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(">a\nM1\n>b\n")
    with pytest.raises(InputError, match="holds no record that can be read, 2 faulty ones"):
        lengths(tmp_path / "x", policy=RecordPolicy(skip=True))


def test_stops(tmp_path: Path) -> None:
    assert lengths(CASES / "gffread_dot_end.faa") == {"rna-1": 379, "rna-2": 472}
    path = tmp_path / "x"
    path.write_text(">a\nMK*TA.L*\n>b\nMK.\n>c\nMK\n.T\n")
    with pytest.raises(InputError, match=r"'\.' at position 3 of c, .* it may be gffread's stop"):
        lengths(path)
    proteins = Inputs(path, policy=RecordPolicy(mask_stops=True))
    assert [p.sequence for p in proteins] == ["MKXTAXL", "MK", "MKXT"]
    path.write_text(">a\nMK*T.\nIIII\n")
    assert [p.sequence for p in Inputs(path, policy=RecordPolicy(mask_stops=True))] == ["MKXT"]


# Folders


def test_given_folders() -> None:
    found = lengths(CASES / "folder_alphafold2")
    assert found == {"protA/ranked_0": 30, "protB/ranked_0": 38, "protC/ranked_0": 33}
    assert lengths(CASES / "folder_suffixes") == {"a": 30, "b": 38, "c": 33, "d": 33}
    ids, (told,) = warned(CASES / "folder_colabfold")
    assert ids == ["q_unrelaxed_rank_001_alphafold2_ptm_model_1_seed_000"]
    assert "left out 2: config.json: " in told
    ids, (told,) = warned(CASES / "folder_applefiles")
    assert (ids, told.endswith("left out 1: ._a.fasta: hidden")) == (["a"], True)


def test_chains_of_a_file_and_a_folder() -> None:
    for path in (CASES / "folder_two_chains", CASES / "folder_two_chains" / "x.pdb"):
        assert lengths(path, chain="B") == {"x": 38}
        ids, (told,) = warned(path)
        assert ids == ["x"]
        assert "x.pdb (A of A, B)" in told
    with (
        pytest.warns(InputWarning, match="x.pdb: has no protein chain Z, found A, B"),
        pytest.raises(InputError, match="holds no sequences or structures"),
    ):
        lengths(CASES / "folder_two_chains", chain="Z")


def test_options_that_would_change_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_bytes(FASTA)
    with pytest.raises(TopoError, match="found no structure"):
        lengths(tmp_path / "a.fasta", chain="B")
    with pytest.raises(TopoError, match="attached to a sequence file only"):
        lengths(tmp_path, structures=tmp_path)
    with pytest.raises(TopoError, match="found an empty path"):
        lengths("")


def test_every_file_of_a_folder_is_read_or_named(tmp_path: Path) -> None:
    deep = tmp_path / "in" / "deep" / "er"
    deep.mkdir(parents=True)
    top = tmp_path / "in"
    (top / "a.fasta").write_bytes(FASTA)
    (deep / "b.faa.gz").write_bytes(gzip.compress(b">b\nMKT\n"))
    (deep / "c.prot").write_text(">c\nMKT\n")
    (top / "gene.fna").write_text(f">g\n{GENE}\n")
    (top / "confidence.json").write_text('{"plddt": [1.0, 2.0], "residue": [1, 2]}')
    (top / "list.json").write_text('[{"id": 1}]')
    (top / "set.json").write_text('{"f": [{"id": "s", "sequence": "MKT"}]}')
    (top / "notes.txt").write_text("x")
    (top / "empty.fasta").write_text("")
    (top / ".hidden.fasta").write_bytes(FASTA)
    (top / "x.pdb").write_text(pdb_text(HELIX))
    (top / "x.cif").write_text(mmcif_text(HELIX))
    (deep / "x.pdb").write_text(pdb_text(HELIX))
    (top / "loop").symlink_to(top)
    (top / "gone.fasta").symlink_to(top / "nothing")
    os.mkfifo(top / "pipe.fasta")
    (top / "d.fasta.bz2").write_bytes(bz2.compress(b">d\nMKT\n"))
    (deep / "y.pdb.xz").write_bytes(lzma.compress(pdb_text(HELIX).encode()))
    ids, (told,) = warned(top)
    assert sorted(ids) == ["a", "b", "c", "d", "deep/er/x", "s", "x.cif", "x.pdb", "y"]
    for name in ("gene.fna: 1 of 1", "confidence.json", "list.json", "empty.fasta", ".hidden"):
        assert name in told
    assert "1 with other suffixes (notes.txt)" in told
    assert told.startswith(f"{top}: left out 8: ")
    assert "gone.fasta: a link to no file" in told
    assert "pipe.fasta: no regular file" in told


def test_the_folder_is_listed_once_and_outputs_are_no_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_bytes(FASTA)
    (tmp_path / "x.pdb").write_text(pdb_text(HELIX))
    inputs = Inputs(tmp_path, output=tmp_path)
    (tmp_path / ".predicted_topologies.3line.i7q8se2s.3line").write_text("")
    (tmp_path / "later.fasta").write_bytes(FASTA)
    assert [p.id for p in inputs] == ["a", "x"]
    (tmp_path / "later.fasta").unlink()
    (tmp_path / "predicted_topologies.3line").write_text(">a\nMKT\nIII\n")
    (tmp_path / "mature.fasta").write_text(">a\nMKT\n")
    labelled = tmp_path / "structures"
    labelled.mkdir()
    for suffix in ("pdb", "pml", "cxc"):
        (labelled / f"x.{suffix}").write_text(pdb_text(HELIX))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "more.fasta").write_bytes(FASTA)
    ids, (told,) = warned(tmp_path, output=tmp_path / "out")
    assert ids == ["a", "x"]
    for name in ("out: the output folder", "mature.fasta: an output", "structures/x.pdb: an out"):
        assert name in told


def test_an_index_names_the_chains_of_a_folder(tmp_path: Path) -> None:
    shutil.copy(CASES / "folder_two_chains" / "x.pdb", tmp_path)
    (tmp_path / "index.tsv").write_text("id\tfile\tchain\none\tx.pdb\tA\ntwo\tx.pdb\tB\n")
    assert lengths(tmp_path) == {"one": 30, "two": 38}


# Bounds


def test_long_lines_and_expanding_files_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 1000)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b">a\n" + b"M" * 5000))
    with pytest.raises(InputError, match=r"x\.gz:2: found a line of more than 1,000 characters"):
        lengths(path)
    monkeypatch.setattr(streams_module, "_LARGE", 2_000_000)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        path.write_bytes(pack(b"\n" * 9_000_000))
        with pytest.raises(InputError, match="expands more than 300-fold"):
            lengths(path)


def test_a_chain_of_absurd_length_is_refused() -> None:
    from topo.io.fasta import parse_fasta

    text = chain([">a\n"], repeat("M" * 100_000 + "\n", 200), [">b\n", "M\n"])
    with pytest.raises(InputError, match=r":102: a has more than 10,000,000 residues$"):
        list(parse_fasta(Lines("x", text, raw=True)))


# Outputs


def test_links_and_pipes_as_output_are_written_into(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    for path in (link, tmp_path / "second"):
        path.symlink_to(target)
        with atomic_text(path) as stream:
            stream.write(str(path))
        assert path.is_symlink()
        assert target.read_text() == str(path)
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with atomic_text(pipe) as stream:
        stream.write("content")
    reader.join(20)
    assert got == ["content"]
    assert pipe.is_fifo()
    before = os.stat("/dev/null")
    with atomic_text("/dev/null") as stream:
        stream.write("nothing")
    assert os.stat("/dev/null").st_ino == before.st_ino
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "pipe", "second", "target"]


def test_an_open_descriptor_is_written_into(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with atomic_text(f"/dev/fd/{writing}") as stream:
        stream.write("content")
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == "content"
    with open(tmp_path / "x", "w") as file:  # what is there already stays
        file.write("first\n")
        file.flush()
        with atomic_text(f"/dev/fd/{file.fileno()}") as stream:
            stream.write("second\n")
    assert (tmp_path / "x").read_text() == "first\nsecond\n"


def test_the_umask_holds_for_written_files(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with atomic_text(tmp_path / "x") as stream:
            stream.write("x")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_labelled_proteins_are_never_nucleotides(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(f">a\n{GENE}\n{'I' * len(GENE)}\n")
    assert [type(p) for p in read_inputs(tmp_path / "x")] == [Protein]
    assert len(list(read_proteins(tmp_path / "x"))) == 1
