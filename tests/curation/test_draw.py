"""`topo data sample`: proteins drawn by type, as training data."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import pytest
from conftest import command
from hypothesis import given
from hypothesis import strategies as st

from topo.curation.draw import draw_by_type
from topo.io import read_labelled, read_three_line
from topo.io.summary import HEADER as SUMMARY_HEADER
from topo.labels import TYPES, protein_type
from topo.protein import Protein
from topo.resources import bundled

SET = bundled("example") / "example.partitions.json"
GLOBULAR = [Protein(f"p{n}", "A" * (1 + n % 9), "I" * (1 + n % 9)) for n in range(1000)]


def types_of(proteins: list[Protein]) -> Counter[str | None]:
    return Counter(protein_type(protein.labels or "") for protein in proteins)


@given(st.floats(0, 1), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_share_lengths_and_order(share: float, shortest: int, longest: int, seed: int) -> None:
    drawn = list(draw_by_type(GLOBULAR, {"GLOB": share}, shortest, longest, seed))
    fit = [p for p in GLOBULAR if shortest <= len(p) <= longest]
    places = {p.id: n for n, p in enumerate(fit)}
    assert [places[p.id] for p in drawn] == sorted(places[p.id] for p in drawn)
    spread = math.sqrt(len(fit) * share * (1 - share))
    assert abs(len(drawn) - share * len(fit)) <= 6 * spread
    more = {p.id for p in draw_by_type(GLOBULAR, {"GLOB": 1.0}, shortest, longest, seed)}
    assert {p.id for p in drawn} <= more == set(places)


def test_proteins_without_a_type_are_passed_over() -> None:
    proteins = [Protein("a", "AAA", "OOO"), Protein("b", "AAA", "III"), Protein("c", "AAA")]
    assert [p.id for p in draw_by_type(proteins, {})] == ["b"]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = list(read_labelled(SET))
    helical = [p for p in every if protein_type(p.labels or "") == "TM"]
    (tmp_path / "similar.tsv").write_text(
        f"id\tsimilar_folds\n{helical[0].id}\tcv4\n{helical[1].id}\tcv1,cv0\n"
    )
    output = tmp_path / "out" / "drawn.3line"
    arguments = ["data", "sample", SET, "-o", output, "--share", "GLOB=0, SP=0.5"]
    similar = ["--similar-to", tmp_path / "similar.tsv", "--apart", "cv4"]
    assert command(*arguments, *similar, "--longest", "2000") == 0
    drawn = list(read_three_line(output))
    before, after = types_of(every), types_of(drawn)
    assert after["GLOB"] == 0
    assert 0 < after["SP"] < before["SP"]
    assert after["TM"] == before["TM"] - 1
    assert after["BETA"] == before["BETA"]
    rows = (tmp_path / "out" / "drawn_similar_folds.tsv").read_text().splitlines()
    assert rows[0] == "id\tsimilar_folds"
    assert [row.split("\t")[0] for row in rows[1:]] == [p.id for p in drawn]
    assert f"{helical[1].id}\tcv0,cv1" in rows
    counted = ", ".join(f"{after[kind]} {kind}" for kind in TYPES if after[kind])
    assert capsys.readouterr().out.strip() == f"{output}: {len(drawn)} proteins ({counted})"


def test_sure_predictions_only(tmp_path: Path) -> None:
    fasta = bundled("example") / "proteins.fasta"
    formats = ["--format", "3line", "--format", "summary", "--plots", "none"]
    assert command("predict", fasta, "-o", tmp_path / "found", *formats) == 0
    found, summary = (
        tmp_path / "found" / name for name in ("predicted_topologies.3line", "summary.tsv")
    )
    with summary.open() as stream:
        sure = {
            row["id"]: float(row["confidence"]) for row in csv.DictReader(stream, delimiter="\t")
        }
    middle = sorted(sure.values())[len(sure) // 2]
    options = ["--summary", summary, "--confidence", middle, "-o", tmp_path / "drawn.3line"]
    assert command("data", "sample", found, *options) == 0
    drawn = {protein.id for protein in read_three_line(tmp_path / "drawn.3line")}
    assert drawn == {name for name, confidence in sure.items() if confidence >= middle}
    assert 0 < len(drawn) < len(sure)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id\tconfidence\n", ":1: found another first line, expected that of a summary.tsv"),
        (SUMMARY_HEADER + "a\tTM\t9\tsure\n", ":2: found 'a\\tTM\\t9\\tsure', expected a row"),
        (SUMMARY_HEADER + "a\tTM\n", ":2: found 'a\\tTM', expected a row of a summary.tsv"),
    ],
)
def test_damaged_summary(
    table: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "summary.tsv").write_text(table)
    options = ["--summary", tmp_path / "summary.tsv", "--confidence", "0.5"]
    assert command("data", "sample", SET, "-o", tmp_path / "drawn.3line", *options) == 2
    assert f"summary.tsv{message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--confidence", "0.5"], "found one of --confidence and --summary, expected both"),
        (["--share", "GLOBE=0.5"], "--share: found 'GLOBE=0.5', expected TYPE=SHARE with one of"),
        (["--share", "SP=2"], "--share: found 'SP=2', expected TYPE=SHARE"),
        (["--share", "SP=nan"], "--share: found 'SP=nan', expected TYPE=SHARE"),
        (["--share", "SP"], "--share: found 'SP', expected TYPE=SHARE"),
        (["--apart", "cv4"], "found --apart without --similar-to, expected both"),
    ],
)
def test_wrong_options(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "drawn.3line"
    assert command("data", "sample", SET, "-o", output, *options) == 2
    found = capsys.readouterr().err
    assert message in found
    assert found.count("\n") == 1
    assert not output.exists()
