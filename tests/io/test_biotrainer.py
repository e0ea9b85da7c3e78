"""FASTA of biotrainer, read and written."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import command

from topo.errors import InputError
from topo.io import read_proteins
from topo.io.biotrainer import write_biotrainer
from topo.protein import Protein


def read(folder: Path, text: str) -> list[Protein]:
    path = folder / "a.fasta"
    path.write_text(text)
    return list(read_proteins(path))


def test_targets_sets_and_masks_are_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ">a TARGET=IIMMO SET=train\nMKVLA\n>b TARGET=SSO SET=val MASK=110\nMKV\n"
        ">c TARGET=II SET=test\nMK\n>d TARGET=IO VALIDATION=True\nMK\n>e SET=train\nMK\n",
    )
    assert [p.labels for p in found] == ["IIMMO", "SS-", "II", "IO", None]
    assert [p.fold for p in found] == ["train", "validation", "test", "validation", "train"]


def test_a_target_of_the_whole_protein_is_metadata(tmp_path: Path) -> None:
    (found,) = read(tmp_path, ">a TARGET=Membrane SET=train\nMKVLA\n")
    assert found.labels is None
    assert found.metadata["target"] == "Membrane"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("TARGET=IIM", "found TARGET of 3 letters for 5 residues"),
        ("TARGET=IIIII MASK=111", "found MASK of 3 letters for 5 residues"),
        ("TARGET=IIIII MASK=11121", "expected 0 and 1"),
        ("TARGET=HHHEE", "found label 'H'|H"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, f">a {header} SET=train\nMKVLA\n")


def test_files_are_read_as_written(tmp_path: Path) -> None:
    proteins = [
        Protein("a", "MKVLA" * 20, "I" * 100, fold="train"),
        Protein("b", "MKV", "-SO", fold="validation"),
        Protein("c", "MKV", "III"),
    ]
    write_biotrainer(proteins, tmp_path / "a.fasta")
    found = list(read_proteins(tmp_path / "a.fasta"))
    assert [(p.id, p.sequence, p.labels) for p in found] == [
        (p.id, p.sequence, p.labels) for p in proteins
    ]
    assert [p.fold for p in found] == ["train", "validation", "train"]
    assert (tmp_path / "a.fasta").read_text().splitlines()[3] == ">b TARGET=-SO SET=val MASK=011"


def test_convert_writes_the_format(tmp_path: Path) -> None:
    (tmp_path / "a.3line").write_text(">a | TM\nMKV\nIII\n")
    assert command("convert", tmp_path / "a.3line", tmp_path / "b", "--to", "biotrainer") == 0
    assert (tmp_path / "b").read_text() == ">a TARGET=III SET=train\nMKV\n"
