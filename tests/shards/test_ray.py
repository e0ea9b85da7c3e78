"""Shards on a Ray cluster of this machine: engines change in a run, nodes and the driver die."""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, command
from shard_files import (
    EXAMPLE,
    RAY,
    by_one_process,
    check_union,
    completed,
    kill,
    many_proteins,
    merged,
    receipts,
    start,
    words,
)

from topo.io.fasta import write_fasta
from topo.shards.checks import status
from topo.shards.folder import ShardFolder

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'topo-membrane[ray]')")
pytest.importorskip("pyarrow")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Three node processes with a core each."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, value in RAY.items():
        monkeypatch.setenv(name, value)
    found = _started_cluster()
    yield found
    found.shutdown()


def _started_cluster(tries: int = 3):
    """Start the nodes; again if one needs more than Ray's 30 s on a crowded machine."""
    from ray.cluster_utils import Cluster

    found = Cluster()
    try:
        for _ in range(3):
            found.add_node(
                num_cpus=1, object_store_memory=100_000_000, include_dashboard=False, wait=True
            )
    except Exception:
        found.shutdown()
        if tries == 1:
            raise
        return _started_cluster(tries - 1)
    return found


@pytest.fixture
def autoscaler() -> Iterator[list[str]]:
    """What Ray warns of the settings of a pool, such as that it cannot grow."""
    from ray.data._internal.actor_autoscaler import default_actor_autoscaler

    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())
    logger = logging.getLogger(default_actor_autoscaler.__name__)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


def kill_node(cluster, number: int) -> set[int]:
    """End the raylet of a worker node and its actors by SIGKILL; return their process ids."""
    node = cluster.list_all_nodes()[number]
    raylet = node.all_processes["raylet"][0].process.pid
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    ended = [raylet, *map(int, children)]
    for process in ended:
        os.kill(process, signal.SIGKILL)
    return set(ended)


@pytest.mark.slow
def test_a_run_begins_with_one_engine_and_ends_with_the_other(
    model: Path, tmp_path: Path, autoscaler: list[str]
) -> None:
    more = ["--model", model, "--shard-residues", 4000]
    alone, folder = tmp_path / "alone", tmp_path / "shards"
    assert command("predict", EXAMPLE, "--shards", alone, *more) == 0
    assert command("predict", EXAMPLE, "--shards", folder, *more, "--shard-index", 3) == 0
    before = (folder / "shards" / "000003.json").stat().st_mtime_ns
    assert command("predict", EXAMPLE, "--shards", folder, *more, "--engine", "ray") == 0
    assert (folder / "shards" / "000003.json").stat().st_mtime_ns == before
    assert merged(folder) == merged(alone)
    assert autoscaler == [], "the pool of actors can grow"


def test_no_cluster_at_the_address_is_one_line(model: Path, tmp_path: Path, capsys) -> None:
    more = ["--model", model, "--engine", "ray", "--address", "auto"]
    assert command("predict", EXAMPLE, "--shards", tmp_path / "shards", *more) == 2
    error = capsys.readouterr().err
    assert "--address: no Ray cluster at auto" in error.splitlines()[-1]


def survive(source: Path, model: Path, folder: Path, cluster, seed: int, residues: int) -> int:
    """Complete shards while a worker node and then the driver are killed at random moments.

    Returns the largest number of actors that were at work at a time.
    """
    chance = random.Random(seed)
    more = ["--model", model, "--shard-residues", residues, "--engine", "ray"]
    line = words(source, folder, *more, "--address", cluster.address)
    assert command(*line[3:-4], "--plan-only") == 0
    shards = ShardFolder.open(folder)
    moments = sorted(chance.randint(0, len(shards) * 3 // 4) for _ in range(2))
    driver = start(line)
    most = _watch(shards, moments[0], driver, chance)
    working = _at_work(shards)
    lost = working & kill_node(cluster, chance.randint(1, 2))
    _watch(shards, moments[1], driver, chance)
    assert driver.poll() is None, "the driver ended before it was killed"
    kill(driver)
    before = completed(folder)
    again = start(line)
    most = max(most, _watch(shards, len(shards), again))
    _, errors = again.communicate()
    assert again.returncode == 0, errors.decode()
    assert before.items() <= completed(folder).items(), "no complete shard is predicted again"
    assert len(completed(folder)) == len(shards)
    print(f"\n{len(shards)} shards, {most} actors at a time; {len(lost)} of {len(working)} at work "
          f"lost with the node after {moments[0]} shards, the driver killed after {moments[1]}"
          f", {len(before)} complete then")  # fmt: skip
    return most


def _at_work(shards: ShardFolder) -> set[int]:
    """Process ids of the actors that have claimed a shard."""
    return {owner.process for owner in status(shards).owners.values()}


def _watch(shards: ShardFolder, count: int, driver, chance: random.Random | None = None) -> int:
    """Wait until some shards are complete, and up to 4 s longer; most actors at work at a time."""
    most, deadline = 0, time.monotonic() + 1800
    while receipts(shards.path) < count and driver.poll() is None and time.monotonic() < deadline:
        most = max(most, len(_at_work(shards)))
        time.sleep(0.1)
    time.sleep(4 * chance.random() if chance else 0)
    return most


@pytest.mark.slow
def test_a_node_and_the_driver_die(cluster, model: Path, tmp_path: Path) -> None:
    source, folder, alone = tmp_path / "in.fasta", tmp_path / "shards", tmp_path / "alone"
    write_fasta(many_proteins(2_000), source)
    survive(source, model, folder, cluster, 0, 40_000)
    more = ["--model", model, "--shard-residues", 40_000]
    assert command("predict", source, "--shards", alone, *more) == 0
    assert merged(folder) == merged(alone)


@pytest.fixture(scope="module")
def alone(model: Path, tmp_path_factory) -> tuple[Path, bytes]:
    return by_one_process(tmp_path_factory.mktemp("alone"), model)


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(10))
def test_kills_at_random_moments(
    seed: int, alone: tuple[Path, bytes], cluster, model: Path, tmp_path: Path
) -> None:
    source, expected = alone
    folder = tmp_path / "shards"
    most = survive(source, model, folder, cluster, seed, 200_000)
    assert most > 1, "the pool of actors has grown"
    check_union(folder, source, expected)
