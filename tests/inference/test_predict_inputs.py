"""``topo predict`` on unusual inputs and into folders that hold files already."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command
from structure_files import pdb_text

CASES = ROOT / "tests" / "cases"
FASTA = ">a\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSA\n"
HELIX = "MKTLLVAGLLIVAGLLIVAG"


def predict(model: Path, source: object, folder: Path, *more: object) -> int:
    return command("predict", source, "-o", folder, "--model", model, *more)


def summary(folder: Path) -> dict[str, int]:
    with open(folder / "summary.tsv", newline="") as file:
        return {row["id"]: int(row["length"]) for row in csv.DictReader(file, delimiter="\t")}


def test_pipes_are_read_like_files(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(FASTA)
    topo = f"{sys.executable} -m topo predict"
    more = f"--model {model} --format summary"
    lines = [
        f"{topo} <(cat {tmp_path}/a.fasta) -o {tmp_path}/1 {more}",
        f"cat {tmp_path}/a.fasta | {topo} /dev/stdin -o {tmp_path}/2 {more}",
        f"gzip -c {tmp_path}/a.fasta | {topo} - -o {tmp_path}/3 {more}",
    ]
    for number, line in enumerate(lines, 1):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert summary(tmp_path / str(number)) == {"a": 30}


def test_checksums_of_piped_inputs_are_those_of_the_content(tmp_path: Path) -> None:
    three_line = tmp_path / "x.3line"
    three_line.write_text(f">a\n{'A' * 30}\n{'I' * 30}\n")
    inputs = f"--truth <(cat {three_line}) --predictions <(cat {three_line}) --resamples 0"
    line = f"{sys.executable} -m topo evaluate {inputs} -o {tmp_path / 'out'}"
    subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    from topo.io.files import sha256

    text = (tmp_path / "out" / "metrics.json").read_text()
    assert text.count(sha256(three_line)) == 2


def test_a_structure_on_standard_input(model: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "topo", "predict", "-", "-o", str(tmp_path)]
    options = ["--model", str(model), "--format", "summary", "--structure-files"]
    text = pdb_text(HELIX)
    done = subprocess.run([*line, *options], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(summary(tmp_path).values()) == [20]
    assert len(list((tmp_path / "structures").glob("*.pdb"))) == 1


def test_faulty_records_are_named_and_can_be_left_out(model, tmp_path: Path, capsys) -> None:
    case = CASES / "one_empty_record.faa"
    assert predict(model, case, tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"topo: {case}:3: b has no residues; --skip-invalid leaves")
    assert list(tmp_path.iterdir()) == []
    assert predict(model, case, tmp_path, "--skip-invalid", "--format", "summary") == 0
    assert summary(tmp_path) == {"a": 30, "c": 33}
    table = tmp_path / "invalid.tsv"
    assert f"left out 1 faulty record (b), listed in {table}" in capsys.readouterr().err
    assert table.read_text() == (f"record\tline\treason\tfile\nb\t3\tb has no residues\t{case}\n")
    (tmp_path / "a.fasta").write_text(FASTA)
    assert predict(model, tmp_path / "a.fasta", tmp_path, "--format", "summary") == 0
    assert not table.exists()


def test_stops_can_be_masked(model: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(">a\nMKTL*LTLVVVT\n")
    assert predict(model, path, tmp_path / "out") == 2
    assert "--mask-stops reads stops within a sequence as X" in capsys.readouterr().err
    assert predict(model, path, tmp_path / "out", "--mask-stops", "--format", "summary") == 0
    assert summary(tmp_path / "out") == {"a": 12}


def test_nucleotides_are_refused(model: Path, tmp_path: Path, capsys) -> None:
    case = CASES / "nt_cds.fna"
    assert predict(model, case, tmp_path / "out") == 2
    assert "2 of 2 records are nucleotides" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    allowed = ["--allow-nucleotides", "--format", "summary"]
    assert predict(model, case, tmp_path / "out", *allowed) == 0


def test_the_input_format_can_be_forced(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(">a\nSPSSPPSS\nSPSSPPSS\n")
    for form, length in (("fasta", 16), ("3line", 8)):
        forced = ["--input-format", form, "--format", "summary"]
        assert predict(model, path, tmp_path / form, *forced) == 0
        assert summary(tmp_path / form) == {"a": length}


def test_an_empty_path_is_refused(model: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fasta").write_text(FASTA)
    assert predict(model, "", tmp_path / "out") == 2
    assert "found an empty path" in capsys.readouterr().err


def test_output_into_the_input_folder_and_again(model, tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "a.fasta").write_text(FASTA)
    (tmp_path / "x.pdb").write_text(pdb_text(HELIX))
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        assert predict(model, ".", Path(), "--structure-files", "--format", "3line",
                       "--format", "summary", "--format", "mature") == 0  # fmt: skip
        assert summary(tmp_path) == {"a": 30, "x": 20}
    assert "structures/x.pdb: an output of topo" in capsys.readouterr().err
    for _ in range(2):
        assert predict(model, ".", Path("out"), "--structure-files", "--format", "summary") == 0
        assert summary(tmp_path / "out") == {"a": 30, "x": 20}


def test_pictures_are_drawn_only_when_asked_for(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(FASTA)
    assert predict(model, tmp_path / "a.fasta", tmp_path / "out", "--format", "summary") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["summary.tsv"]


def test_files_of_an_earlier_run_are_named(model: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    for name in ("a", "b"):
        (tmp_path / f"{name}.fasta").write_text(FASTA.replace(">a", f">{name}"))
    options = ["--probabilities", "csv", "--plots", "all", "--format", "summary"]
    assert predict(model, tmp_path / "a.fasta", out, *options) == 0
    assert predict(model, tmp_path / "a.fasta", out, *options) == 0
    assert "earlier run" not in capsys.readouterr().err
    assert predict(model, tmp_path / "b.fasta", out, *options) == 0
    error = capsys.readouterr().err
    found = "3 files of an earlier run are still there (a_probs.csv, plots/a_snake.png, plots/a"
    assert found in error


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_temporary_files_of_a_killed_run_are_removed(resume, model, tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(FASTA)
    out = tmp_path / "out"
    (out / "plots").mkdir(parents=True)
    own = [".predicted_topologies.3line.i7q8se2s.3line", ".summary.tsv.abcdefg_.tsv"]
    own += [
        ".a_probs.csv.abcdefgh.csv",
        f".{'x' * 64}.abcdefgh.csv",
        "plots/.a_snake.png.abc12345.png",
    ]
    users = [".mine.abcdefgh.tsv", ".summary.tsv.swp", "plots/.b.png"]
    for name in (*own, *users):
        (out / name).write_text("")
    assert predict(model, tmp_path / "a.fasta", out, "--format", "summary", *resume) == 0
    left = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert left == {*users, "summary.tsv"}


def test_a_linked_output_folder_and_the_umask(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(FASTA)
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    assert predict(model, tmp_path / "a.fasta", tmp_path / "linked", "--format", "summary") == 0
    assert summary(tmp_path / "real") == {"a": 30}
    shutil.rmtree(tmp_path / "real")
    old = os.umask(0o007)
    try:
        assert predict(model, tmp_path / "a.fasta", tmp_path / "real", "--format", "summary") == 0
    finally:
        os.umask(old)
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o770
    assert (tmp_path / "real" / "summary.tsv").stat().st_mode & 0o777 == 0o660


def test_several_inputs_are_refused_with_what_to_do(tmp_path: Path, capsys) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.fasta").write_text(f">{name}\nMKT\n")
    files = [tmp_path / "a.fasta", tmp_path / "b.fasta"]
    assert command("predict", *files, "-o", tmp_path / "out") == 2
    error = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "found 2 inputs, expected one: give a folder that holds the files, join them" in error
    assert not (tmp_path / "out").exists()
