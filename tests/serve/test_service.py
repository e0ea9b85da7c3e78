"""The REST service of a running server: results, limits, refusals, and what it logs."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import signal
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, command
from server_process import ServerProcess, contents, finished

EXAMPLE = ROOT / "data" / "example" / "proteins.fasta"
FORMATS = ("3line", "gff3", "summary", "html", "jsonl", "segments", "tmbed3", "deeptmhmm")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example proteins of at most 600 residues."""
    records = EXAMPLE.read_text().split(">")[1:]
    path = tmp_path_factory.mktemp("input") / "proteins.fasta"
    path.write_text("".join(f">{r}" for r in records if len(r) < 650))
    return path


@pytest.fixture(scope="module")
def expected(proteins: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of ``topo predict``."""
    out = tmp_path_factory.mktemp("expected")
    words = [word for name in FORMATS for word in ("--format", name)]
    assert command("predict", proteins, "-o", out, "--model", model, *words) == 0
    return out


@pytest.fixture
def client(server: ServerProcess) -> Any:
    with server.client() as found:
        yield found


def post(client: Any, path: Path, **fields: Any) -> Any:
    return client.post("/api/jobs", files={"file": (path.name, path.read_bytes())}, data=fields)


def test_the_files_of_a_job_are_those_of_the_command(
    server: ServerProcess, client: Any, proteins: Path, expected: Path
) -> None:
    answer = post(client, proteins, format=list(FORMATS))
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    assert len(job) >= 20
    assert answer.headers["location"] == f"/api/jobs/{job}"
    state = finished(client, job)
    assert state["state"] == "done", state
    wanted = contents(expected)
    archive = client.get(f"/api/jobs/{job}/results/zip").content
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert {name: files.read(name) for name in files.namelist()} == wanted
    assert client.get(f"/api/jobs/{job}/results/zip").content == archive
    single = client.get(f"/api/jobs/{job}/results/jsonl")
    assert single.content == wanted["predictions.jsonl"]
    assert single.headers["content-disposition"] == 'attachment; filename="predictions.jsonl"'
    assert client.get(f"/jobs/{job}/files/summary.tsv").content == wanted["summary.tsv"]
    several = client.get(f"/api/jobs/{job}/results/deeptmhmm").content
    assert len(zipfile.ZipFile(io.BytesIO(several)).namelist()) > 50
    assert client.get(f"/api/jobs/{job}/results/tmhmm").status_code == 404
    folder = server.store / "jobs" / job
    assert client.delete(f"/api/jobs/{job}").status_code == 204
    assert not folder.exists()
    assert client.get(f"/api/jobs/{job}").status_code == 404
    assert client.get(f"/jobs/{job}/files/summary.tsv").status_code == 404


def test_a_compressed_upload_and_the_events_of_a_job(client: Any, proteins: Path) -> None:
    packed = gzip.compress(proteins.read_bytes())
    job = client.post("/api/jobs", files={"file": ("p.fasta.gz", packed)}).json()["id"]
    states = []
    with client.stream("GET", f"/api/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                states.append(json.loads(line[6:]))
    assert states[-1]["state"] == "done"
    done = [state["residues_done"] for state in states]
    assert done == sorted(done)
    assert done[-1] == states[-1]["residues"]


def test_a_few_proteins_are_answered_at_once(client: Any, proteins: Path, expected: Path) -> None:
    text = ">" + "".join(proteins.read_text().split(">")[1])
    answer = client.post("/api/predict", data={"sequences": text, "alternatives": 2}).json()
    record = json.loads(contents(expected)["predictions.jsonl"].splitlines()[0])
    found = answer["predictions"][0]
    assert found["id"] == record["id"]
    assert found["labels"] == record["labels"]
    assert len(found["alternatives"]["topologies"]) >= 1
    fixed = client.post("/api/predict", data={"sequences": text, "fix": ["1-5:inside"]}).json()
    assert fixed["predictions"][0]["labels"].startswith("IIIII")
    assert fixed["predictions"][0]["constraint_log_probability"] < 0


def test_the_line_of_an_error_is_that_of_the_command(
    client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any, model: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.fasta").write_text(">one\nMKT\n>two\nMK1T\n")
    assert command("predict", "bad.fasta", "--model", model) == 2
    line = capsys.readouterr().err.strip().removeprefix("topo: ").split("; --skip")[0]
    answer = post(client, tmp_path / "bad.fasta")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].split("; the option")[0] == line
    assert answer.json()["status"] == 422
    kept = post(client, tmp_path / "bad.fasta", skip_invalid="true").json()
    state = finished(client, kept["id"])
    assert state["notes"] == ["left out 1 faulty records, listed in invalid.tsv"]
    assert "invalid" in state["results"]


@pytest.mark.parametrize(
    ("text", "status", "part"),
    [
        (">a\n" + "M" * 3001, 413, "a: found 3,001 residues, expected at most 3,000"),
        (">a\nMKT\n" * 81, 413, "found over 80 proteins, expected at most 80"),
        ((">a\n" + "M" * 2999 + "\n") * 14, 413, "found over 40,000 residues"),
        (">a\n" + "M" * 400_000, 413, "found over 0.3 MB, expected less"),
        ("", 422, "found no sequences"),
        (">a\nMKT\n>a\nM-KT", 422, "remove alignment gaps first"),
    ],
)
def test_limits(client: Any, text: str, status: int, part: str) -> None:
    answer = client.post("/api/jobs", data={"sequences": text})
    assert answer.status_code == status, answer.text
    assert part in answer.json()["detail"]


def test_more_limits(client: Any) -> None:
    huge = client.post("/api/jobs", files={"file": ("a", b">a\n" + b"M" * 3_000_000)})
    assert huge.status_code == 413
    assert huge.json()["title"].endswith("Too Large")
    packed = gzip.compress(b">a\n" + b"M" * 2_000_000)
    assert client.post("/api/jobs", files={"file": ("a", packed)}).status_code == 413
    many = client.post("/api/predict", data={"sequences": ">a\nMKT\n" * 6})
    assert many.status_code == 413
    assert "POST /api/jobs takes more" in many.json()["detail"]
    both = client.post("/api/jobs", files={"file": ("a", b">a\nM")}, data={"sequences": "x"})
    assert both.status_code == 422
    wrong = client.post("/api/jobs", data={"sequences": ">a\nM", "decoder": "magic"})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("decoder: ")
    fixed = client.post("/api/jobs", data={"sequences": ">a\nMKT", "fix": ["5-9:inside"]})
    assert fixed.status_code == 422
    assert "expected residues up to 3" in fixed.json()["detail"]


def test_hostile_names_do_no_harm(server: ServerProcess, client: Any) -> None:
    name = "../../<script>alert(1)</script>\r\nx.fasta"
    text = (
        b">../../etc/passwd <b>\nMKTLLLTLVVV\n>\x1b[2J\x00\nMKT\n><script>alert(1)</script>\nMKL\n"
    )
    answer = client.post("/api/jobs", files={"file": (name, text)}, data={"format": FORMATS})
    if answer.status_code == 202:
        job = answer.json()["id"]
        assert finished(client, job)["state"] == "done"
        page = client.get(f"/jobs/{job}/files/report.html")
        assert b"<script>alert" not in page.content
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "script-src 'sha256-" in policy
        folder = server.store / "jobs" / job
        assert all(p.resolve().is_relative_to(folder) for p in folder.rglob("*"))
        for path in ("../input", "..%2Finput", ".topo-resume", "%2Fetc%2Fpasswd", "%00"):
            assert client.get(f"/jobs/{job}/files/{path}").status_code in (200, 404)
            assert b"MKTLLL" not in client.get(f"/jobs/{job}/files/{path}").content
    else:
        assert answer.status_code == 422
        assert answer.json()["detail"].isprintable()
    for job in ("%2e%2e", "x" * 200, "%00", "é", "a'--"):
        assert client.get(f"/api/jobs/{job}").status_code in (404, 405)


def test_every_answer_has_the_security_headers(client: Any) -> None:
    for path in ("/", "/docs", "/api/health", "/static/site.js", "/none", "/api/jobs/none"):
        headers = client.get(path).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    for path in ("/", "/docs"):
        page = client.get(path).text
        assert "<script>" not in page
        assert "http://" not in page
        assert "https://" not in page
        assert "style=" not in page
    assert client.get("/static/swagger-ui.js").status_code == 200
    metrics = client.get("/api/metrics").text
    assert 'topo_request_seconds_count{method="GET",route="/api/health",status="200"}' in metrics


def test_a_worker_that_is_killed_loses_nothing(
    server: ServerProcess, client: Any, proteins: Path, expected: Path
) -> None:
    job = post(client, proteins, format=list(FORMATS)).json()["id"]
    deadline = time.monotonic() + 60
    while client.get(f"/api/jobs/{job}").json()["state"] == "queued":
        assert time.monotonic() < deadline
    os.kill(server.workers()[0], signal.SIGKILL)
    assert finished(client, job)["state"] == "done"
    assert contents(server.store / "jobs" / job / "results") == contents(expected)


def test_slow_clients_do_not_block_others(server: ServerProcess, client: Any) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(30)]
    for connection in slow[:15]:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    for connection in slow[15:]:
        connection.sendall(
            b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
        )
    for _ in range(5):
        begin = time.monotonic()
        assert client.get("/api/health").status_code == 200
        assert time.monotonic() - begin < 1
    for connection in slow:  # the server closes them after --slow-seconds
        connection.settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert len(connection.recv(4096)) < 4096
        connection.close()


def test_the_log_holds_no_content_and_no_id(server: ServerProcess, client: Any) -> None:
    secret = "MKWVTFISLLFLFSSAYS"
    data = {"sequences": f">confidential1\n{secret}\n>confidential1\n{secret}1"}
    assert client.post("/api/jobs", data=data).status_code == 422
    data = {"sequences": f">confidential1\n{secret}\n>confidential1\n{secret}"}
    job = client.post("/api/jobs", data=data).json()["id"]
    state = finished(client, job)
    assert state["notes"][0].startswith("input: ids that repeat")
    log = server.log.read_text()
    assert re.search(r"^20\d\d-\S+ \S+ INFO job done: 2 proteins in \S+ s$", log, re.MULTILINE)
    assert log.count("serving http://") == 1
    for text in (secret, "confidential", job, str(server.store)):
        assert text not in log
