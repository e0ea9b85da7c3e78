"""The built wheel, installed read-only, for a user without a home, in the C locale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
           "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # fmt: skip
_THREE_LINE = ">a\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSA\nSSSSSSSSSSSSSSSSSSSOOOOOOOOOOO\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel, which no user but root may write."""
    folder = tmp_path_factory.mktemp("installed")
    words = ("-m", "pip", "wheel", "--no-deps", "-w", folder, ROOT)
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    for path in (folder / "site", *(folder / "site").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in (folder, *folder.parents[:3]):
        if parent.name.startswith(("installed", "pytest-")):
            parent.chmod(0o755)
    return folder / "site"


@pytest.mark.endurance
def test_the_licences_of_bundled_programs_are_in_the_wheel(installed: Path) -> None:
    names = {path.name for path in installed.glob("*.dist-info/licenses/**/*") if path.is_file()}
    assert {"LICENSE", "3Dmol-LICENSE.txt", "3Dmol-THIRD-PARTY.txt"} <= names
    assert (installed / "topo" / "report" / "page" / "3Dmol-THIRD-PARTY.txt").is_file()


@pytest.mark.endurance
@pytest.mark.skipif(
    os.name != "posix" or os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root and setpriv, to become another user",
)
@pytest.mark.parametrize("home", ["/nonexistent", "/", None])
def test_every_verb_runs(installed: Path, home: str | None, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for parent in (work, tmp_path):
        parent.chmod(0o777)
    (work / "a.3line").write_text(_THREE_LINE)
    shutil.copy(ROOT / "data" / "example" / "proteins.3line", work / "set.3line")
    path = f"{installed}:{sysconfig.get_paths()['purelib']}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "LC_ALL": "C",
                   "OMP_NUM_THREADS": "1", "TMPDIR": str(work)}  # fmt: skip
    if home is not None:
        environment["HOME"] = home
    small = "--gcs 8 --lstm 8 --layers 1 --epochs 1 --wandb offline -o runs"
    for words in (
        "predict a.3line -o out --plots all",
        "evaluate --truth a.3line --predictions out/predicted_topologies.3line --resamples 0",
        "convert out/predicted_topologies.3line out/x.jsonl",
        f"train {small}",
        *(["data split set.3line -o folds.json --folds 2"] if shutil.which("mmseqs") else []),
    ):
        done = subprocess.run(
            [*_NOBODY, sys.executable, "-m", "topo", *words.split()],
            env=environment, cwd=work, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "PermissionError" not in done.stderr
    assert [*work.glob("topo-65534/kernels/*/*.kernel")]
