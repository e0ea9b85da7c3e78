"""`topo models` and `--model NAME`: search path, download from a server on this machine, faults."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import ROOT, command

from topo.errors import CheckpointError, TopoError
from topo.models.catalogue import catalogue, files_of
from topo.models.download import get_model
from topo.models.folders import find_model, search_path

NAME = "topo-ensemble"
SOURCE = ROOT / "checkpoints"


class Handler(BaseHTTPRequestHandler):
    """Serves the models; a file can be answered wrongly once."""

    asked: list[str]
    wrong: dict[str, str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = (SOURCE / self.path.lstrip("/")).read_bytes()
        fault = self.wrong.pop(self.path.rpartition("/")[2], None)
        if fault == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"cut": content[:100], "changed": content[::-1]}.get(str(fault), content))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked, Handler.wrong = [], {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without a checkout, and an empty cache folder."""
    monkeypatch.setattr("topo.models.folders.model_folders", lambda name: [])
    monkeypatch.setenv("TOPO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("TOPO_MODELS", raising=False)
    monkeypatch.delenv("TOPO_MODELS_URL", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_table_has_the_checksums_of_the_checkpoints() -> None:
    assert set(catalogue()) == {"topo-base", "topo-ensemble", "topo-ensemble-blind"}
    for name, files in catalogue().items():
        paths = {p.relative_to(SOURCE / name).as_posix() for p in (SOURCE / name).rglob("*.*")}
        assert {file.name for file in files} == paths
        for file in files:
            content = (SOURCE / name / file.name).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == file[1:], (
                f"{name}/{file.name} has changed: run python checkpoints/list_models.py"
            )


def test_a_model_that_is_not_here_says_where_it_is_looked_for(tmp_path: Path, capsys) -> None:
    (tmp_path / "a.fasta").write_text(">a\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSA\n")
    assert command("predict", "a.fasta", "-o", "out", "--model", NAME) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"topo: {NAME} is not on this machine; looked for ")
    assert str(tmp_path / "cache" / "models" / NAME) in message
    assert f"topo models get {NAME} downloads 11.9 MB" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert command("models", "path", NAME) == 2
    assert capsys.readouterr().err == message


def test_get_puts_a_model_where_it_is_found(server: str, tmp_path: Path, capsys) -> None:
    assert command("models", "get", NAME, "--base-url", server) == 0
    folder = tmp_path / "cache" / "models" / NAME
    assert capsys.readouterr().out == f"{folder}\n"
    assert Handler.asked[-1] == f"/{NAME}/config.yaml"
    assert command("models", "path", NAME) == 0
    assert command("models", "get", NAME, "--base-url", server) == 0
    assert capsys.readouterr().out == f"{folder}\n{folder}: is there already\n"
    assert len(Handler.asked) == len(files_of(NAME))
    assert command("models", "list") == 0
    listed = capsys.readouterr().out
    assert f"{NAME}\t11.9 MB\t{folder}\n" in listed
    assert "topo-base\t5.9 MB\t- (topo models get topo-base)\n" in listed


@pytest.mark.slow
def test_a_downloaded_model_predicts(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from topo import load_model

    monkeypatch.setenv("TOPO_MODELS_URL", server + "/")
    monkeypatch.setenv("TOPO_MODELS", str(tmp_path / "models"))
    assert command("models", "get", NAME) == 0
    assert load_model(NAME).path == tmp_path / "models" / NAME


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("changed", "found SHA-256 "),
        ("cut", "cannot be fetched ("),
        ("missing", "404"),
    ],
)
def test_a_failed_download_is_one_line_and_continues(
    fault: str, message: str, server: str, tmp_path: Path, capsys
) -> None:
    Handler.wrong = {"config.yaml": fault}
    assert command("models", "get", "topo-base", "--base-url", server) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"topo: {server}/topo-base/config.yaml: cannot be fetched (")
    assert message in error
    folder = tmp_path / "cache" / "models" / "topo-base"
    assert not (folder / "config.yaml").exists()
    with pytest.raises(CheckpointError, match=r"config.yaml is missing .*topo models get"):
        find_model("topo-base")
    asked = len(Handler.asked)
    assert command("models", "get", "topo-base", "--base-url", server) == 0
    assert len(Handler.asked) == asked + 1
    assert find_model("topo-base") == folder


def test_no_network(tmp_path: Path, capsys) -> None:
    assert command("models", "get", NAME, "--base-url", "http://127.0.0.1:9") == 2
    assert "no connection to the server" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_damaged_model_is_repaired(server: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(SOURCE / "topo-base", folder)
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert get_model("topo-base", folder, server) == folder
    assert Handler.asked == ["/topo-base/model.safetensors"]
    with pytest.raises(TopoError, match="no model 'typo'; there is topo-base"):
        get_model("typo", folder, server)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of folders")
def test_a_folder_that_cannot_be_written(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "file"
    full.write_text("no folder")
    monkeypatch.setenv("TOPO_MODELS", str(full / "models"))
    with pytest.raises(TopoError, match=r"file/models/topo-base: cannot be written; -o or "):
        get_model("topo-base", base=server)
    assert Handler.asked == []


def test_a_prepared_folder_comes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPO_MODELS", str(tmp_path / "opt"))
    shutil.copytree(SOURCE / NAME, tmp_path / "opt" / NAME)
    shutil.copytree(SOURCE / NAME, tmp_path / "cache" / "models" / NAME)
    for path in (tmp_path / "opt").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert find_model(NAME) == search_path(NAME)[0] == tmp_path / "opt" / NAME
    (tmp_path / "opt" / NAME / "metrics.json").chmod(0o644)
    (tmp_path / "opt" / NAME / "metrics.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not that of this version"):
        find_model(NAME)
