"""FASTA and the policy on residues, ids and files that all record formats share."""

from __future__ import annotations

import gc
import gzip
import io
import sys
from itertools import count, islice
from pathlib import Path

import pytest

from topo.errors import InputError
from topo.io import read_fasta, read_proteins, write_fasta
from topo.io.fasta import parse_fasta
from topo.io.lines import Lines
from topo.resources import bundled


def read(tmp_path: Path, content: str | bytes) -> list:
    path = tmp_path / "proteins.fasta"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_fasta(path))


def failure(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "proteins.fasta"))
    assert "\n" not in message
    return message[len(str(tmp_path / "proteins.fasta")) :]


def test_agrees_with_biopython_on_real_records() -> None:
    from Bio import SeqIO

    path = bundled("example") / "proteins.fasta"
    oracle = [(r.id, str(r.seq), r.description) for r in SeqIO.parse(path, "fasta")]
    ours = [(p.id, p.sequence, p.metadata["description"]) for p in read_fasta(path)]
    assert ours == oracle
    assert len(ours) == 63


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        (">a\nMKT\nAAW\n", "MKTAAW"),
        (">a\nmktaaw", "MKTAAW"),
        (">a\r\nMKT\r\nAAW\r\n", "MKTAAW"),
        (">a\rMKT\rAAW\r", "MKTAAW"),
        ("\ufeff>a\nMKTAAW\n", "MKTAAW"),
        ("\n\n>a\n\nMKT\n\nAAW\n\n", "MKTAAW"),
        ("; comment\n>a\n;another\nMKT\nAAW\n", "MKTAAW"),
        (">a\nMKT AAW\t\n  \n", "MKTAAW"),
        (">a\nMKTAAW*\n", "MKTAAW"),
        (">a\nMKTAAW\n*\n", "MKTAAW"),
        (">a\nMUOBZJX\n", "MUOBZJX"),
    ],
)
def test_policy_on_residues(tmp_path: Path, text: str, sequence: str) -> None:
    (protein,) = read(tmp_path, text)
    assert (protein.id, protein.sequence, protein.labels) == ("a", sequence, None)


@pytest.mark.parametrize(
    ("header", "identifier", "description"),
    [
        ("sp|P12345|X_HUMAN Some protein", "sp|P12345|X_HUMAN", "sp|P12345|X_HUMAN Some protein"),
        ("  a\tb c ", "a", "a\tb c"),
        ("a | TM", "a", "a | TM"),
        ("ä#1;", "ä#1;", "ä#1;"),
    ],
)
def test_ids_are_first_words(
    tmp_path: Path, header: str, identifier: str, description: str
) -> None:
    (protein,) = read(tmp_path, f">{header}\nMKT\n")
    assert protein.id == identifier
    assert protein.metadata["description"] == description


