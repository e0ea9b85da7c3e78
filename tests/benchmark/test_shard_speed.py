"""Speed and memory of shards; every test prints what it measures (pytest -s -m benchmark)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest
from conftest import ROOT
from shard_files import RAY, run_together, words

from topo.benchmark.proteins import synthetic_proteins
from topo.io.fasta import write_fasta
from topo.protein import Protein
from topo.shards.folder import ShardFolder

pytestmark = pytest.mark.benchmark
COUNT = int(os.environ.get("TOPO_BENCH_PROTEINS", "4000"))
SHARDS = 4
"""Shards of equal size, an even number, so that no process is idle at the end."""


def _steady(folder: Path) -> float:
    """Residues per second from the start of the first shard to the end of the last."""
    shards = ShardFolder.open(folder)
    receipts = [shards.receipt(i) for i in range(len(shards))]
    ends = [shards.receipt_path(i).stat().st_mtime for i in range(len(shards))]
    starts = [end - receipt.seconds for end, receipt in zip(ends, receipts, strict=True)]
    return shards.manifest.residues / (max(ends) - min(starts))


def _equal(proteins: Sequence[Protein], shards: int = SHARDS) -> int:
    """Return the number of residues with which the proteins make that many shards."""
    return ceil(sum(map(len, proteins)) / shards)


def _ratio(
    name: str, sides: list[Callable[[], tuple[float, float]]], turns: int = 2
) -> list[float]:
    """Measure two sides in turn; return the ratios of wall and CPU time, first over second."""
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for _ in range(turns):
        for total, side in zip(sums, sides, strict=True):
            for place, seconds in enumerate(side()):
                total[place] += seconds
    ratios = [first / second for first, second in zip(*sums, strict=True)]
    print(f"\n{name}: seconds {sums}, wall ratio {ratios[0]:.3f}, CPU ratio {ratios[1]:.3f}")
    return ratios


def test_two_processes_on_shards_are_as_fast_as_two_runs(tmp_path: Path) -> None:
    proteins = synthetic_proteins(COUNT)  # without repeats, which one run would compute once
    halves = [proteins[::2], proteins[1::2]]
    residues = _equal(proteins)
    for index, half in enumerate(halves):
        write_fasta(half, tmp_path / f"half{index}.fasta")
    write_fasta(proteins, tmp_path / "all.fasta")
    turn = iter(range(100))

    def runs() -> tuple[float, float]:
        more = ["--format", "summary", "--threads", 1]
        return run_together(
            [
                [
                    *(sys.executable, "-m", "topo", "predict", tmp_path / f"half{i}.fasta"),
                    *("-o", tmp_path / f"out{next(turn)}"),
                    *more,
                ]
                for i in range(2)
            ]
        )

    def shards() -> tuple[float, float]:
        more = ["--format", "tsv", "--shard-residues", residues]
        line = words(tmp_path / "all.fasta", tmp_path / f"shards{next(turn)}", *more)
        return run_together([line, line])

    ratios = _ratio("two runs over two processes on shards", [runs, shards])
    assert ratios[0] >= 0.95


def test_ray_with_two_actors_is_nearly_as_fast_as_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    source = tmp_path / "all.fasta"
    proteins = synthetic_proteins(COUNT)
    write_fasta(proteins, source)
    residues = _equal(proteins, 2 * SHARDS)
    folders: dict[str, list[Path]] = {"plain": [], "ray": []}

    def run(kind: str, *more: object) -> tuple[float, float]:
        folder = tmp_path / f"{kind}{len(folders[kind])}"
        folders[kind].append(folder)
        line = words(source, folder, "--shard-residues", residues, "--workers", 2, *more)
        return run_together([line])

    _ratio("two processes over Ray", [lambda: run("plain"), lambda: run("ray", "--engine", "ray")])
    plain, ray = (sum(map(_steady, folders[kind])) for kind in ("plain", "ray"))
    print(f"residues per second without start and end: {plain:.0f}, {ray:.0f} with Ray, "
          f"ratio {ray / plain:.3f}")  # fmt: skip
    assert ray / plain >= 0.85


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_memory_of_the_driver_does_not_grow_with_the_proteins(engine: str, tmp_path: Path) -> None:
    """The sequences are short: their number counts."""
    if engine == "ray":
        pytest.importorskip("ray")
    peaks = []
    for count in (10_000, 100_000):
        source, folder = tmp_path / f"{count}.fasta", tmp_path / f"shards{count}"
        with open(source, "w") as file:
            for number in range(count):
                file.write(
                    f">protein{number:09d}\nMKTLLVAGSAWFLIVGLLAVFSPRQNDKE{number % 7 * 'A'}\n"
                )
        more = ["--shard-residues", 100_000, "--workers", 2, "--engine", engine]
        code = (
            "import resource, sys; from topo.cli.main import main\n"
            "try: main()\n"
            "except SystemExit as end: assert not end.code\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        line = [sys.executable, "-c", code, *words(source, folder, *more)[3:]]
        environment = {**os.environ, **RAY, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split()[-1]) / 1024)
    print(f"\n{engine}: peak memory of the driver {peaks[0]:.0f} and {peaks[1]:.0f} MB")
    assert all(later < 1.05 * before for before, later in pairwise(peaks))
