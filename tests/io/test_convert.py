"""`topo convert`, and how the command line speaks of bad input files."""

from __future__ import annotations

import gzip
import io
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from topo.cli.main import main
from topo.io import read_predictions, read_proteins
from topo.resources import bundled

EXAMPLE = bundled("example")


@pytest.fixture
def convert(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    def run(*arguments: str | Path) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["topo", "convert", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return run


def content(path: str | Path) -> list[tuple[str, str, str | None]]:
    return [(p.id, p.sequence, p.labels) for p in read_proteins(path)]


def test_round_of_all_formats(convert, tmp_path: Path) -> None:
    source = EXAMPLE / "proteins.3line"
    steps = [source, *(tmp_path / name for name in ("a.json", "b.3line.gz", "c.3line"))]
    for before, after in pairwise(steps):
        assert convert(before, after) == (0, "", "")
    assert steps[-1].read_bytes() == source.read_bytes()
    assert convert(source, tmp_path / "d.faa")[0] == 0
    assert content(tmp_path / "d.faa") == content(EXAMPLE / "proteins.fasta")


def test_some_folds_to_standard_output(convert) -> None:
    code, out, _ = convert(f"{EXAMPLE / 'example.partitions.json'}:test", "-", "--to", "fasta")
    assert code == 0
    assert out.count(">") == 9


def test_standard_input(convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\r\nmkt\r\n")))
    assert convert("-", tmp_path / "out.fa")[0] == 0
    assert (tmp_path / "out.fa").read_text() == ">a\nMKT\n"


def test_records_without_labels_are_left_out_of_three_line_and_counted(
    convert, tmp_path: Path
) -> None:
    source = tmp_path / "in.json"
    records = [{"id": "a", "sequence": "MKT"}, {"id": "b", "sequence": "MKT", "labels": "III"}]
    source.write_text(json.dumps({"x": records}))
    code, _, err = convert(source, tmp_path / "out.3line")
    assert (code, err) == (0, "1 of 2 records have no labels: left out\n")
    assert content(tmp_path / "out.3line") == [("b", "MKT", "III")]


def test_a_file_can_be_converted_onto_itself(convert, tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.write_bytes((EXAMPLE / "proteins.3line").read_bytes())
    assert convert(path, path, "--to", "partitions")[0] == 0
    assert content(path) == content(EXAMPLE / "proteins.3line")


def test_repeated_ids_are_one_line_of_warning(convert, tmp_path: Path) -> None:
    (tmp_path / "in").write_text(">a\nMKT\n>a\nMKT\n")
    code, _, err = convert(tmp_path / "in", tmp_path / "out.fa")
    assert code == 0
    assert err.startswith(f"topo: warning: {tmp_path / 'in'}: ids that repeat")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "in: no such file"),
        (b"", "in: holds no records"),
        (gzip.compress(b">a\nMKT\n" * 99, mtime=0)[:-9], "in: damaged gzip data"),
        (b">a | GLOB\nMKT\nIIII\n", "in:3: found 4 labels for 3 residues of a"),
        (b">a\nM7T\n", "in:2: found '7' at position 2 of a"),
        (b"MKT\n", "in:1: found 'MKT', expected a '>' header"),
        (b">b\nMKT\n", "in: no record has labels"),
        (b'{"x": 3}', "in: fold 'x': found a JSON int"),
        (b"ID   X\n//\n", "in:1: not a Swiss-Prot record"),
        (b"\x89PNG\r\n\x1a\n\0\0", "in:1: found"),
    ],
)
def test_bad_input_is_one_line_exit_code_2_and_nothing_written(
    convert, tmp_path: Path, source: bytes | None, words: str
) -> None:
    if source is not None:
        (tmp_path / "in").write_bytes(source)
    code, out, err = convert(tmp_path / "in", tmp_path / "out.3line")
    assert (code, out) == (2, "")
    assert err.startswith(f"topo: {tmp_path}/{words}")
    assert err.count("\n") == 1
    assert not (tmp_path / "out.3line").exists()
    assert len(list(tmp_path.iterdir())) == (source is not None)


def test_unknown_fold_and_unknown_suffix(convert, tmp_path: Path) -> None:
    source = EXAMPLE / "example.partitions.json"
    code, _, err = convert(f"{source}:cv9", tmp_path / "out.fa")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no fold 'cv9'; it has train, validation, test" in err
    code, _, err = convert(source, tmp_path / "out.txt")
    assert (code, err.count("\n")) == (2, 1)
    assert "the suffix tells no format" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["jsonl", "gff3", "tmrs"])
