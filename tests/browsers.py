"""Headless chromium for tests of pages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_AXE = "node_modules/axe-core/axe.min.js"
"""File of axe-core in the package axe_selenium_python."""

_OLDEST_AXE = (4, 10)
"""Earlier versions have other rules."""


@contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """Start chromium with a profile of its own; it records all messages of the console."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield browser
    browser.quit()


def resize(driver: Any, width: int, height: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )


def open_page(driver: Any, address: str) -> None:
    """Load a page and wait until it is drawn."""
    driver.get("about:blank")
    driver.get(address)
    wait(driver, "return document.body.dataset.ready === 'yes'")


def check_quiet(driver: Any) -> None:
    """Check that the console has no message and that the page reports no problem."""
    messages = [entry for entry in driver.get_log("browser") if "favicon" not in entry["message"]]
    assert not messages
    assert not driver.execute_script("return !document.getElementById('problem').hidden")


def wait(driver: Any, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60, poll_frequency=0.05).until(lambda d: d.execute_script(script))


def text(driver: Any, selector: str) -> str:
    return driver.execute_script(
        "return document.querySelector(arguments[0]).textContent", selector
    )


def check_accessibility(driver: Any) -> None:
    """Check the document by all rules of axe-core: the file TOPO_TEST_AXE, or that of a package."""
    driver.set_script_timeout(300)
    driver.execute_script(_axe().read_text(encoding="utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[0])")
    assert found["passes"]
    assert not [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]]


def _axe() -> Path:
    if chosen := os.environ.get("TOPO_TEST_AXE"):
        return Path(chosen)
    spec = find_spec("axe_selenium_python")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, _AXE)
        if path.is_file() and _axe_version(path) >= _OLDEST_AXE:
            return path
    pytest.skip("axe-core 4.10 or later is not installed (axe-selenium-python 3, Python 3.12)")


def _axe_version(path: Path) -> tuple[int, ...]:
    """Return the version that a file of axe-core states in its first line."""
    with path.open(encoding="utf-8") as file:
        found = re.search(r"axe v(\d+)\.(\d+)", file.readline(200))
    return tuple(map(int, found.groups())) if found else (0,)
