"""Files of many proteins, and processes of ``topo predict --shards`` that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from conftest import ROOT, command

from topo.benchmark.proteins import synthetic_proteins
from topo.io import read_proteins
from topo.io.fasta import write_fasta
from topo.protein import Protein
from topo.resources import bundled

RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Variables of Ray: its actors share a crowded machine with other processes as equals."""

EXAMPLE = bundled("example") / "proteins.fasta"


def many_proteins(count: int, seed: int = 0) -> list[Protein]:
    """Return the example set, repeated in half of the number, and random sequences; unique ids."""
    example = list(read_proteins(EXAMPLE))
    found = [
        Protein(
            f"{example[i % len(example)].id}_{i // len(example)}",
            example[i % len(example)].sequence,
        )
        for i in range(count // 2)
    ]
    found += synthetic_proteins(count - len(found), seed)
    random.Random(seed).shuffle(found)
    return found


def write_many(path: Path, count: int) -> Path:
    write_fasta(many_proteins(count), path)
    return path


def words(source: Path, folder: Path, *more: object) -> list[str]:
    line = [sys.executable, "-m", "topo", "predict", source, "--shards", folder, *more]
    return [str(word) for word in line]


def start(line: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def receipts(folder: Path) -> int:
    """Number of complete shards."""
    return len(list((folder / "shards").glob("[0-9]*.json")))


def completed(folder: Path) -> dict[str, int]:
    """Names of all receipts, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "shards").glob("[0-9]*.json")}


def merged(folder: Path) -> bytes:
    """Merge a folder of Parquet shards and return the bytes of the file."""
    assert command("shards", "merge", folder) == 0
    return (folder / "predictions.parquet").read_bytes()


def by_one_process(folder: Path, model: Path) -> tuple[Path, bytes]:
    """Write 20,000 proteins; return their file and the merged predictions of one process."""
    source = write_many(folder / "many.fasta", 20_000)
    more = ["--model", model, "--shard-residues", 200_000]
    assert command("predict", source, "--shards", folder / "shards", *more) == 0
    return source, merged(folder / "shards")


def check_union(folder: Path, source: Path, expected: bytes) -> None:
    """Check that merged shards have the expected bytes, and each protein once, in its order."""
    from pyarrow import parquet

    assert merged(folder) == expected
    rows = parquet.read_table(folder / "predictions.parquet")["id"].to_pylist()
    assert rows == [protein.id for protein in read_proteins(source)]
    assert len(set(rows)) == len(rows)


def wait_for_receipts(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until some shards are complete, or the process has ended."""
    deadline = time.monotonic() + 1200
    while receipts(folder) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def kill(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


class Timed(NamedTuple):
    """Wall time and CPU time of the processes of a command, in seconds."""

    wall: float
    cpu: float


def run_together(*groups: Sequence[Sequence[object]]) -> list[Timed]:
    """Run the commands of all groups side by side; return the times of each group."""
    with ThreadPoolExecutor(sum(map(len, groups))) as threads:
        running = [[threads.submit(_timed, line) for line in group] for group in groups]
        times = [[thread.result() for thread in group] for group in running]
    return [Timed(max(t.wall for t in group), sum(t.cpu for t in group)) for group in times]


def _timed(line: Sequence[object]) -> Timed:
    """Run a command; its CPU time contains that of its children."""
    environment = {**os.environ, **RAY, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as errors:
        since = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in line], env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, state, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - since
        process.returncode = os.waitstatus_to_exitcode(state)
        errors.seek(0)
        assert process.returncode == 0, errors.read().decode()
    return Timed(wall, used.ru_utime + used.ru_stime)