def test_bytes_that_are_not_utf8_are_fine_in_a_header(tmp_path: Path) -> None:
    (protein,) = read(tmp_path, b">a caf\xe9\nMKT\n")
    assert (protein.id, protein.sequence) == ("a", "MKT")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ": holds no records"),
        ("\n \n", ": holds no records"),
        ("; only a comment\n", ": holds no records"),
        (">a\n>b\nMKT\n", ":1: a has no residues"),
        (">a\nMKT\n>b\n\n", ":3: b has no residues"),
        (">a\n*\n", ":1: a has no residues"),
        (">\nMKT\n", ":1: found a header without an id, expected '>id'"),
        ("MKT\n", ":1: found 'MKT', expected a '>' header"),
        (">a\nMKT\nA7W\n", ":3: found '7' at position 5 of a, expected a residue letter"),
        (b">a\nM\xffT\n", ":2: found '\ufffd' at position 2 of a, expected a residue letter"),
        (b">a\nM\x00T\n", r":2: found '\x00' at position 2 of a, expected a residue letter"),
        (">a\nMéT\n", ":2: found 'é' at position 2 of a, expected a residue letter"),
    ],
)
def test_malformed_files_name_file_and_line(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    assert failure(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("body", "line", "position", "hint"),
    [
        ("MK*TA", 2, 3, "a stop is allowed only at the end"),
        ("MKT*\nAAW", 3, 4, "a stop is allowed only at the end"),
        ("MKT**", 2, 4, "a stop is allowed only at the end"),
        ("MKT\nA-A", 3, 5, "remove alignment gaps first"),
        ("MK.T", 2, 3, "remove alignment gaps first"),
    ],
)
def test_stops_and_gaps_get_a_hint(
    tmp_path: Path, body: str, line: int, position: int, hint: str
) -> None:
    message = failure(tmp_path, f">a\n{body}\n")
    assert message.startswith(f":{line}: ")
    assert f"at position {position} of a" in message
    assert message.endswith(hint)


def test_repeated_ids_are_kept_with_one_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"a \(line 1 and line 5\)") as caught:
        proteins = read(tmp_path, ">a\nMKT\n>b\nMKT\n>a\nAAA\n")
    assert [(p.id, p.sequence) for p in proteins] == [("a", "MKT"), ("b", "MKT"), ("a", "AAA")]
    assert len(caught) == 1


def test_many_repeats_are_summed_up(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="and 15 more") as caught:
        assert len(read(tmp_path, ">a\nM\n" * 21)) == 21
    assert len(caught) == 1


def test_gzip_is_recognised_by_content(tmp_path: Path) -> None:
    (protein,) = read(tmp_path, gzip.compress(b">a\nMKT\n"))
    assert protein.sequence == "MKT"


@pytest.mark.parametrize("damage", [slice(0, 200), slice(0, 12)])
def test_truncated_gzip(tmp_path: Path, damage: slice) -> None:
    rows = "".join(f">p{i}\nMKT{'ACDEFGHIKLMNPQRSTVWY'[i % 20] * i}\n" for i in range(100))
    data = gzip.compress(rows.encode())
    assert "damaged gzip data" in failure(tmp_path, data[damage])


def test_corrupt_gzip(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b">a\nMKTAAWLLV\n"))
    data[14] ^= 0xFF
    assert "damaged gzip data" in failure(tmp_path, bytes(data))


def test_missing_file_folder_and_impossible_name(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "absent.fasta", "no such file"),
        (tmp_path, "found a folder, expected a file"),
        ("a\0b", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=words):
            list(read_proteins(path))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BufferedReader(io.BytesIO(b">a\nMKT\n>b\nM1\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    records = read_fasta("-")
    assert next(records).sequence == "MKT"
    with pytest.raises(InputError, match=r"^standard input:4: found '1'"):
        next(records)
    gc.collect()
    with pytest.raises(InputError, match=r"^standard input: holds no records"):
        list(read_fasta("-"))  # read to its end, but still open


def test_records_are_streamed() -> None:
    endless = (f">p{i}\n" if i % 2 else "MKT\n" for i in count(1))
    assert [p.id for p in islice(parse_fasta(Lines("endless", endless, raw=True)), 3)] == [
        "p1",
        "p3",
        "p5",
    ]


def test_written_lines_are_at_most_sixty_wide_and_gz_is_compressed(tmp_path: Path) -> None:
    (protein,) = read(tmp_path, ">a words\n" + "MKTAA" * 30)
    write_fasta([protein], tmp_path / "out.fasta.gz")
    text = gzip.decompress((tmp_path / "out.fasta.gz").read_bytes()).decode()
    assert [len(line) for line in text.splitlines()] == [8, 60, 60, 30]
    assert [p.sequence for p in read_fasta(tmp_path / "out.fasta.gz")] == [protein.sequence]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.fasta"
    target.write_text("old")
    (tmp_path / "in.fasta").write_text(">a\nMKT\n>b\nM1T\n")
    with pytest.raises(InputError):
        write_fasta(read_fasta(tmp_path / "in.fasta"), target)
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.fasta", "out.fasta"]