def test_prediction_formats_bring_the_labels_back(convert, tmp_path: Path, form: str) -> None:
    source = tmp_path / "in.3line"
    lines = (EXAMPLE / "proteins.3line").read_text().splitlines()
    whole = [i for i in range(0, len(lines), 3) if "-" not in lines[i + 2]]
    source.write_text("".join(f"{line}\n" for i in whole for line in lines[i : i + 3]))
    middle, back = tmp_path / "middle", tmp_path / "back.3line"
    assert convert(source, middle, "--to", form) == (0, "", "")
    assert convert(middle, back) == (0, "", "")
    expected, found = content(source), content(back)
    assert [(i, labels) for i, _, labels in found] == [(i, labels) for i, _, labels in expected]
    assert len(found) == len(whole) > 50
    if form == "jsonl":
        assert back.read_bytes() == source.read_bytes()
    else:  # these layouts hold no sequences
        code, _, err = convert(middle, tmp_path / "x.fasta")
        assert (code, err.count("\n")) == (2, 1)
        assert "has no known residue" in err


def test_tmbed_letters_are_read(convert, tmp_path: Path) -> None:
    source = tmp_path / "x.pred"
    source.write_text(f">a\n{'A' * 60}\n{'.' * 20}{'H' * 20}{'.' * 20}\n")
    assert convert(source, "-", "--to", "3line") == (
        0,
        f">a | TM\n{'A' * 60}\n{'I' * 20}{'M' * 20}{'O' * 20}\n",
        "",
    )


def test_ids_that_a_layout_cannot_hold_are_listed(convert, tmp_path: Path) -> None:
    source, target = tmp_path / "in.3line", tmp_path / "out.gff"
    source.write_text(">#a\nMKT\nIII\n>b\nMKT\nIII\n>/c\nMKT\nIII\n")
    code, _, err = convert(source, target, "--to", "tmrs")
    assert code == 0
    assert "2 ids are spelled otherwise, e.g. '#a' as %23a; all are in" in err
    mapping = tmp_path / "out.gff.ids.tsv"
    assert mapping.read_text() == "id\twritten_as\n#a\t%23a\n/c\t%2Fc\n"
    code, _, err = convert(source, "-", "--to", "tmrs")
    assert (code, err.count("\n")) == (0, 1)
    assert "ids.tsv" not in err
    source.write_text(">b\nMKT\nIII\n")
    assert convert(source, target, "--to", "tmrs") == (0, "", "")
    assert not mapping.exists()


@pytest.mark.parametrize("form", ["jsonl", "gff3", "parquet"])
def test_formats_that_keep_ids_warn_of_none(convert, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    source, target = tmp_path / "in.3line", tmp_path / "out"
    source.write_text(">#a\nMKT\nIII\n")
    assert convert(source, target, "--to", form) == (0, "", "")
    assert sorted(tmp_path.iterdir()) == [source, target]
    if form != "parquet":
        assert [p.id for p in read_predictions(target)] == ["#a"]


def test_unknown_format_names_the_known(convert, tmp_path: Path) -> None:
    code, _, err = convert(EXAMPLE / "proteins.3line", tmp_path / "x", "--to", "word")
    assert code == 2
    assert (
        "unknown format 'word', expected one of fasta, biotrainer, 3line, partitions, tmrs" in err
    )
    assert list(tmp_path.iterdir()) == []
