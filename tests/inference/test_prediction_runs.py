"""Prediction runs that are interrupted, killed, resumed, parallel, or short of disk space."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import command

from topo.inference.resume import FILE
from topo.io import read_predictions, read_proteins
from topo.io.files import atomic_text
from topo.resources import bundled

EXAMPLE = bundled("example") / "proteins.fasta"
FORMATS = ["3line", "tmrs", "gff3", "summary", "html", "jsonl", "signalp", "tmbed3"]
OPTIONS = [
    *(word for name in FORMATS for word in ("--format", name)),
    *("--probabilities", "npz", "--plots", "none", "--threads", "1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A FASTA file of some thirty batches, with repeated sequences far apart."""
    path = tmp_path_factory.mktemp("many") / "many.fasta"
    proteins = list(read_proteins(EXAMPLE))
    with atomic_text(path) as file:
        for turn in range(3):
            for protein in proteins:
                cut = protein.sequence[turn % 2 :]
                file.write(f">{protein.id}_{turn}\n{cut}\n")
    return path


@pytest.fixture(scope="module", autouse=True)
def _fixed_time() -> Iterator[None]:
    """The one place with the time of a run, SignalP's table, takes it from here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        yield


@pytest.fixture(scope="module")
def whole(model: Path, many: Path, tmp_path_factory) -> dict[str, bytes]:
    """The files of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert command("predict", *arguments(model, many, folder)) == 0
    return contents(folder)


def arguments(model: Path, source: Path, folder: Path, *more: object) -> list[str]:
    words = [source, "-o", folder, "--model", model, "--batch-residues", 2000, *OPTIONS, *more]
    return [str(word) for word in words]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(*words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "topo", "predict", *words]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, size: int, process: subprocess.Popen[str]) -> None:
    """Wait until a file has a size, or the process has ended."""
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if path.is_file() and path.stat().st_size >= size:
            return
        time.sleep(0.005)


def store_size(whole: dict[str, bytes]) -> int:
    """About the bytes that a store reaches: 25 for each residue of the 3-line file."""
    return 25 * len(whole["predicted_topologies.3line"]) // 2


def kill_and_resume(
    model: Path, many: Path, whole: dict[str, bytes], folder: Path, moments: list[float]
) -> None:
    """Kill a run at shares of its way, one after another, and compare the files of the last."""
    more: list[str] = []
    for moment in moments:
        process = start(*arguments(model, many, folder, *more))
        wait_for(folder / FILE, int(moment * store_size(whole)), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        more = ["--resume"]
    assert command("predict", *arguments(model, many, folder, "--resume")) == 0
    left = {name for name in contents(folder) if name.startswith(".") and name not in whole}
    for name in left:  # a killed process cannot tidy up what it had begun to write
        assert name.rsplit(".", 2)[0].lstrip(".") in " ".join(whole), name
    assert {n: c for n, c in contents(folder).items() if n not in left} == whole


def test_killed_runs_resume_to_the_same_bytes(model, many, whole, tmp_path: Path) -> None:
    kill_and_resume(model, many, whole, tmp_path, [0.2, 0.5, 0.9])


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(10))
def test_runs_killed_at_random_resume_to_the_same_bytes(
    seed: int, model, many, whole, tmp_path: Path
) -> None:
    draw = random.Random(seed)
    kill_and_resume(model, many, whole, tmp_path, sorted(draw.random() for _ in range(2)))


