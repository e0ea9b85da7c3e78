"""Errors that nothing has named: one line, exit code 2, and the traceback on request."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import command

from topo.cli.failures import FAILURES
from topo.errors import TopoError
from topo.io.files import atomic_path
from topo.protein import Prediction

ERRORS = [
    (ValueError("a\nb"), "topo: ValueError: a b (topo --debug shows the traceback)"),
    (KeyError("epoch"), "topo: KeyError: 'epoch' (topo --debug shows the traceback)"),
    (AssertionError(), "topo: AssertionError (topo --debug shows the traceback)"),
    (MemoryError(), "topo: not enough memory"),
    (RecursionError("deep"), "topo: an input is nested too deeply"),
    (OSError(28, "No space left on device"), "topo: an output or TMPDIR: No space left on device"),
    (OSError(28, "No space left on device", "x.tsv"), "topo: x.tsv: No space left on device"),
    (PermissionError(13, "Permission denied", "/x"), "topo: /x: Permission denied"),
    (UnicodeEncodeError("ascii", "é", 0, 1, "no"), "topo: UnicodeEncodeError: 'ascii' codec"),
    (RuntimeError("x" * 9000), "topo: RuntimeError: xxx"),
    (RuntimeError("\x1b[31m[/x]"), r"topo: RuntimeError: \x1b[31m[/x]"),
    (TopoError("file: found x"), "topo: file: found x"),
]


@pytest.mark.parametrize(("error", "line"), ERRORS, ids=lambda x: str(x)[:30])
@pytest.mark.parametrize("debug", [False, True])
def test_any_error_is_one_line(
    error: Exception, line: str, debug: bool, monkeypatch, capsys, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("topo.runs.Run.config", fails)
    run = tmp_path / "run"
    words = ("runs", "compare", run, run)
    assert command(*(("--debug",) if debug else ()), *words) == 2
    printed = capsys.readouterr().err.strip().splitlines()
    assert printed[-1].startswith(line)
    assert len(printed[-1]) < 400
    assert ("Traceback (most recent call last):" in printed) == debug
    assert debug or len(printed) == 1


def test_a_closed_pipe_is_no_fault(capsys) -> None:
    assert FAILURES.report(BrokenPipeError()) == 1
    assert FAILURES.report(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "topo: interrupted\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("grammar", "--yaml")])
def test_full_standard_output(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "topo", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "topo: an output or TMPDIR: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_the_output_lacks_are_escaped(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    command_ = [sys.executable, "-m", "topo", "--help"]
    done = subprocess.run(command_, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""


class _Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_tmpdir_is_named_and_not_the_output(tmp_path: Path, monkeypatch) -> None:
    from topo.report.predictions_page import open_page

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: _Full())
    with (
        pytest.raises(TopoError, match=r"/tmp: cannot be written \(No space left on device\)"),
        open_page(tmp_path / "page.html") as page,
    ):
        page.write(Prediction("a", "MKT" * 9, "I" * 27, "GLOB", confidence=0.5))
    assert not list(tmp_path.iterdir())


def test_content_for_a_pipe_waits_in_tmpdir_which_is_named(tmp_path: Path, monkeypatch) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "tmp"
    os.mkfifo(pipe)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with (
        pytest.raises(TopoError, match=r"/tmp: cannot be written \(No space left on device\)"),
        atomic_path(pipe),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(folder.iterdir())


def test_an_error_without_a_file_names_tmpdir_where_that_is_full(monkeypatch, capsys) -> None:
    usage = SimpleNamespace(total=1 << 20, used=1 << 20, free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    monkeypatch.setattr(FAILURES, "debug", False)
    assert FAILURES.report(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == 2
    line = f"topo: {tempfile.gettempdir()} (TMPDIR): No space left on device\n"
    assert capsys.readouterr().err == line
