"""Runs killed at any moment, resumed, and compared with one that nothing disturbed, file by file.

TMPDIR is on another file system than the runs. One kill of each verb runs with every test run; ten
of each signal and verb are ``pytest -m endurance``.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import yaml
from processes import SIGNALS, Processes, processes

from topo.residues import AMINO_ACIDS

SMALL = [
    *("--gcs=4", "--lstm=4", "--layers=1", "--batch=6", "--threads=1", "--precision=32"),
]  # fmt: skip
VOLATILE = {"seconds", "seconds_of_one", "times", "cost"}
"""Keys of JSON files that hold measured times."""

VERBS = ("train", "pretrain", "cv", "sweep")


class Bench(NamedTuple):
    """A folder with inputs, and the processes that work in it."""

    folder: Path
    temporary: Path
    started: Processes

    def words(self, verb: str, resume: bool = False) -> list[str]:
        """Return the command line of a verb, which writes to the folder ``out``."""
        out, data = str(self.folder / "out"), str(self.folder / "set.json")
        training = [*SMALL, "--data", data, "--set=sampling.samples=12"]
        if verb == "train":
            if resume and (self.folder / "out" / "run" / "config.yaml").is_file():
                return ["train", "--resume", f"{out}/run"]
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            return ["train", *training, "--epochs=4", "-o", out, "--name", "run"]
        if verb == "pretrain":
            if resume and (self.folder / "out" / "config.yaml").is_file():
                return ["pretrain", "--resume", "-o", out]
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            options = ["--residues=12000", "--interval=3000", "--crop=64"]
            options += ["--set=pretraining.batch_residues=512", "-o", out]
            return ["pretrain", str(self.folder / "corpus.fasta"), *SMALL[:3], *SMALL[4:], *options]
        if verb == "cv":
            options = ["--validation=share", "--epochs=2", "--resamples=10"]
            return ["cv", *training, *options, "-o", out]
        return ["sweep", str(self.folder / "sweep.yaml"), "-o", out]

    def finish(self, verb: str, resume: bool) -> None:
        """Run a verb to its end."""
        ended = self.started.run(self.words(verb, resume))
        assert ended.code == 0, ended.error


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("kills")
    shared = Path("/dev/shm")
    other = shared if os.access(shared, os.W_OK) else tmp_path_factory.mktemp("other").parent
    temporary = other / f"topo-test-{os.getpid()}"
    temporary.mkdir()
    draw = random.Random(0)
    folds = {name: [_protein(f"{name}-{i}", i, draw) for i in range(9)] for name in ("a", "b")}
    (folder / "set.json").write_text(json.dumps(folds))
    lines = [f">p{i}\n{_residues(20 + 7 * i, draw)}\n" for i in range(40)]
    (folder / "corpus.fasta").write_text("".join(lines))
    words = [*SMALL, f"--data={folder / 'set.json'}", "--epochs=3", "--val=b"]
    sweep = {
        "method": "grid",
        "metric": {"name": "val_loss", "goal": "minimize"},
        "command": ["${env}", "topo", "train", *words, "--set=sampling.samples=12", "${args}"],
        "parameters": {"seed": {"values": [0, 1]}},
    }
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    with processes(folder, temporary) as started:
        yield Bench(folder, temporary, started)
    shutil.rmtree(temporary)


@pytest.fixture(scope="module", params=VERBS)
def undisturbed(request: pytest.FixtureRequest, bench: Bench) -> tuple[str, dict[str, Any], float]:
    """A verb, the files of a run that nothing disturbed, and its time."""
    out = bench.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    bench.finish(request.param, resume=False)
    took = time.monotonic() - began
    found = contents(out)
    assert len(found) > 5
    return request.param, found, took


def _residues(count: int, draw: random.Random, letters: str = AMINO_ACIDS) -> str:
    return "".join(draw.choices(letters, k=count))


def _protein(name: str, number: int, draw: random.Random) -> dict[str, str]:
    parts = [
        [("I", 20, AMINO_ACIDS), ("M", 20, "AILVF"), ("O", 15, AMINO_ACIDS)],
        [("S", 20, "AILVM"), ("O", 25, AMINO_ACIDS)],
        [("I", 40, AMINO_ACIDS)],
    ][number % 3]
    sequence = "".join(_residues(count, draw, letters) for _, count, letters in parts)
    return {"id": name, "sequence": sequence, "labels": "".join(k * n for k, n, _ in parts)}


def contents(folder: Path) -> dict[str, Any]:
    """Return what each file of a finished run must equal, by relative path.

    That is its bytes, without measured times and without what numbers the attempts of a sweep; of
    the checkpoints to resume from, the weights.
    """
    found: dict[str, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if name in ("study.db", "lock", "claims/clock"):
            continue  # the clock is there if a process has asked for the age of a claim
        found[name] = path.read_bytes()
        if path.suffix == ".ckpt":  # Lightning's own, whose bytes depend on shared references
            state = torch.load(path, map_location="cpu", weights_only=True)
            weights = {key: value.numpy().tobytes() for key, value in state["state_dict"].items()}
            found[name] = (state["epoch"], state["global_step"], weights)
        elif path.suffix == ".json":
            found[name] = _timeless(json.loads(found[name]))
        elif name == "trials.csv":
            rows = csv.DictReader(found[name].decode().splitlines())
            keep = [{k: v for k, v in row.items() if k not in ("trial", "seconds")} for row in rows]
            found[name] = sorted(map(str, keep))
        elif name == "best.yaml":
            found[name] = found[name].split(b"\n", 1)[1]  # without the number of the trial
        elif path.name == "README.md":
            lines = found[name].decode().splitlines()
            found[name] = [line for line in lines if not line.startswith("Cost: ")]
    return found


def _timeless(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _timeless(value) for key, value in tree.items() if key not in VOLATILE}
    return [_timeless(value) for value in tree] if isinstance(tree, list) else tree


def _check(
    bench: Bench, verb: str, whole: dict[str, Any], name: str, moments: list[float]
) -> list[int]:
    """Kill a verb at each of the moments, resuming in between; finish it and compare its files."""
    number, resume, codes = getattr(signal, name), False, []
    shutil.rmtree(bench.folder / "out", ignore_errors=True)
    for moment in moments:
        end = time.monotonic() + moment
        line = bench.words(verb, resume)
        ended = bench.started.run(line, number, lambda end=end: time.monotonic() > end)
        codes.append(ended.code)
        assert ended.code in (0, SIGNALS[name], -number), ended  # before the handlers are there
        assert "Traceback" not in ended.error
        if verb in ("cv", "sweep") and ended.code in (130, 143) and "epoch 1/" in ended.error:
            assert ended.error.endswith("; the same command continues\n")
        resume = True
    if codes[-1] != 0:
        bench.finish(verb, resume)
    found = contents(bench.folder / "out")
    assert found.keys() == whole.keys()
    for file in whole:
        assert found[file] == whole[file], file
    assert not [path for path in bench.temporary.rglob("*") if path.is_file()]
    return codes


@pytest.mark.usefixtures("interruptible")
def test_a_killed_run_ends_like_one_that_nothing_disturbed(
    undisturbed: tuple[str, dict[str, Any], float], bench: Bench
) -> None:
    verb, whole, took = undisturbed
    name = dict(zip(VERBS, ("SIGKILL", "SIGTERM", "SIGINT", "SIGKILL"), strict=True))[verb]
    _check(bench, verb, whole, name, [0.5 * took])


@pytest.mark.endurance
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", SIGNALS)
def test_runs_killed_at_random_moments(
    name: str, seed: int, undisturbed: tuple[str, dict[str, Any], float], bench: Bench
) -> None:
    verb, whole, took = undisturbed
    draw = random.Random(f"{verb} {name} {seed}")
    # Each tenth of the run, the last one beyond its end; every third run is killed twice.
    moments = [took * (seed + draw.random()) / 9]
    if seed % 3 == 0:
        moments.append(took * draw.random())
    _check(bench, verb, whole, name, moments)
