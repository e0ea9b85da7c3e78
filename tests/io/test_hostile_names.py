"""Ids and names from files that hold commands, line ends, HTML or formulas."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command

from topo.errors import InputError, InputWarning, TopoError
from topo.io import read_predictions, read_proteins
from topo.io.deeptmhmm import results_record
from topo.io.gff3 import HEADER, gff3_records
from topo.io.ids import UniqueNames, plain_id, write_ids
from topo.io.invalid import write_invalid
from topo.io.jsonl import jsonl_record, parse_jsonl
from topo.io.lines import Lines
from topo.io.markdown import code_markdown
from topo.io.records import Fault
from topo.io.similar_folds import LabelledRow, read_similar_ids, write_extra_set
from topo.io.structure import StructureInfo
from topo.protein import Prediction, Protein

CASES = ROOT / "tests" / "cases"
HOSTILE = CASES / "hostile"


def prediction(name: str, **fields) -> Prediction:
    return Prediction(name, "MKTA", "IIII", "GLOB", **fields)


def test_an_id_stays_one_record(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, target in (("a.gff3", "x.3line"), ("a.gff3", "y.fa")):
        source = tmp_path / "in.gff3"
        source.write_text((HOSTILE / name).read_text())
        assert command("convert", source, tmp_path / target, "--to", "3line") == 0
        assert "1 ids are spelled otherwise" in capfd.readouterr().err
        assert [p.id for p in read_proteins(tmp_path / target)] == ["a%0A>evil%0AMKT"]
        listed = (tmp_path / f"{target}.ids.tsv").read_text()
        assert listed == "id\twritten_as\na\\n>evil\\nMKT\ta%0A>evil%0AMKT\n"


@pytest.mark.parametrize("form", ["fasta", "3line"])
def test_ids_of_json_lines_are_escaped_and_listed(tmp_path: Path, form: str) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "x"
    names = ["a b", "c\x1b[2J", "", "d\u2028e", "plain", "f%41"]
    metadata = {"description": "x\x1b]0;y\x07\n>z"}
    text = (jsonl_record(prediction(name, metadata=metadata)) for name in names)
    source.write_text("".join(text), "utf-8")
    assert command("convert", source, target, "--to", form) == 0
    written = ["a%20b", "c%1B[2J", "unnamed", "d%E2%80%A8e", "plain", "f%2541"]
    assert [p.id for p in read_proteins(target)] == written
    assert not set("\x1b\x07\u2028") & set(target.read_text("utf-8"))
    rows = (tmp_path / "x.ids.tsv").read_text("utf-8").splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == [x for x in written if x != "plain"]


@pytest.mark.parametrize(
    ("sequence", "words"),
    [("mk*1", "found '1' at position 4"), ("MK-A", "found '-'"), ("", "no residues")],
)
def test_sequences_of_json_lines_are_checked(sequence: str, words: str) -> None:
    line = json.dumps({"id": "x", "sequence": sequence, "labels": "I" * len(sequence)})
    with pytest.raises(InputError, match=f"x:1: .*{words}"):
        list(parse_jsonl(Lines("x", [line])))


def test_ids_of_gff3_attributes_are_counted_on_until_they_are_free(tmp_path: Path) -> None:
    gffutils = pytest.importorskip("gffutils", reason="gffutils is not installed")
    for names in (
        ["dup", "dup", "dup-2"],
        ["dup-2", "dup", "dup", "dup"],
        ["a", "a-2", "a", "a-2", "a-2-2", "a"],
    ):
        path, record = tmp_path / "x.gff3", gff3_records("topo")
        path.write_text(HEADER + "".join(record(prediction(name)) for name in names))
        database = gffutils.create_db(str(path), ":memory:")
        assert database.count_features_of_type() == len(names)
    unique = UniqueNames()
    assert [unique.name(x) for x in ("dup", "dup", "dup-2")] == ["dup", "dup-2", "dup-2-2"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_begins_as_a_formula(tmp_path: Path, start: str) -> None:
    name = f"{start}cmd|'/c calc'!A1"
    assert plain_id(name).startswith(f"%{ord(start):02X}cmd")
    write_ids(tmp_path / "ids.tsv", [(name, plain_id(name))])
    for row in (tmp_path / "ids.tsv").read_text().splitlines():
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.split("\t"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_table_of_similar_folds_keeps_ids_that_look_like_formulas(
    tmp_path: Path, start: str
) -> None:
    protein = Protein(f"{start}cmd", "MKTA", "IIII")
    write_extra_set(tmp_path / "x.3line", (), [LabelledRow(protein, (), {"cv0"})], {})
    table = tmp_path / "x_similar_folds.tsv"
    assert table.read_text().splitlines()[1] == f"%{ord(start):02X}cmd\tcv0"
    (back,) = read_proteins(tmp_path / "x.3line")
    assert read_similar_ids(table) == {back.id: {"cv0"}}


def test_an_id_stays_one_record_in_sets(tmp_path: Path) -> None:
    protein = Protein("a b\n>evil", "MKTA", "IIII")
    write_extra_set(tmp_path / "x.3line", (), [LabelledRow(protein, (), set())], {})
    assert [p.id for p in read_proteins(tmp_path / "x.3line")] == ["a%20b%0A>evil"]
    rows = (tmp_path / "x_similar_folds.tsv").read_text().splitlines()
    assert rows == ["id\tsimilar_folds", "a%20b%0A>evil\t-"]


def test_tables_of_faulty_records_have_no_formulas(tmp_path: Path) -> None:
    write_invalid(tmp_path / "x.tsv", [Fault("=cmd()", 3, "+a\tb", "-c\n")])
    assert (tmp_path / "x.tsv").read_text().splitlines()[1] == (
        "\\x3dcmd()\t3\t\\x2ba\\tb\t\\x2dc\\n"
    )


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://h/x.png)", "`<b>"],
)
def test_markdown_shows_ids_as_they_are(name: str) -> None:
    cell = results_record(prediction(name)).split(" | ")[0]
    assert "<" not in cell
    assert not re.search(r"(?<!\\)[\[\]!`]", cell)
    assert code_markdown(f"a`{name}").count("`") == 2


def test_messages_are_short_and_printable() -> None:
    text = str(TopoError("x\x1b[2J\n" + "y" * 10_000_000 + "end"))
    assert len(text) <= 300
    assert text.startswith(r"x\x1b[2J\n")
    assert text.endswith("end")
    assert str(InputWarning("a\x1b]0;title\x07b")) == r"a\x1b]0;title\x07b"
    assert len(str(InputError("f" * 500, "z" * 1000, 3))) <= 802


def test_own_keys_and_those_of_the_user_are_kept_apart(tmp_path: Path) -> None:
    info = StructureInfo(
        "f.cif", "A", 1, "predicted", 1.0, 1.0, (), 0, ("1",) * 4, np.zeros((4, 3))
    )
    mine = {"structure": "1abc.pdb", "partition": "p", "similar_folds": "q", "header_type": "TM"}
    record = prediction(
        "a",
        metadata=mine,
        fold="cv0",
        similar_folds=("cv1", "cv2"),
        structure=info,
        header_type="GLOB",
    )
    text = jsonl_record(record)
    assert "StructureInfo" not in text
    assert json.loads(text)["protein"]["structure"]["file"] == "f.cif"
    (back,) = parse_jsonl(Lines("x", [text]))
    assert dict(back.metadata) == mine
    assert (back.fold, back.similar_folds, back.header_type) == ("cv0", ("cv1", "cv2"), "GLOB")
    assert [dict(p.metadata) for p in read_proteins(HOSTILE / "structure.json")] == [
        {"structure": "1abc.pdb"}
    ]


def test_json_lines_of_earlier_versions_keep_their_folds(tmp_path: Path) -> None:
    record = {"id": "a", "sequence": "MK", "labels": "II"}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record | {"metadata": {"partition": "cv0", "n": 1}}) + "\n")
    (back,) = read_predictions(path)
    assert (back.fold, dict(back.metadata)) == ("cv0", {"n": 1})


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_standard_output_is_utf_8(encoding: str) -> None:
    source = CASES / "other_programs" / "nonascii_id.3line"
    for form in ("fasta", "gff3", "3line"):
        done = subprocess.run(
            [sys.executable, "-m", "topo", "convert", source, "-", "--to", form],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            check=True,
        )
        found = [p.id for p in read_any_text(done.stdout.decode("utf-8"), form)]
        assert found == ["protéin_α"]


def read_any_text(text: str, form: str):
    from topo.io.readers import parse_predictions, parse_proteins

    if form == "gff3":
        return parse_predictions(io.StringIO(text), "x")
    return parse_proteins(Lines("x", io.StringIO(text), raw=True))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_standard_output_is_one_line() -> None:
    source = CASES / "other_programs" / "truth.3line"
    for form in ("fasta", "gff3"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "topo", "convert", source, "-", "--to", form],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr.startswith("topo: standard output: cannot be written")
        assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="no /dev/fd here")
@pytest.mark.parametrize("verb", ["convert", "sample"])
def test_no_table_is_written_beside_a_pipe(verb: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(jsonl_record(prediction("=a b")))
    (tmp_path / "a.3line").write_text(">=a\nMKTA\nIIII\n")
    reader, writer = os.pipe()
    target = f"/dev/fd/{writer}"
    if verb == "convert":
        assert command("convert", tmp_path / "a.jsonl", target, "--to", "fasta") == 0
    else:
        assert command("data", "sample", tmp_path / "a.3line", "-o", target) == 0
    os.close(writer)
    with open(reader, "rb") as stream:
        assert stream.read().startswith(b">%3Da%20b" if verb == "convert" else b">=a")
