"""Fenced commands of README and docs: each is run, or states why it is not."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT, command

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")),
    *sorted((ROOT / "docs").glob("**/*.md")),
]
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>run|not run: [^>]+?) -->\n)?"
    r"```(?P<language>sh|bash|python)\n(?P<text>.*?)```",
    re.DOTALL,
)
_SHELL = re.compile(r"[|<>$`*;&]")


class Block(NamedTuple):
    """A fenced block: its mark (None without one), its language and its text."""

    mark: str | None
    language: str
    text: str


def _blocks(page: Path) -> list[Block]:
    return [Block(**match.groupdict()) for match in _BLOCK.finditer(page.read_text())]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


RUN = [page for page in PAGES if any(block.mark == "run" for block in _blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    unmarked = [block.text for block in _blocks(page) if block.mark is None]
    assert not unmarked


def test_most_pages_run_commands() -> None:
    assert len(RUN) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=_name)
def test_commands_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the blocks of a page in one folder, in order."""
    for name in ("data", "configs", "checkpoints"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for block in _blocks(page):
        if block.mark == "run":
            _run(block, capsys)


def _run(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    if block.language == "python":
        exec(compile(block.text, "<documentation>", "exec"), {"__name__": "__main__"})
        return
    for line in _lines(block.text):
        code = _run_line(line)
        assert code == 0, f"{line}\n{capsys.readouterr().err}"


def _lines(text: str) -> Iterator[str]:
    """Yield the commands of a block, with continued lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _run_line(line: str) -> int:
    """Run one command; plain calls of topo run in this process, which saves their start."""
    if line.startswith("topo ") and not _SHELL.search(line):
        return command(*shlex.split(line, comments=True)[1:])
    topo = f'topo() {{ {shlex.quote(sys.executable)} -m topo "$@"; }}; '
    return subprocess.run(["bash", "-euo", "pipefail", "-c", topo + line], check=False).returncode
