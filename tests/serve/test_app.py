"""The application in this process: refusals, token, requests from other sites, a full disk."""

# ruff: noqa: E402

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

for _package in ("fastapi", "fastapi_swagger", "prometheus_client", "python_multipart", "httpx"):
    pytest.importorskip(_package, reason=f"{_package} is not installed (extra serve)")

from conftest import command
from fastapi.testclient import TestClient

from topo.errors import TopoError
from topo.inference import load_model
from topo.serve.app import make_app
from topo.serve.limits import Allowance, Limits, Room, client_of
from topo.serve.options import JobOptions
from topo.serve.pages import problem_page
from topo.serve.problems import ServiceError, StorageError
from topo.serve.run import Predictor
from topo.serve.server import _log_with_times
from topo.serve.service import Service
from topo.serve.store import ServerStore
from topo.serve.table import DONE, Job

FASTA = {"sequences": ">a\nMKTLLLTLVVV\n"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ServerStore]:
    found = ServerStore(tmp_path / "store")
    yield found
    found.close()


def service(store: ServerStore, model: Path, **limits: Any) -> Service:
    """A service whose jobs wait, because its queue is not started."""
    pool: Any = SimpleNamespace(deaths=0)
    return Service(store, Predictor(load_model(model), pool), Limits(**limits), 1)


def browser(held: Service, secret: str | None = None) -> TestClient:
    return TestClient(make_app(held, secret), raise_server_exceptions=False)


