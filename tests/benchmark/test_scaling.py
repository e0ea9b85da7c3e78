"""Figures of docs/scaling.md; every test prints what it measures (pytest -s -m benchmark)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path

import pytest
from conftest import command
from shard_files import many_proteins, run_together, words

from topo.benchmark.proteins import synthetic_proteins
from topo.inference.batches import cut_window, read_windows
from topo.inference.memory import FASTEST
from topo.io.fasta import write_fasta
from topo.protein import Protein
from topo.shards.planning import divided

pytestmark = pytest.mark.benchmark
COUNT = int(os.environ.get("TOPO_BENCH_PROTEINS", "4000"))


def cpu(source: Path, folder: Path, *more: object) -> float:
    """CPU seconds of a run of shards in one process."""
    return run_together([words(source, folder, "--format", "tsv", *more)])[0].cpu


def write(proteins: Sequence[Protein], path: Path) -> int:
    """Write proteins, and return their number of residues."""
    write_fasta(proteins, path)
    return sum(map(len, proteins))


def test_cpu_time_of_start_planning_and_prediction(tmp_path: Path) -> None:
    few, many = tmp_path / "few.fasta", tmp_path / "many.fasta"
    write(synthetic_proteins(1), few)
    residues = write(synthetic_proteins(COUNT), many)
    planned = write(synthetic_proteins(10 * COUNT, 1), tmp_path / "planned.fasta")
    start = cpu(few, tmp_path / "start", "--plan-only")
    planning = cpu(tmp_path / "planned.fasta", tmp_path / "plan", "--plan-only") - start
    prediction = cpu(many, tmp_path / "all") - start - planning * residues / planned
    print(
        f"\nstart {start:.1f} CPU s; planning {planned / planning / 1e6:.1f} million residues per "
        f"CPU s; prediction {residues / prediction:,.0f} residues per CPU s"
    )
    assert start < 20
    assert planned / planning > 50 * residues / prediction, "one planner feeds 50 processes"


@pytest.mark.parametrize("repeats", [False, True], ids=["distinct", "repeated"])
def test_work_in_shards_of_a_size(repeats: bool) -> None:
    """Padded residues and batches that the model computes, relative to one shard; no clock."""
    proteins = many_proteins(4000) if repeats else synthetic_proteins(4000)
    residues = sum(map(len, proteins))
    whole = work([proteins])
    print()
    for shards in (2, 4, 8, 16):
        padded, batches = work(divided(proteins, ceil(residues / shards)))
        print(
            f"{'repeated' if repeats else 'distinct'}: {residues / shards / 1000:,.0f} thousand "
            f"residues per shard: {padded / whole[0]:.3f} of the padded residues and "
            f"{batches / whole[1]:.3f} of the batches of one shard"
        )
        assert shards > 4 or padded < 1.02 * whole[0], "shards of a window cost nothing"


def work(shards: Iterable[list[Protein]]) -> tuple[int, int]:
    """Number of padded residues, and of batches, that the model computes for shards."""
    windows = (window for shard in shards for window in read_windows(shard))
    batches = [
        [len(protein) for protein in batch.proteins]
        for window in windows
        for batch in cut_window(window, FASTEST, False, {}).batches
    ]
    return sum(max(lengths) * len(lengths) for lengths in batches), len(batches)


@pytest.mark.parametrize("form", ["parquet", "tsv", "probabilities"])
def test_sizes_per_million_proteins(form: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "all.fasta", tmp_path / "shards"
    count = 500 if form == "probabilities" else 2_000
    residues = write(synthetic_proteins(count), source) / count
    more = ["--probabilities", "parquet"] if form == "probabilities" else ["--format", form]
    assert command("predict", source, "--shards", folder, *more) == 0
    assert command("shards", "merge", folder) == 0
    (merged,) = folder.glob("predictions.*")
    sizes = [merged.stat().st_size, sum(p.stat().st_size for p in (folder / "inputs").iterdir())]
    output, sequences = (size / count for size in sizes)
    print(
        f"\n{form}: {output:.0f} bytes per protein of {residues:.0f} residues, "
        f"{output / 1000:.2f} GB per million; sequences {sequences:.0f} bytes"
    )
    assert output < (20_000 if form == "probabilities" else 500)
