"""Speed and memory of shards; every test prints what it measures (pytest -s -m benchmark)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
TURNS = int(os.environ.get("TOPO_BENCH_TURNS", "2"))
SHARDS = 4
"""Shards of equal size, an even number, so that no process is idle at the end."""


def _rates(folders: Sequence[Path]) -> list[float]:
    """Residues per second of each folder in the time in which all of them had shards at work."""
    spans = [_spans(ShardFolder.open(folder)) for folder in folders]
    start = max(min(span[0] for span in of_one) for of_one in spans)
    end = min(max(span[1] for span in of_one) for of_one in spans)
    assert end > start, "the runs have not overlapped"
    return [
        sum(n * max(0.0, min(t1, end) - max(t0, start)) / (t1 - t0) for t0, t1, n in of_one)
        / (end - start)
        for of_one in spans
    ]


def _spans(shards: ShardFolder) -> list[tuple[float, float, int]]:
    """Start, end and residues of each shard."""
    ends = [shards.receipt_path(i).stat().st_mtime for i in range(len(shards))]
    receipts = [shards.receipt(i) for i in range(len(shards))]
    return [(e - r.seconds, e, r.residues) for e, r in zip(ends, receipts, strict=True)]


def _equal(proteins: Sequence[Protein], shards: int = SHARDS) -> int:
    """Return the number of residues with which the proteins make that many shards."""
    return ceil(sum(map(len, proteins)) / shards)


def test_two_processes_on_shards_are_as_fast_as_two_runs(tmp_path: Path) -> None:
    """All four at once, so that other work of the computer slows both sides alike."""
    proteins = synthetic_proteins(COUNT)  # without repeats, which one run would compute once
    residues = _equal(proteins)
    write_fasta(proteins, tmp_path / "all.fasta")
    for index in range(2):
        write_fasta(proteins[index::2], tmp_path / f"half{index}.fasta")
    predict = [sys.executable, "-m", "topo", "predict"]
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for turn in range(TURNS):
        more = ["--format", "summary", "--threads", 1]
        runs = [
            [*predict, tmp_path / f"half{i}.fasta", "-o", tmp_path / f"out{turn}{i}", *more]
            for i in range(2)
        ]
        more = ["--format", "tsv", "--shard-residues", residues]
        line = words(tmp_path / "all.fasta", tmp_path / f"shards{turn}", *more)
        for total, times in zip(sums, run_together(runs, [line, line]), strict=True):
            total[0] += times.wall
            total[1] += times.cpu
        wall, cpu = (first / second for first, second in zip(*sums, strict=True))
        print(f"\ntwo runs over two processes on shards: seconds {sums}, wall ratio {wall:.3f}, "
              f"CPU ratio {cpu:.3f}")  # fmt: skip
    assert wall >= 0.95


def test_ray_with_two_actors_is_nearly_as_fast_as_two_processes(tmp_path: Path) -> None:
    """Both at once, in the time in which both have shards at work."""
    pytest.importorskip("ray")
    source = tmp_path / "all.fasta"
    proteins = synthetic_proteins(COUNT)
    write_fasta(proteins, source)
    residues = _equal(proteins, 2 * SHARDS)
    sums = [0.0, 0.0]
    for turn in range(TURNS):
        folders = [tmp_path / f"{engine}{turn}" for engine in ("plain", "ray")]
        plain, ray = (
            words(source, folder, "--shard-residues", residues, "--workers", 2)
            for folder in folders
        )
        with ThreadPoolExecutor(1) as thread:  # Ray starts slowly, and therefore first
            running = thread.submit(run_together, [[*ray, "--engine", "ray"]])
            while not list((folders[1] / "claims").glob("0*")) and not running.done():
                time.sleep(0.1)
            run_together([plain])
            running.result()
        sums = [total + rate for total, rate in zip(sums, _rates(folders), strict=True)]
        print(f"\nresidues per second while both predict: {sums[0] / (turn + 1):.0f}, "
              f"{sums[1] / (turn + 1):.0f} with Ray, ratio {sums[1] / sums[0]:.3f}")  # fmt: skip
    assert sums[1] / sums[0] >= 0.85


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