def test_a_torn_store_resumes_wherever_it_was_torn(
    model: Path, many: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("topo.inference.store.PredictionStore.remove", lambda self: self.close())
    assert command("predict", *arguments(model, many, tmp_path / "kept")) == 0
    full = (tmp_path / "kept" / FILE).read_bytes()
    monkeypatch.undo()
    draw = random.Random(0)
    for turn, size in enumerate([0, 5, draw.randrange(1000, len(full))]):
        folder = tmp_path / str(turn)
        folder.mkdir()
        (folder / FILE).write_bytes(full[:size] + draw.randbytes(50 if size > 5 else 0))
        assert command("predict", *arguments(model, many, folder, "--resume")) == 0
        assert contents(folder) == whole
    damaged = bytearray(full)
    damaged[len(full) // 2] ^= 1
    (tmp_path / "0" / FILE).write_bytes(damaged)
    assert command("predict", *arguments(model, many, tmp_path / "0", "--resume")) == 0
    assert contents(tmp_path / "0") == whole
    assert "answers were there from before" in capsys.readouterr().err


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_valid_files_of_what_is_done(
    model: Path, many: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(*arguments(model, many, tmp_path))
    wait_for(tmp_path / FILE, store_size(whole) // 2, process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    written = list(read_predictions(tmp_path / "predicted_topologies.3line"))
    proteins = list(read_proteins(many))
    assert f"interrupted after {len(written):,} of {len(proteins):,} proteins" in error
    assert "--resume goes on" in error
    assert 0 < len(written) < len(proteins)
    place = {protein.id: index for index, protein in enumerate(proteins)}
    assert [place[p.id] for p in written] == sorted(place[p.id] for p in written)
    lines = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [p.id for p in written]
    assert len(list(read_predictions(tmp_path / "topologies.gff3"))) == len(written)
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")
    assert {*contents(tmp_path)} == {*whole, FILE}
    assert command("predict", *arguments(model, many, tmp_path, "--resume")) == 0
    assert contents(tmp_path) == whole


def test_without_resume_an_unfinished_run_is_discarded(
    model: Path, many: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch, capsys
) -> None:
    interrupt_after(monkeypatch, 3)
    assert command("predict", *arguments(model, many, tmp_path)) == 130
    monkeypatch.undo()
    assert (tmp_path / FILE).is_file()
    assert command("predict", *arguments(model, many, tmp_path)) == 0
    assert "of an unfinished run (--resume keeps them)" in capsys.readouterr().err
    assert contents(tmp_path) == whole


def interrupt_after(monkeypatch, batches: int) -> None:
    """Raise KeyboardInterrupt, as Ctrl-C does, instead of computing a further batch."""
    from topo.inference.compute import BatchPredictor

    compute, done = BatchPredictor.__call__, []

    def interrupted(self, proteins):
        if len(done) == batches:
            raise KeyboardInterrupt
        done.append(len(proteins))
        return compute(self, proteins)

    monkeypatch.setattr(BatchPredictor, "__call__", interrupted)


@pytest.mark.parametrize(
    ("options", "name"),
    [(["--decoder", "viterbi"], "decoder"), (["--batch-residues", 3000], "batch_residues")],
)
def test_an_unfinished_run_with_other_options_is_refused(
    options: list[object], name: str, model: Path, many: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    interrupt_after(monkeypatch, 3)
    assert command("predict", *arguments(model, many, tmp_path)) == 130
    before = contents(tmp_path)
    capsys.readouterr()
    assert command("predict", *arguments(model, many, tmp_path, "--resume", *options)) == 2
    error = capsys.readouterr().err.strip()
    assert f"the unfinished run has {name}" in error
    assert "\n" not in error
    assert contents(tmp_path) == before


def test_interrupted_before_any_answer_leaves_nothing(
    model: Path, many: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    interrupt_after(monkeypatch, 0)
    assert command("predict", *arguments(model, many, tmp_path)) == 130
    assert contents(tmp_path) == {}
    assert "Traceback" not in capsys.readouterr().err


def test_processes_give_the_bytes_of_one(
    model: Path, many: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    assert command("predict", *arguments(model, many, tmp_path, "--workers", 2)) == 0
    assert contents(tmp_path) == whole


def test_devices_get_a_process_each(model: Path, tmp_path: Path) -> None:
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        words = arguments(model, EXAMPLE, tmp_path / name, "--device", device)
        assert command("predict", *words) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_worker_that_dies_is_one_line(model: Path, many: Path, tmp_path: Path) -> None:
    process = start(*arguments(model, many, tmp_path, "--workers", "2"))
    wait_for(tmp_path / FILE, 20_000, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [pid for pid in children if b"resource_tracker" not in cmdline(pid)]
    os.kill(int(workers[0]), signal.SIGKILL)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2
    assert error.strip().startswith("topo: a worker process ended before its work (signal 9)")
    assert {*contents(tmp_path)} == {FILE}
    assert all(not Path(f"/proc/{pid}").exists() for pid in workers)


def test_workers_end_with_a_parent_that_is_killed(model, many, tmp_path: Path) -> None:
    process = start(*arguments(model, many, tmp_path, "--workers", "2"))
    wait_for(tmp_path / FILE, 1000, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while any(b"spawn_main" in cmdline(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(children) >= 2
    assert not any(b"spawn_main" in cmdline(pid) for pid in children)


def cmdline(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_two_runs_cannot_share_a_folder(model: Path, many: Path, tmp_path: Path, capsys) -> None:
    from topo.inference.store import create_store

    store = create_store(tmp_path / FILE, {"made_by": {}})
    try:
        assert command("predict", *arguments(model, many, tmp_path)) == 2
    finally:
        store.close()
    assert "another run is writing to this folder" in capsys.readouterr().err


def full_disk(monkeypatch, name: str) -> None:
    """Let writes to files whose name holds ``name`` fail as on a full disk."""
    write = os.write

    def fails(file: int, data: bytes) -> int:
        if name in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(os, "write", fails)


def test_a_full_disk_is_one_line_and_leaves_the_old_files(
    model: Path, many: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    old = {"predicted_topologies.3line": b"old\n"}
    (tmp_path / "predicted_topologies.3line").write_bytes(b"old\n")
    full_disk(monkeypatch, FILE)
    assert command("predict", *arguments(model, many, tmp_path)) == 2
    error = capsys.readouterr().err.strip()
    assert error == f"topo: {tmp_path / FILE}: cannot be written (No space left on device)"
    assert contents(tmp_path) == old


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from topo.cli.main import main
main()
"""


def test_files_that_cannot_grow_are_one_line_and_leave_nothing(model, many, tmp_path) -> None:
    line = [sys.executable, "-c", LIMITED, "100000", "predict", *arguments(model, many, tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().endswith("cannot be written (File too large)")
    assert done.stderr.count("\n") == 1
    assert {*contents(tmp_path)} <= {FILE}


@pytest.mark.parametrize("place", ["file", "file/deeper"])
def test_a_file_in_the_place_of_the_folder_is_one_line(
    place: str, model: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").write_text("mine\n")
    assert command("predict", *arguments(model, EXAMPLE, tmp_path / place)) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"topo: {tmp_path / place}")
    assert "\n" not in error
    assert contents(tmp_path) == {"file": b"mine\n"}


def test_a_strange_store_is_refused(model: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / FILE).write_text("my notes, nothing of topo\n")
    assert command("predict", *arguments(model, EXAMPLE, tmp_path)) == 2
    assert "expected an unfinished run's store" in capsys.readouterr().err
    assert contents(tmp_path) == {FILE: b"my notes, nothing of topo\n"}


@pytest.mark.parametrize(
    "line",
    [
        "{topo} convert {source} - --to fasta | head -n 1",
        "{topo} predict {example} -o {folder} --model {model} --plots none --threads 1 | head -n 1",
    ],
)
def test_a_closed_pipe_is_quiet(line: str, model: Path, many: Path, tmp_path: Path) -> None:
    topo = f"{sys.executable} -m topo"
    shell = line.format(topo=topo, source=many, example=EXAMPLE, folder=tmp_path, model=model)
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=300)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
