"""Load, random requests and speed (pytest -m endurance, -m benchmark); a short one runs in CI."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import ROOT
from server_process import NEEDS, OPEN, ServerProcess, contents, fasta, finished

for _package in NEEDS:
    pytest.importorskip(_package, reason=f"{_package} is not installed (extra serve)")


@pytest.fixture(scope="module")
def ready(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with raised limits."""
    found = ServerProcess(tmp_path_factory.mktemp("open") / "store", model, *OPEN)
    yield found
    assert found.stop() == 0


async def clients(url: str, count: int, seed: int) -> list[tuple[int, float]]:
    """Run clients at the same time that submit a job, wait and check that it is their own."""
    import httpx

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:

        async def one(number: int) -> tuple[int, float]:
            begin = time.monotonic()
            text = fasta(1, seed + number, 50, 120)
            answer = await client.post("/api/jobs", data={"sequences": text, "format": ["3line"]})
            if answer.status_code != 202:
                return answer.status_code, 0.0
            job = answer.json()["id"]
            state = {}
            async with client.stream("GET", f"/api/jobs/{job}/events") as stream:
                async for line in stream.aiter_lines():
                    state = json.loads(line[6:]) if line.startswith("data: ") else state
            assert state["state"] == "done", state
            found = (await client.get(f"/api/jobs/{job}/results/3line")).text.splitlines()
            name, sequence = text.splitlines()
            assert found[0].split(" ")[0] == name
            assert found[1] == sequence
            return 202, time.monotonic() - begin

        return await asyncio.gather(*map(one, range(count)))


def check_clients(server: ServerProcess, count: int, seed: int) -> None:
    answers = asyncio.run(clients(server.url, count, seed))
    assert {status for status, _ in answers} == {202}
    seconds = sorted(taken for _, taken in answers)
    p95 = seconds[int(0.95 * (len(seconds) - 1))]
    print(f"{count} clients: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s")


def test_ten_clients_at_the_same_time(server: ServerProcess) -> None:
    check_clients(server, 10, 1000)


@pytest.mark.endurance
def test_two_hundred_clients_at_the_same_time(ready: ServerProcess) -> None:
    check_clients(ready, 200, 2000)


def test_default_limits_refuse_some_of_forty_clients(model: Path, tmp_path: Path) -> None:
    assert check_default_limits(model, tmp_path, [40]) == {202: 30, 429: 10}


@pytest.mark.endurance
def test_default_limits_refuse_some_of_two_hundred_clients(model: Path, tmp_path: Path) -> None:
    assert check_default_limits(model, tmp_path, [200]) == {202: 30, 429: 170}


@pytest.mark.endurance
@pytest.mark.skipif(sys.platform != "linux", reason="needs many addresses of the loopback")
def test_default_limits_with_many_addresses(model: Path, tmp_path: Path) -> None:
    answers = check_default_limits(model, tmp_path, [40] * 10)
    assert 200 <= answers[202] <= 300


def check_default_limits(model: Path, folder: Path, counts: list[int]) -> Counter[int]:
    """Submit jobs from several addresses against the default limits, and count the answers.

    Each refusal has a time to wait, and each accepted job ends with its own result; the table holds
    these jobs and no others.
    """
    server = ServerProcess(folder / "store", model, "--workers", 2)
    texts = {
        (n, k): fasta(1, 3000 + 1000 * n + k, 50, 120)
        for n, count in enumerate(counts)
        for k in range(count)
    }
    answers = submit_at_once(server.url, texts)
    statuses = Counter(answer.status for answer, _ in answers.values())
    print(dict(statuses))
    assert {*statuses} <= {202, 429, 503}
    with server.client() as client:
        for key, (answer, body) in answers.items():
            if answer.status == 202:
                job = json.loads(body)["id"]
                assert finished(client, job)["state"] == "done"
                lines = client.get(f"/api/jobs/{job}/results/3line").text.splitlines()
                assert [lines[0].split(" ")[0], lines[1]] == texts[key].splitlines()
            else:
                assert int(answer.headers["retry-after"]) > 0
    assert server.stop() == 0
    with closing(sqlite3.connect(folder / "store" / "jobs.sqlite")) as table:
        states = [state for (state,) in table.execute("SELECT state FROM jobs")]
    assert states == ["done"] * statuses[202]
    return statuses