def test_clients_and_the_queue_are_limited(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model, jobs_per_minute=3, queue=5))
    answers = [client.post("/api/jobs", data=FASTA) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert [answer.json().get("position") for answer in answers[:3]] == [1, 2, 3]
    client = browser(service(store, model, jobs_per_minute=0, queue=1))
    assert client.post("/api/jobs", data=FASTA).status_code == 202
    full = client.post("/api/jobs", data=FASTA)
    assert full.status_code == 503
    assert int(full.headers["retry-after"]) > 0
    assert full.json()["detail"] == "the queue of 1 jobs is full; try later"


def test_a_body_of_unknown_length_is_limited(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model, body=10_000))
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n>a\n'
    answer = client.post(
        "/api/jobs",
        content=iter([head, *[b"M" * 100_000] * 40]),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_allowance_of_a_minute() -> None:
    now = [0.0]
    allowance = Allowance(2, lambda: now[0])
    assert [allowance.take("a"), allowance.take("a"), allowance.take("b")] == [0, 0, 0]
    now[0] = 20
    assert allowance.take("a") == 40
    now[0] = 60.1
    assert allowance.take("a") == 0


def test_a_client_is_an_address_or_a_network() -> None:
    assert client_of("192.0.2.7") == client_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert client_of("2001:db8:0:1::1") == "2001:db8:0:1::/64"
    assert client_of("testclient") == "testclient"


def test_room_for_requests_is_shared() -> None:
    room = Room(10, 6)
    assert [room.take("a", 6), room.take("a", 1), room.take("b", 5)] == [True, False, False]
    assert room.take("b", 4)
    room.give_back("a", 6)
    assert room.take("c", 6)


def test_what_is_received_at_a_time_is_limited(
    store: ServerStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser(service(store, model)).post("/api/jobs", data=FASTA).status_code == 202
    monkeypatch.setattr("topo.serve.security._ROOM", 0)
    answer = browser(service(store, model)).post("/api/jobs", data=FASTA)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"] == "too much is being received; try later"


def test_uploads_count_as_waiting_jobs(store: ServerStore, model: Path) -> None:
    held: Any = service(store, model, queue=3)
    used = SimpleNamespace(tasks_waiting=1, borrowed_tokens=1)
    held.uploads = SimpleNamespace(statistics=lambda: used)
    held.admit("a")
    used.borrowed_tokens = 2
    with pytest.raises(ServiceError, match="the queue of 3 jobs is full"):
        held.admit("a")


def test_the_unpacked_size_counts_in_bytes(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model, body=1000))
    answer = client.post("/api/jobs", files={"file": ("a", b">a " + b"\xff" * 400 + b"\nMKT\n")})
    assert answer.status_code == 413


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "utf-16"])
def test_other_charsets_are_refused(store: ServerStore, model: Path, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n\\ud800-9\r\n--b--\r\n'
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    client = browser(service(store, model), "secret")
    answer = client.post("/api/session", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["detail"] == f"found charset '{charset}', expected utf-8"
    kind = "multipart/form-data; boundary=b; charset=UTF-8"
    answer = client.post("/api/session", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 401


def test_browsers_get_errors_as_pages(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model), "secret")
    page = {"Accept": "text/html,*/*"}
    for path, status in (("/nothing", 404), ("/jobs/x/files/report.html", 401)):
        answer = client.get(path, headers=page)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client.get(path).headers["content-type"] == "application/problem+json"
    answer = client.get("/api/jobs/x", headers=page)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "<b>" not in problem_page("Not Found", "found <b>")


def test_a_token_is_needed_everywhere(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model), "secret")
    assert client.get("/api/health").status_code == 200
    assert client.get("/").status_code == 200
    for method, path in (
        ("POST", "/api/jobs"),
        ("POST", "/api/predict"),
        ("GET", "/api/jobs/x"),
        ("GET", "/api/jobs/x/events"),
        ("GET", "/jobs/x/files/report.html"),
        ("GET", "/api/metrics"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    right = {"Authorization": "Bearer secret"}
    assert client.post("/api/jobs", data=FASTA, headers=right).status_code == 202
    wrong = {"Authorization": "Bearer secre\u00e9".encode()}
    assert client.post("/api/jobs", data=FASTA, headers=wrong).status_code == 401
    assert client.post("/api/session", data={"token": "no"}).status_code == 401
    answer = client.post("/api/session", data={"token": "secret"})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "=secret" not in cookie
    assert client.post("/api/jobs", data=FASTA).status_code == 202


def test_other_sites_cannot_write(store: ServerStore, model: Path) -> None:
    client = browser(service(store, model))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert client.post("/api/jobs", data=FASTA, headers=headers).status_code == 403
        assert client.delete("/api/jobs/x", headers=headers).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}
    assert client.post("/api/jobs", data=FASTA, headers=own).status_code == 202


def test_a_full_disk_is_said_and_loses_nothing(
    store: ServerStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = service(store, model)
    client = browser(held)
    kept = client.post("/api/jobs", data=FASTA).json()["id"]

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("topo.serve.store._flush", full)
    answer = client.post("/api/jobs", data=FASTA)
    assert answer.status_code == 507
    assert answer.json()["detail"] == "the store cannot be written (No space left on device)"
    monkeypatch.undo()
    assert client.get(f"/api/jobs/{kept}").json()["state"] == "queued"
    assert [job.id for job in store.table.unfinished()] == [kept]
    assert not list((store.path / "incoming").iterdir())


def test_a_job_that_the_disk_stops_waits(
    store: ServerStore, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = service(store, model, drain=0.1)
    job = browser(held).post("/api/jobs", data=FASTA).json()["id"]
    monkeypatch.setattr("topo.serve.queue._PAUSE", 0.01)
    fails = [3]

    def run(*_: Any) -> dict[str, list[str]]:
        if fails[0]:
            fails[0] -= 1
            raise TopoError("x: cannot be written") from OSError(errno.ENOSPC, "full")
        return {}

    monkeypatch.setattr("topo.serve.queue.run_job", run)
    held.queue.start()
    deadline = time.monotonic() + 20
    while store.table.get(job).state != DONE:  # type: ignore[union-attr]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    held.queue.stop()
    assert fails == [0]


def test_a_defect_is_a_500_and_the_log_does_not_quote_it(
    store: ServerStore, model: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    held = service(store, model)

    def fail(*_: Any) -> None:
        raise ValueError("SECRET".join(["MK", ""]))

    monkeypatch.setattr(held, "accept", fail)
    with caplog.at_level(logging.INFO):
        answer = browser(held).post("/api/jobs", data=FASTA)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "unexpected ValueError" in caplog.text
    assert "MKSECRET" not in caplog.text + answer.text


def test_libraries_log_no_content(capsys: pytest.CaptureFixture[str]) -> None:
    loggers = [logging.getLogger(name) for name in ("topo.serve", "uvicorn", "asyncio")]
    before = [(x.handlers, x.propagate, x.level) for x in loggers]
    _log_with_times()
    try:
        raise ValueError("MKSECRET")
    except ValueError as error:
        logging.getLogger("asyncio").error("Task failed\nfuture: %r", error, exc_info=error)
        logging.getLogger("uvicorn.error").warning("Exception in application", exc_info=error)
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    lines = [line.split(" ", 2)[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["ERROR Task failed", "WARNING Exception in application"]


def test_events_end_with_the_job_and_with_the_server(store: ServerStore, model: Path) -> None:
    held = service(store, model)
    client = browser(held)
    first, second = (client.post("/api/jobs", data=FASTA).json()["id"] for _ in range(2))
    threading.Timer(0.3, held.queue.delete, (store.table.get(first),)).start()
    text = client.get(f"/api/jobs/{first}/events").text
    assert text.count("event: state") == 1
    assert text.count("event: deleted") == 1
    held.stopping = True
    assert client.get(f"/api/jobs/{second}/events").text.count("event: state") == 1


def test_results_expire(store: ServerStore, model: Path) -> None:
    held = service(store, model, lifetime=100.0)
    folder = store.receive()
    folder.input.write_text(">a\nM\n")
    name = store.accept(folder)
    options = JobOptions().model_dump(mode="json")
    job = Job(name, 0, 1, 1, options, 1024, "input", state=DONE, finished=time.time() - 99)
    store.table.add(job)
    held.queue.delete_expired()
    assert store.folder(name).input.exists()
    store.table.change(job, finished=time.time() - 101)
    held.queue.delete_expired()
    assert not store.folder(name).path.exists()
    assert store.table.get(name) is None


def test_what_a_killed_server_leaves_is_deleted(tmp_path: Path) -> None:
    first = ServerStore(tmp_path)
    with pytest.raises(TopoError, match="another server uses this store"):
        ServerStore(tmp_path)
    first.receive().input.write_text("x")
    (tmp_path / "jobs" / "unknown").mkdir()
    first.close()
    second = ServerStore(tmp_path)
    assert not list((tmp_path / "incoming").iterdir())
    assert not list((tmp_path / "jobs").iterdir())
    second.close()


def test_a_store_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises((TopoError, StorageError, NotADirectoryError)):
        ServerStore(file / "store")


def test_the_schema_documents_problems(store: ServerStore, model: Path) -> None:
    schema = browser(service(store, model)).get("/api/openapi.json").json()
    assert {*schema["paths"]} == {
        "/api/predict",
        "/api/jobs",
        "/api/jobs/{job_id}",
        "/api/jobs/{job_id}/events",
        "/api/jobs/{job_id}/results/{name}",
        "/api/health",
        "/api/metrics",
        "/api/session",
    }
    answers = schema["paths"]["/api/jobs"]["post"]["responses"]
    assert {"202", "401", "413", "422", "429", "503", "507"} <= {*answers}
    assert "application/problem+json" in answers["429"]["content"]


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command("serve") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith("pip install 'topo-membrane[serve]'\n")
