"""An installation for prediction alone: what it lacks is named in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from topo.cli.missing import PACKAGES

_SLIM = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, *a: None if name.partition(".")[0] in {packages} else found(name, *a)
from topo.cli.main import main
sys.argv[0] = "topo"
main()
"""


def slim(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as if the packages were not installed."""
    code = _SLIM.format(packages=sorted(PACKAGES))
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.fasta").write_text(">a\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSA\n")
    return tmp_path


@pytest.mark.slow
def test_prediction_needs_none_of_them(folder: Path) -> None:
    formats = ("gff3", "html", "deeptmhmm", "jsonl", "signalp")
    words = [word for name in formats for word in ("--format", name)]
    done = slim("predict", "a.fasta", "-o", "out", "--alternatives", "2", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "report.html").is_file()
    done = slim("convert", "out/predictions.jsonl", "a.3line", cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_server_needs_none_of_them(folder: Path) -> None:
    for package in ("fastapi", "uvicorn", "fastapi_swagger", "prometheus_client"):
        pytest.importorskip(package, reason=f"{package} is not installed (extra serve)")
    (folder / "text").write_text("this is no folder")
    done = slim("serve", "--port", "0", "--store", "text", cwd=folder)
    assert done.returncode == 2  # after the server has been loaded
    assert done.stderr.startswith("topo: text")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "package"),
    [
        ("predict a.fasta -o out --plots all", "matplotlib"),
        ("predict a.fasta -o out --structure-files", "biopython"),
        ("train --epochs 1", "(lightning|biopython|scipy)"),
    ],
)
def test_what_needs_more_says_so(words: str, package: str, folder: Path) -> None:
    done = slim(*words.split(), cwd=folder)
    assert done.returncode == 2
    line = rf"topo: {package} is not installed, which .* needs: pip install {package}, or pip "
    assert re.fullmatch(line + r"install topo-membrane for everything\n", done.stderr)
    assert not (folder / "out").exists()


def test_the_requirements_are_those_of_the_package() -> None:
    text = (ROOT / "requirements-predict.txt").read_text()
    slim_ones = {line for line in text.splitlines() if line and not line.startswith("#")}
    project = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert listed
    needed = set(re.findall(r'"([^"]+)"', listed[1]))
    assert slim_ones < needed
    names = {re.split("[<>=]", line)[0] for line in needed - slim_ones}
    assert names == set(PACKAGES.values())
