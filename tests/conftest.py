"""Shared fixtures: where the real data sets are, and what to say where they are not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile("topo", deadline=None)  # machines that tests share pause at any time
settings.load_profile("topo")


def command(*arguments: object) -> int:
    """Run the command line in this process and return its exit code."""
    from topo.cli.main import main

    old = sys.argv
    sys.argv = ["topo", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = old
    return 0


def _data_dir() -> Path:
    return Path(os.environ.get("TOPO_DATA_DIR", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = _data_dir()
    if folder.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no data sets in {folder} (set TOPO_DATA_DIR)")
    for item in items:
        if "data" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the real data sets; tests that use it carry ``@pytest.mark.data``."""
    return _data_dir()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests cache away from the user's cache, except for compiled code."""
    from topo.caches.folders import user_folder

    if (folder := user_folder()) is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / "kernels"))
    os.environ["TOPO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT heard, here and in child processes, also where the tests run in the background.

    A shell has its background jobs ignore it, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint with random weights."""
    import torch

    from topo.checkpoint import save_checkpoint
    from topo.config import load_config
    from topo.nn.tagger import Tagger

    torch.manual_seed(0)
    small = {"model.encoder.gcs": 8, "model.recurrent.size": 8, "model.recurrent.layers": 1}
    config = load_config(None, fields=small)
    path = tmp_path_factory.mktemp("model") / "small"
    save_checkpoint(path, Tagger(config.model, config.graph), config, {}, "card\n")
    return path


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running ``topo serve`` with the small model, one worker and low limits."""
    from server_process import NEEDS, ServerProcess

    for name in NEEDS:
        pytest.importorskip(name, reason=f"{name} is not installed (extra serve)")
    limits = {
        "--workers": 1,
        "--jobs-per-minute": 0,
        "--max-direct": 5,
        "--max-proteins": 80,
        "--max-residues": 3000,
        "--max-job-residues": 40_000,
        "--max-megabytes": 0.3,
        "--slow-seconds": 2,
        "--drain": 5,
    }
    words = [word for pair in limits.items() for word in pair]
    found = ServerProcess(tmp_path_factory.mktemp("serve") / "store", model, *words)
    yield found
    assert found.stop() == 0


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless chromium, for tests that ``browsers.MARKS`` marks."""
    from browsers import open_browser

    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
