"""Speed, memory and size of shards; every test prints what it measures (pytest -s -m benchmark)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import ROOT, command
from shard_files import many_proteins, words

from topo.benchmark.proteins import synthetic_proteins
from topo.io.fasta import write_fasta
from topo.shards.folder import ShardFolder

pytestmark = pytest.mark.benchmark
COUNT = int(os.environ.get("TOPO_BENCH_PROTEINS", "4000"))
RESIDUES = 500_000
"""Residues per shard: a window of about 1,000 proteins, as whole as in a run without shards."""


def _together(lines: list[list[object]]) -> tuple[float, float]:
    """Run commands side by side; return wall time and CPU time, in seconds."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before, since = os.times(), time.monotonic()
    running = [
        subprocess.Popen(
            [str(word) for word in line],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for line in lines
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    after, wall = os.times(), time.monotonic() - since
    cpu = after.children_user + after.children_system - before.children_user
    return wall, cpu - before.children_system


def _steady(folder: Path) -> float:
    """Residues per second between the first and the last shard, without start and end."""
    shards = ShardFolder.open(folder)
    ends = sorted(
        (shards.receipt_path(i).stat().st_mtime, shards.receipt(i).residues)
        for i in range(len(shards))
    )
    return sum(residues for _, residues in ends[1:]) / (ends[-1][0] - ends[0][0])


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
    for index, half in enumerate(halves):
        write_fasta(half, tmp_path / f"half{index}.fasta")
    write_fasta(proteins, tmp_path / "all.fasta")
    turn = iter(range(100))

    def runs() -> tuple[float, float]:
        more = ["--format", "summary", "--threads", 1]
        return _together(
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
        more = ["--format", "tsv", "--shard-residues", RESIDUES]
        line = words(tmp_path / "all.fasta", tmp_path / f"shards{next(turn)}", *more)
        return _together([line, line])

    ratios = _ratio("two runs over two processes on shards", [runs, shards])
    assert ratios[0] >= 0.95


def test_ray_with_two_actors_is_nearly_as_fast_as_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    source = tmp_path / "all.fasta"
    write_fasta(synthetic_proteins(COUNT), source)
    folders: dict[str, list[Path]] = {"plain": [], "ray": []}

    def run(kind: str, *more: object) -> tuple[float, float]:
        folder = tmp_path / f"{kind}{len(folders[kind])}"
        folders[kind].append(folder)
        line = words(source, folder, "--shard-residues", RESIDUES, "--workers", 2, *more)
        return _together([line])

    _ratio("two processes over Ray", [lambda: run("plain"), lambda: run("ray", "--engine", "ray")])
    plain, ray = (sum(map(_steady, folders[kind])) for kind in ("plain", "ray"))
    print(f"residues per second between first and last shard: {plain:.0f} and {ray:.0f} with Ray, "
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
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split()[-1]) / 1024)
    print(f"\n{engine}: peak memory of the driver {peaks[0]:.0f} and {peaks[1]:.0f} MB")
    assert all(later < 1.05 * before for before, later in pairwise(peaks))


@pytest.mark.parametrize("form", ["parquet", "tsv", "probabilities"])
def test_sizes_per_million_proteins(form: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "all.fasta", tmp_path / "shards"
    count = 500 if form == "probabilities" else 2_000
    write_fasta(many_proteins(count), source)
    more = ["--probabilities", "parquet"] if form == "probabilities" else ["--format", form]
    assert command("predict", source, "--shards", folder, *more) == 0
    assert command("shards", "merge", folder) == 0
    (merged,) = folder.glob("predictions.*")
    sizes = [merged.stat().st_size, sum(p.stat().st_size for p in (folder / "inputs").iterdir())]
    per_million = [size / count * 1e6 / 1e9 for size in sizes]
    residues = ShardFolder.open(folder).manifest.residues / count
    print(f"\n{form}: {per_million[0]:.2f} GB per million proteins of {residues:.0f} residues; "
          f"sequences {per_million[1]:.2f} GB")  # fmt: skip
    assert per_million[0] < (20 if form == "probabilities" else 0.5)
