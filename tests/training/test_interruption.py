"""Trainings ended by signals: exit code, the line that says how to continue, and the rest of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import command
from safetensors.torch import load_file

from topo.cli.interrupt import repeated_interrupts
from topo.residues import AMINO_ACIDS
from topo.runs import Run
from topo.training.interruption import interruptible

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--threads", "1", "--precision", "32"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip
TRAIN = [*SMALL, "--epochs", "4", "--batch", "16", "--set", "data.crop=200"]
PRETRAIN = [
    *SMALL,
    *("--residues", "12000", "--interval", "3000", "--crop", "64"),
    *("--set", "pretraining.batch_residues=512"),
]  # fmt: skip
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}
VERBS = ("train", "pretrain")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    draw, path = random.Random(0), tmp_path_factory.mktemp("corpus") / "corpus.fasta"
    lines = [f">p{i}\n{''.join(draw.choices(AMINO_ACIDS, k=20 + 7 * i))}\n" for i in range(40)]
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def other_disk() -> Path:
    """A folder on another file system than that of the tests, where there is one."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path(os.environ.get("TMPDIR", "/tmp"))


def words(verb: str, run: Run, corpus: Path, resume: bool = False) -> list[str]:
    if verb == "train":
        if resume:
            return ["train", "--resume", str(run.path)]
        return ["train", *TRAIN, "-o", str(run.path.parent), "--name", run.path.name]
    options = ["--resume"] if resume else [str(corpus), *PRETRAIN]
    return ["pretrain", *options, "-o", str(run.path)]


@pytest.fixture(scope="module", params=VERBS)
def finished(request, corpus: Path, tmp_path_factory) -> tuple[str, Run]:
    """A verb, and a run of it that nothing stopped."""
    run = Run(tmp_path_factory.mktemp(request.param) / "whole")
    assert command(*words(request.param, run, corpus)) == 0
    return request.param, run


def result(run: Run) -> Path:
    folder, name = (run.trunk, "trunk") if run.trunk.is_dir() else (run.model, "model")
    return folder / f"{name}.safetensors"


def assert_equal_runs(run: Run, other: Run) -> None:
    assert (run.path / "history.csv").read_bytes() == (other.path / "history.csv").read_bytes()
    ours, theirs = load_file(result(run)), load_file(result(other))
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    left = [path.name for path in (run.path / "checkpoints").iterdir()]
    assert sorted(left) == ["best.ckpt", "last.ckpt", "last.previous.ckpt"]


def stop(line: list[str], number: int, moment, temporary: Path) -> tuple[int, str]:
    """Start a verb, send a signal at its moment, and return exit code and standard error."""
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-m", "topo", *line],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = time.monotonic() + 400
    while not moment() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=400)
    return process.returncode, error


class _Deaf:
    """Object at whose deletion a signal comes; Python ignores the exception of the handler."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def _ignore(number: int) -> None:
    """Have a signal come where Python ignores exceptions, and wait."""
    _Deaf(number)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_python_ignores_is_repeated(number: int, code: int, capsys) -> None:
    with pytest.raises(SystemExit) as end, interruptible():
        _ignore(number)
    assert end.value.code == code
    assert "Exception ignored" not in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt), repeated_interrupts():
        _ignore(signal.SIGINT)
    assert "Exception ignored" not in capsys.readouterr().err


@pytest.mark.usefixtures("interruptible")
def test_errors_that_a_signal_leads_to_do_not_hide_it(capsys) -> None:
    def clean_up() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            raise AttributeError("nothing to tear down")

    def trial() -> None:
        try:
            with interruptible(Run(Path("nowhere"))):
                clean_up()
        except Exception as error:  # as a sweep records the error of a trial
            pytest.fail(str(error))

    with pytest.raises(SystemExit) as end, interruptible():
        trial()
    assert end.value.code == 143
    assert capsys.readouterr().err == "topo: stopped by SIGTERM; the same command continues\n"
    with pytest.raises(AttributeError), interruptible():
        raise AttributeError("no signal")


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("name", SIGNALS)
def test_a_stopped_run_says_how_to_continue_and_ends_like_one_never_stopped(
    name: str, finished: tuple[str, Run], corpus: Path, other_disk: Path, tmp_path: Path, capsys
) -> None:
    verb, whole = finished
    run = Run(tmp_path / "runs" / "stopped")
    number = getattr(signal, name)
    before = {*other_disk.iterdir()}
    code, error = stop(words(verb, run, corpus), number, run.resume_file.is_file, other_disk)
    assert code == SIGNALS[name], error
    assert not run.is_finished
    if name != "SIGKILL":
        last = error.strip().splitlines()[-1]
        what = "interrupted" if name == "SIGINT" else "stopped by SIGTERM"
        assert last.startswith(f"topo: {what} after ")
        assert last.endswith(f"to continue: {run.resume_command()}")
        assert "Traceback" not in error
    left = {*other_disk.iterdir()} - before
    assert not [p for p in left if p.suffix != ".py" and not p.name.startswith("topo-test-")]
    assert command("runs", "-f", run.path.parent) == 0
    assert f"unfinished: {run.path} (" in capsys.readouterr().out
    assert command("predict", corpus, "--model", run.path, "-o", tmp_path / "out") == 2
    text = capsys.readouterr().err
    assert "found an unfinished run" in text
    assert run.resume_command() in text
    assert command(*words(verb, run, corpus, resume=True)) == 0
    assert_equal_runs(run, whole)


@pytest.mark.endurance
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", SIGNALS)
def test_run_stopped_at_random_moments_ends_as_if_it_had_not_been(
    name: str,
    seed: int,
    finished: tuple[str, Run],
    corpus: Path,
    other_disk: Path,
    tmp_path: Path,
) -> None:
    verb, whole = finished
    run, draw = Run(tmp_path / "stopped"), random.Random(seed)
    number = getattr(signal, name)
    began = time.monotonic()
    stop(words(verb, run, corpus), number, run.resume_file.is_file, other_disk)
    took = time.monotonic() - began
    for _ in range(2):
        if run.is_finished:
            break
        end = time.monotonic() + draw.uniform(0, 1.5 * took)
        line = words(verb, run, corpus, resume=True)
        code, error = stop(line, number, lambda end=end: time.monotonic() > end, other_disk)
        assert code in (0, SIGNALS[name], -number), error
        assert "Traceback" not in error
    if not run.is_finished:
        assert command(*words(verb, run, corpus, resume=True)) == 0
    assert_equal_runs(run, whole)