def submit_at_once(
    url: str, texts: dict[tuple[int, int], str]
) -> dict[tuple[int, int], tuple[HTTPResponse, bytes]]:
    """Send a job on a connection of its own for each text, before any answer is read.

    The first number of a key chooses the address of the client.
    """
    host, port = url.removeprefix("http://").split(":")
    waiting = {}
    for (n, k), text in texts.items():
        source = (f"127.0.0.{n + 1}", 0)
        connection = socket.create_connection((host, int(port)), 600, source)
        body = urlencode({"sequences": text, "format": "3line"}).encode()
        head = f"POST /api/jobs HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n"
        connection.sendall(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        waiting[n, k] = connection
    answers = {}
    for key, connection in waiting.items():
        with closing(connection):
            answer = HTTPResponse(connection)
            answer.begin()
            answers[key] = answer, answer.read()
    return answers


@pytest.mark.endurance
def test_memory_does_not_grow_with_finished_jobs(ready: ServerProcess) -> None:
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")
    process = psutil.Process(ready.process.pid)
    sizes = []
    for block in range(5):
        asyncio.run(clients_in_turn(ready.url, 200, 10_000 + 200 * block))
        sizes.append(process.memory_info().rss / 1e6)
    print("MB after each 200 jobs:", [round(size) for size in sizes])
    assert sizes[-1] < 1.05 * sizes[0]


async def clients_in_turn(url: str, count: int, seed: int) -> None:
    for begin in range(0, count, 10):
        await clients(url, 10, seed + begin)


@pytest.mark.endurance
def test_clients_that_never_read_do_not_block_others(ready: ServerProcess) -> None:
    client = ready.client()
    job = client.post("/api/jobs", data={"sequences": fasta(2000, 12), "format": "jsonl"})
    name = job.json()["id"]
    finished(client, name)
    size = len(client.get(f"/api/jobs/{name}/results/jsonl").content)
    assert size > 10_000_000
    host, port = ready.url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in idle:
        path = f"/api/jobs/{name}/results/jsonl"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    times = []
    for _ in range(20):
        begin = time.monotonic()
        assert client.get(f"/api/jobs/{name}").status_code == 200
        times.append(time.monotonic() - begin)
    print(f"an answer beside 100 clients that do not read: {statistics.median(times):.3f} s")
    assert statistics.median(times) < 0.5
    for connection in idle:
        connection.close()


@pytest.mark.endurance
def test_an_upload_that_does_not_end_is_closed(model: Path, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "store", model, "--workers", 1, "--slow-seconds", 4)
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        b'Content-Disposition: form-data; name="sequences"\r\n\r\n'
    )
    begin = time.monotonic()
    with suppress(ConnectionError):
        while time.monotonic() - begin < 200:
            connection.sendall(b"x")
            time.sleep(0.2)
    taken = time.monotonic() - begin
    print(f"closed after {taken:.1f} s")
    assert 20 < taken < 120
    assert server.stop() == 0


@pytest.mark.endurance
def test_random_requests_cause_no_500(model: Path, tmp_path: Path) -> None:
    check_random_requests(model, tmp_path, 2000)


def check_random_requests(model: Path, folder: Path, count: int) -> None:
    """Send random requests that follow or break the schema, and count the answers."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    server = ServerProcess(folder / "store", model, *OPEN)
    schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    statuses: Counter[int] = Counter()
    with server.client() as client:
        known = client.post("/api/jobs", data={"sequences": fasta(3, 13)}).json()["id"]
        operations = [found.ok() for found in schema.get_all_operations()]
        # Operations without parameters have few different requests: others take their share.
        share = -(-count // len(operations))
        modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        for operation in operations:
            for mode in modes:

                @settings(
                    max_examples=share,
                    deadline=None,
                    derandomize=True,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
                def send(case: Any, real: bool) -> None:
                    if real and "job_id" in case.path_parameters and case.method != "DELETE":
                        case.path_parameters["job_id"] = known
                    answer = case.call(timeout=30)
                    statuses[answer.status_code] += 1
                    assert answer.status_code < 500, (case.method, case.path, answer.text)

                try:
                    send()
                except Exception as error:
                    if "Unsatisfiable" not in type(error).__name__:
                        raise
    print(sum(statuses.values()), "requests:", dict(sorted(statuses.items())))
    assert sum(statuses.values()) >= count or count < 100
    assert server.process.poll() is None
    assert server.stop() == 0


@pytest.mark.benchmark
def test_a_protein_of_400_residues_is_answered_in_300_ms(tmp_path: Path) -> None:
    base = ROOT / "checkpoints" / "topo-base"
    server = ServerProcess(tmp_path / "store", base, "--workers", 1, "--jobs-per-minute", 0)
    client = server.client()
    times = []
    for number in range(40):
        text = fasta(1, 20_000 + number, 400, 400)
        begin = time.perf_counter()
        assert client.post("/api/predict", data={"sequences": text}).status_code == 200
        times.append(time.perf_counter() - begin)
    median = statistics.median(times[3:])
    print(f"median {median:.3f} s, fastest {min(times):.3f} s")
    assert server.stop() == 0
    assert median <= 0.3


@pytest.mark.benchmark
def test_a_job_of_4000_proteins_is_as_fast_as_the_command(tmp_path: Path) -> None:
    base, source = ROOT / "checkpoints" / "topo-base", tmp_path / "proteins.fasta"
    source.write_text(fasta(4000, 14, 50, 450))
    server = ServerProcess(tmp_path / "store", base, *OPEN)
    client = server.client()
    times: dict[str, list[float]] = {"command": [], "job": []}
    for turn in range(3):
        begin = time.perf_counter()
        words = ["predict", source, "-o", tmp_path / f"out{turn}", "--workers", 2]
        run = [sys.executable, "-m", "topo", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(run, check=True, capture_output=True, env=environment)
        times["command"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        files = {"file": ("proteins.fasta", source.read_bytes())}
        job = client.post("/api/jobs", files=files).json()["id"]
        assert finished(client, job, 3000)["state"] == "done"
        times["job"].append(time.perf_counter() - begin)
        assert contents(tmp_path / f"out{turn}") == contents(
            server.store / "jobs" / job / "results"
        )
    ratio = min(times["command"]) / min(times["job"])
    shown = {name: [round(t, 1) for t in taken] for name, taken in times.items()}
    print(f"speed relative to the command: {ratio:.2f}, seconds {shown}")
    assert server.stop() == 0
    assert ratio >= 0.9
