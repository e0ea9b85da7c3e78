"""Cache of compiled kernels: where it lies, what is read from it, and work without it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from topo.caches import folders, kernels
from topo.caches.kernels import CacheFolder, kernel_folder, njit


@pytest.fixture
def no_home(monkeypatch, tmp_path: Path) -> Path:
    """Have no home and no variable that names a folder, and TMPDIR in the test's folder."""
    for name in ("TOPO_CACHE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kernel_folder.cache_clear()
    yield tmp_path
    kernel_folder.cache_clear()


def _double(x):
    return x * 2


def _fresh():
    return njit(cache=True, nogil=True)(_double)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kernel"))


def test_only_the_cache_module_imports_numba() -> None:
    importers = [p for p in (ROOT / "topo").rglob("*.py") if "from numba" in p.read_text()]
    assert [path.name for path in importers] == ["kernels.py"]


def test_folder_is_private_without_a_home(no_home: Path) -> None:
    found = kernel_folder()
    assert found is not None
    assert not found.chosen
    assert found.path.is_relative_to(no_home / f"topo-{os.getuid()}")
    assert stat.S_IMODE((no_home / f"topo-{os.getuid()}").stat().st_mode) == 0o700


@pytest.mark.parametrize("home", [None, "/", "/nonexistent/of/nobody"])
def test_homes_that_are_no_folders_of_ours(no_home: Path, monkeypatch, home: str | None) -> None:
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(Path, "home", _no_home)
    else:
        monkeypatch.setenv("HOME", home)
        monkeypatch.setattr(folders, "is_writable", lambda path: path.is_relative_to(no_home))
        (no_home / f"topo-{os.getuid()}").mkdir(0o700)
    found = folders.cache_folder()
    assert found == no_home / f"topo-{os.getuid()}"


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("fault", ["open to others", "of another user", "a link", "a file"])
def test_private_folder_that_is_not_private_is_not_used(
    no_home: Path, monkeypatch, fault: str, tmp_path_factory
) -> None:
    path = no_home / f"topo-{os.getuid()}"
    if fault == "open to others":
        path.mkdir(0o700)
        path.chmod(0o777)
    elif fault == "of another user":
        path.mkdir(0o700)
        monkeypatch.setattr(folders, "is_own", lambda found: False)
    elif fault == "a link":
        path.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    else:
        path.write_text("")
    assert folders.private_folder() is None
    assert kernel_folder() is None
    assert _fresh()(21) == 42  # compiled without a cache


def test_the_user_s_choice_wins_and_may_be_read_only(no_home: Path, monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(no_home / "chosen"))
    found = kernel_folder()
    assert found == CacheFolder(no_home / "chosen" / kernels._version_key(), True)
    assert _fresh()(21) == 42
    before = _files(no_home)
    kernel_folder.cache_clear()
    monkeypatch.setattr(kernels, "is_writable", lambda path: False)
    assert kernel_folder() == found
    assert _fresh()(21) == 42
    assert _files(no_home) == before != []


def test_compiled_code_is_read_again(no_home: Path, monkeypatch) -> None:
    assert _fresh()(21) == 42
    assert len(_files(no_home)) == 1
    monkeypatch.setattr(kernels, "_write", None)  # a second compilation would call it
    assert _fresh()(4) == 8


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_code_is_read_again_under_every_umask(no_home: Path, monkeypatch, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert _fresh()(21) == 42
        monkeypatch.setattr(kernels, "_write", None)
        assert _fresh()(4) == 8
    finally:
        os.umask(before)


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "of an earlier release", "noise"])
def test_a_damaged_file_is_compiled_again(no_home: Path, damage: str) -> None:
    assert _fresh()(21) == 42
    (file,) = _files(no_home)
    content = file.read_bytes()
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    payload = b"ctopo.crf.paths\nRenamed\n."  # a pickle of a class that is gone
    signed = kernels.hashlib.sha256(payload).digest() + payload
    noise = np.random.default_rng(0).bytes(5000)
    contents = (b"", content[:99], bytes(changed), signed, noise)
    names = ("empty", "cut", "changed", "of an earlier release", "noise")
    file.write_bytes(dict(zip(names, contents, strict=True))[damage])
    assert _fresh()(21) == 42
    assert file.read_bytes()[:32] == kernels.hashlib.sha256(file.read_bytes()[32:]).digest()
    assert len(file.read_bytes()) > 1000


def test_code_of_another_user_is_never_unpickled(no_home: Path, monkeypatch) -> None:
    assert _fresh()(21) == 42
    for mode in (0o666, 0o664):
        (file,) = _files(no_home)
        file.chmod(mode)
        with monkeypatch.context() as patch:
            patch.setattr(kernels.pickle, "loads", None)
            assert kernels._read(file, False) is None
            assert kernels._read(file, True)
    file.chmod(0o644)
    monkeypatch.setattr(kernels, "is_trusted", lambda found: False)
    assert kernels._read(file, False) is None


def test_a_full_disk_costs_only_the_cache(no_home: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernels.os, "replace", full)
    assert _fresh()(21) == 42
    assert [p for p in no_home.rglob("*") if p.is_file()] == []


def test_other_sources_have_another_folder(monkeypatch) -> None:
    before = kernels._version_key()
    kernels._version_key.cache_clear()
    monkeypatch.setattr(kernels, "_SOURCES", ("crf/*.py",))
    try:
        assert kernels._version_key() != before
    finally:
        kernels._version_key.cache_clear()


def test_libraries_get_private_folders_without_a_home(no_home: Path) -> None:
    environment = {"MPLCONFIGDIR": "mine"}
    folders.redirect_libraries(environment)
    assert environment["MPLCONFIGDIR"] == "mine"
    assert environment["WANDB_CACHE_DIR"].startswith(str(no_home))
    os.environ["HOME"] = str(no_home)
    kept: dict[str, str] = {}
    folders.redirect_libraries(kept)
    assert kept == {}


@pytest.mark.slow
def test_warm_up_compiles_every_kernel(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "topo", "warm-up"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert str(tmp_path) in done.stdout
    written = {path.name.rpartition("-")[0] for path in _files(tmp_path)}
    import topo.crf.layer
    import topo.crf.orders
    import topo.grammar.legality  # noqa: F401

    names = {
        f"{kernel.py_func.__module__}.{kernel.py_func.__name__}"
        for kernel in kernels.KERNELS
        if kernel.py_func.__module__.startswith("topo.")
    }
    assert written == names
