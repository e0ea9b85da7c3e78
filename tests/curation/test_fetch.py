"""`topo data fetch` against a server on this machine."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from topo.cli.main import main
from topo.curation.fetch import SOURCES, fetch
from topo.errors import TopoError

CONTENT = b'{"cv0": [{"id": "a", "sequence": "MKT", "labels": "III"}]}\n'
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = SOURCES["deeptmhmm"].file


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/broken":
            self.send_error(500)
            return
        self.send_response(200)
        extra = 10 if self.path == "/cut" else 0
        self.send_header("Content-Length", str(len(CONTENT) + extra))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = []
    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["topo", "data", "fetch", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_the_file_is_put_in_place_and_not_fetched_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    arguments = ["deeptmhmm", "-o", str(folder), "--url", f"{server}/x", "--sha256", SHA256.upper()]
    assert run(monkeypatch, *arguments) == 0
    assert (folder / FILE).read_bytes() == CONTENT
    assert capfd.readouterr().out.startswith(f"{folder / FILE}: ")
    assert run(monkeypatch, *arguments) == 0
    assert Handler.asked == ["/x"]


def test_a_stale_file_is_replaced(server: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("half of it")
    assert fetch("deeptmhmm", tmp_path, f"{server}/x", SHA256).read_bytes() == CONTENT


def test_a_wrong_checksum_is_one_line_and_leaves_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert run(monkeypatch, "deeptmhmm", "-o", str(folder), "--url", f"{server}/x") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"topo: {server}/x: cannot be fetched")
    assert SHA256 in line
    assert SOURCES["deeptmhmm"].sha256 in line
    assert not folder.exists()


@pytest.mark.parametrize(("path", "words"), [("/broken", "500"), ("/cut", "")])
def test_a_server_that_fails(
    server: str,
    path: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / FILE).write_text("old")
    url = f"{server}{path}"
    sha = "0" * 64 if path == "/cut" else SHA256
    assert run(monkeypatch, "deeptmhmm", "-o", str(tmp_path), "--url", url, "--sha256", sha) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"topo: {url}: cannot be fetched")
    assert words in line
    assert [p.name for p in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_text() == "old"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "no-url", "gopher://127.0.0.1/x"])
def test_no_server_there(url: str, tmp_path: Path) -> None:
    with pytest.raises(TopoError, match=f"^{url}: cannot be fetched") as caught:
        fetch("deeptmhmm", tmp_path, url)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_set_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(TopoError, match="no data set 'x'; there is deeptmhmm"):
        fetch("x", tmp_path)


def test_the_known_address_and_checksum_are_those_in_the_readme() -> None:
    source = SOURCES["deeptmhmm"]
    readme = (Path(__file__).resolve().parents[2] / "data" / "README.md").read_text()
    assert source.sha256 in readme
    assert len(bytes.fromhex(source.sha256)) == 32
    assert source.url.startswith("https://")
    assert source.url.endswith(f"/{source.file}")
