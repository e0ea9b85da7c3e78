"""3-line records."""

from __future__ import annotations

from pathlib import Path

import pytest

from topo.errors import InputError, TopoError
from topo.io import read_three_line, write_three_line
from topo.protein import Protein


def read(tmp_path: Path, text: str) -> list[Protein]:
    path = tmp_path / "set.3line"
    path.write_bytes(text.encode())
    return list(read_three_line(path))


def failure(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)[len(str(tmp_path / "set.3line")) :]


@pytest.mark.parametrize(
    ("header", "identifier", "header_type"),
    [
        ("P1 | TM", "P1", "TM"),
        ("P1", "P1", None),
        ("sp|P1|X_HUMAN | SP+TM", "sp|P1|X_HUMAN", "SP+TM"),
        ("P1 some words | GLOB", "P1", "GLOB"),
        ("P1 | odd | BETA", "P1", "BETA"),
        ("P1 |TM", "P1", None),
    ],
)
def test_headers(tmp_path: Path, header: str, identifier: str, header_type: str | None) -> None:
    (protein,) = read(tmp_path, f">{header}\nMKTA\nIIII\n")
    assert protein.id == identifier
    assert protein.header_type == header_type
    assert protein.metadata["description"] == header


def test_blank_lines_case_stop_and_line_ends(tmp_path: Path) -> None:
    proteins = read(tmp_path, "\ufeff\r\n>a\r\nmkta*\r\n\r\nII-M\r\n\r\n>b\r\nMX\r\nSO")
    assert [(p.sequence, p.labels) for p in proteins] == [("MKTA", "II-M"), ("MX", "SO")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": holds no records"),
        (">a\nMKT\nIIII\n", ":3: found 4 labels for 3 residues of a"),
        (">a\nMKT\nII\n", ":3: found 2 labels for 3 residues of a"),
        (
            ">a\nMKT\nIXI\n",
            ":3: a: found label 'X' at position 2, expected one of I O P S M B -",
        ),
        (
            ">a\nMKT\niii\n",
            ":3: a: found label 'i' at position 1, expected one of I O P S M B -",
        ),
        (">a\nMKT\n", ":2: found the end of the file, expected the labels of a"),
        (">a\nMKT\nIII\n>b\n", ":4: found the end of the file, expected the sequence of b"),
        (">a\nMKT\n>b\nMKT\nIII\n", ":3: found '>b', expected the labels of a"),
        (">a\n>b\nMKT\nIII\n", ":2: found '>b', expected the sequence of a"),
        (">a\nMKT\nIII\nMKT\n", ":4: found 'MKT', expected a '>' header"),
        (">a\nM-T\nIII\n", None),
        (">a\n*\nI\n", ":2: a has no residues"),
        ("> | TM\nMKT\nIII\n", ":1: found a header without an id, expected '>id'"),
    ],
)
def test_malformed_records_name_the_line(tmp_path: Path, text: str, expected: str | None) -> None:
    message = failure(tmp_path, text)
    if expected is None:
        assert message.startswith(":2: found '-' at position 2 of a")
    else:
        assert message == expected


def test_the_written_type_is_what_the_labels_leave(tmp_path: Path) -> None:
    helix = "M" * 20
    cases = {
        "IIIIIIIIII": "a | GLOB",
        f"OOOOO{helix}IIIII": "a | TM",
        f"{'S' * 20}OOOOO{helix}IIIII": "a | SP+TM",
        f"{'S' * 20}-----{helix}IIIII": "a | SP+TM",
        f"{'-' * 40}{helix}IIIII": "a",  # a signal peptide might hide
        "OOOOO": "a",
    }
    for labels, header in cases.items():
        path = tmp_path / "out.3line"
        write_three_line([Protein("a", "A" * len(labels), labels)], path)
        assert path.read_text() == f">{header}\n{'A' * len(labels)}\n{labels}\n"


def test_no_labels_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TopoError, match="a has no labels"):
        write_three_line([Protein("a", "MKT")], tmp_path / "out.3line")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "number"), [("tmbed.3line", 4433), ("uniprot_silver.3line", 8507)]
)
def test_real_sets(data_dir: Path, name: str, number: int) -> None:
    path = data_dir / "topology" / name
    with open(path) as stream:
        lines = [line.rstrip("\n") for line in stream]
    proteins = list(read_three_line(path))
    assert len(proteins) == number
    assert [p.sequence for p in proteins] == lines[1::3]
    assert [p.labels for p in proteins] == lines[2::3]
    assert [f">{p.id} | {p.header_type}" for p in proteins] == lines[0::3]
