"""Kills of the server and of its workers, stops, and full or read-only disks (pytest -m endurance).

A short one runs in CI.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, command
from server_process import NEEDS, OPEN, ServerProcess, contents, fasta, finished

for _package in NEEDS:
    pytest.importorskip(_package, reason=f"{_package} is not installed (extra serve)")

FORMATS = ("3line", "summary", "html", "jsonl")


def test_a_killed_server_ends_its_job_after_a_restart(model: Path, tmp_path: Path) -> None:
    check_kills(model, tmp_path, kills=1, proteins=150, workers=1)


@pytest.mark.endurance
def test_ten_kills_of_the_server(model: Path, tmp_path: Path) -> None:
    check_kills(model, tmp_path, kills=10, proteins=1500, workers=2)


def check_kills(model: Path, folder: Path, kills: int, proteins: int, workers: int) -> None:
    """Kill a server at random moments of its jobs and compare the files with the command's."""
    draw = random.Random(5)
    source = folder / "proteins.fasta"
    source.write_text(fasta(proteins, 7, 100, 500))
    words = [word for name in FORMATS for word in ("--format", name)]
    expected = folder / "expected"
    assert command("predict", source, "-o", expected, "--model", model, *words) == 0
    options = ("--workers", workers, "--jobs-per-minute", 0, "--drain", 1)
    server = ServerProcess(folder / "store", model, *options)
    jobs: list[str] = []
    reused = 0
    for kill in range(kills):
        with server.client() as client:
            if kill % 5 == 0:
                files = {"file": ("proteins.fasta", source.read_bytes())}
                answer = client.post("/api/jobs", files=files, data={"format": FORMATS})
                jobs.append(answer.json()["id"])
            while client.get(f"/api/jobs/{jobs[-1]}").json()["state"] == "queued":
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 1.5) if kills > 1 else 0.3)
            state = client.get(f"/api/jobs/{jobs[-1]}").json()
            reused += 0 < state["residues_done"] < state["residues"]
        server.kill()
        server = ServerProcess(folder / "store", model, *options)
    print(f"{reused} of {kills} kills hit a job that had finished a part")
    with server.client() as client:
        for job in jobs:
            assert finished(client, job)["state"] == "done"
    for job in jobs:
        results = folder / "store" / "jobs" / job / "results"
        assert contents(results) == contents(expected)
        assert not [p.name for p in results.iterdir() if p.name.startswith(".")]
    assert server.stop() == 0


@pytest.mark.endurance
def test_ten_kills_of_a_worker(model: Path, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "store", model, *OPEN)
    source = tmp_path / "proteins.fasta"
    source.write_text(fasta(1500, 8, 100, 500))
    expected = tmp_path / "expected"
    words = [word for name in FORMATS for word in ("--format", name)]
    assert command("predict", source, "-o", expected, "--model", model, *words) == 0
    draw = random.Random(6)
    with server.client() as client:
        for _ in range(10):
            files = {"file": ("proteins.fasta", source.read_bytes())}
            job = client.post("/api/jobs", files=files, data={"format": FORMATS}).json()["id"]
            time.sleep(draw.uniform(0, 2))
            workers = server.workers()
            if workers:
                os.kill(draw.choice(workers), signal.SIGKILL)
            assert finished(client, job)["state"] == "done"
            assert contents(server.store / "jobs" / job / "results") == contents(expected)
            client.delete(f"/api/jobs/{job}")
    assert server.stop() == 0


@pytest.mark.endurance
def test_sigterm_drains(model: Path, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "store", model, *OPEN, "--drain", 60)
    client = server.client()
    small = client.post("/api/jobs", data={"sequences": fasta(300, 9)}).json()["id"]
    while client.get(f"/api/jobs/{small}").json()["state"] == "queued":
        time.sleep(0.01)
    assert server.stop() == 0
    server = ServerProcess(tmp_path / "store", model, *OPEN, "--drain", 0)
    client = server.client()
    assert client.get(f"/api/jobs/{small}").json()["state"] == "done"
    large = client.post("/api/jobs", data={"sequences": fasta(3000, 10)}).json()["id"]
    while not client.get(f"/api/jobs/{large}").json()["residues_done"]:
        time.sleep(0.01)
    begin = time.monotonic()
    assert server.stop() == 0
    print(f"stopped in {time.monotonic() - begin:.1f} s without drain")
    assert (tmp_path / "store" / "jobs" / large / "results" / ".topo-resume").stat().st_size > 1e4
    server = ServerProcess(tmp_path / "store", model, *OPEN)
    assert finished(server.client(), large)["state"] == "done"
    assert server.stop() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.endurance
def test_a_full_disk(small_disk: Path, model: Path) -> None:
    server = ServerProcess(small_disk / "store", model, *OPEN)
    client = server.client()
    text = fasta(400, 11)
    whole = client.post("/api/jobs", data={"sequences": text}).json()["id"]
    finished(client, whole)
    wanted = contents(server.store / "jobs" / whole / "results")
    job = client.post("/api/jobs", data={"sequences": text}).json()["id"]
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 65536)
        except OSError:
            pass
    state: dict[str, Any] = {}
    for _ in range(600):
        state = client.get(f"/api/jobs/{job}").json()
        if state["waiting_for"] or state["state"] == "done":
            break
        time.sleep(0.05)
    print("a job on the full disk:", state["state"], state["waiting_for"])
    refused = client.post("/api/jobs", data={"sequences": text})
    print(refused.status_code, refused.json()["detail"])
    assert refused.status_code == 507
    assert "No space left on device" in refused.json()["detail"]
    assert client.get(f"/api/jobs/{whole}/results/summary").status_code == 200
    filler.unlink()
    assert finished(client, job)["state"] == "done"
    assert contents(server.store / "jobs" / job / "results") == wanted
    assert server.stop() == 0


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only for files that are opened from now on."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.endurance
def test_a_read_only_disk(small_disk: Path, model: Path) -> None:
    store, text = small_disk / "store", fasta(400, 15)
    server = ServerProcess(store, model, *OPEN)
    client = server.client()
    whole = client.post("/api/jobs", data={"sequences": text}).json()["id"]
    finished(client, whole)
    wanted = contents(store / "jobs" / whole / "results")
    job = client.post("/api/jobs", data={"sequences": text}).json()["id"]
    state: dict[str, Any] = {}
    with read_only(store):
        for _ in range(600):
            state = client.get(f"/api/jobs/{job}").json()
            if state["waiting_for"]:
                break
            time.sleep(0.05)
        assert state["waiting_for"] == "the store to be writable", state
        refused = client.post("/api/jobs", data={"sequences": text})
        print(refused.status_code, refused.json()["detail"])
        assert refused.status_code == 507
        assert "Read-only file system" in refused.json()["detail"]
        direct = client.post("/api/predict", data={"sequences": fasta(1, 16)})
        assert direct.status_code == 507
        assert client.get(f"/api/jobs/{whole}/results/summary").status_code == 200
    assert finished(client, job)["state"] == "done"
    assert contents(store / "jobs" / job / "results") == wanted
    assert server.stop() == 0
    with read_only(store):
        words = ["serve", "--port", "0", "--store", store, "--model", model]
        line = [sys.executable, "-m", "topo", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        start = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)
        print(start.stderr)
        assert start.returncode == 2
        assert start.stderr == f"topo: {store}: cannot be written (Read-only file system)\n"
    server = ServerProcess(store, model, *OPEN)
    assert server.client().get(f"/api/jobs/{job}").json()["state"] == "done"
    assert server.stop() == 0
