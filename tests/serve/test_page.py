"""The page of ``topo serve`` in a real browser, from the first visit to the deleted job."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import ServerProcess, finished

pytest.importorskip("selenium", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver"),
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
READY = """
const frame = document.getElementById('report');
const body = frame.contentDocument && frame.contentDocument.body;
return Boolean(body && body.dataset.ready === 'yes');
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Page:
    """The browser on the page of a server."""

    def __init__(self, driver: Any, server: ServerProcess) -> None:
        self.driver, self.server = driver, server

    def element(self, name: str) -> Any:
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.ID, name)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def wait(self, script: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.02)

    def size(self, width: int, height: int, dark: bool) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def shot(self, name: str) -> None:
        """Save a picture to the folder TOPO_TEST_SHOTS, if that is set."""
        if folder := os.environ.get("TOPO_TEST_SHOTS"):
            options = {"format": "png", "captureBeyondViewport": True}
            data = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(data))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory, server: ServerProcess) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    folder = str(tmp_path_factory.mktemp("downloads"))
    behavior = {"behavior": "allow", "downloadPath": folder}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    browser.downloads = Path(folder)
    yield browser
    browser.quit()


@pytest.fixture
def page(driver: Any, server: ServerProcess) -> Iterator[Page]:
    """The start page; the test fails on a message in the console or a request to another host."""
    driver.get_log("performance")
    found = Page(driver, server)
    found.size(1280, 900, dark=False)
    driver.get(server.url)
    found.wait("return !document.getElementById('form').hidden")
    yield found
    assert not driver.get_log("browser")
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"].endswith("BeSent")]
    assert urls
    own = (server.url, "data:", "blob:")
    assert not [url for url in urls if not url.startswith(own)]


@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 900, False), (390, 844, True)])
def test_the_whole_way(page: Page, width: int, height: int, dark: bool) -> None:
    page.size(width, height, dark)
    page.run("document.getElementById('options').open = true")
    page.shot(f"form-{width}")
    page.element("example").click()
    page.wait("return document.getElementById('sequences').value.startsWith('>')")
    page.element("submit").click()
    page.wait("return document.getElementById('state').textContent.startsWith('Done: 5 proteins')")
    page.wait(READY)
    assert page.run("return document.activeElement.id") == "job-title"
    page.shot(f"job-{width}")
    assert page.run(OVERFLOW) <= 0
    check_report(page, f"report-{width}")
    address = page.driver.current_url
    job = address.rsplit("/", 1)[1]
    archive = fetch(page, "all files (zip)", "results.zip")
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert {"summary.tsv", "report.html", "topologies.gff3"} <= {*files.namelist()}
    page.driver.get(address)
    page.wait("return document.getElementById('state').textContent.startsWith('Done: 5 proteins')")
    page.wait(READY)
    assert page.element("link").get_attribute("href") == address
    page.element("delete").click()
    page.driver.switch_to.alert.accept()
    page.wait("return document.getElementById('message').textContent.includes('deleted')")
    assert page.driver.current_url == page.server.url + "/"
    assert not (page.server.store / "jobs" / job).exists()


def check_report(page: Page, name: str) -> None:
    """Open a protein in the report and check what is shown."""
    from selenium.webdriver.common.by import By

    page.driver.switch_to.frame("report")
    rows = page.driver.find_elements(By.CSS_SELECTOR, "tr[data-at]")
    assert len(rows) == 5
    page.run("document.querySelector('tr[data-at=\"1\"]').click()")
    page.wait("return !document.getElementById('protein').hidden")
    page.wait("return document.querySelector('#protein svg') !== null")
    page.driver.switch_to.default_content()
    page.shot(name)


def fetch(page: Page, text: str, name: str) -> bytes:
    """Click a download and return the file."""
    from selenium.webdriver.common.by import By

    path = page.driver.downloads / name
    path.unlink(missing_ok=True)
    page.driver.find_element(By.LINK_TEXT, text).click()
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return path.read_bytes()


def test_bare_residues_a_refusal_and_known_positions(page: Page) -> None:
    page.element("sequences").send_keys("MKTLLL1")
    page.element("submit").click()
    page.wait("return !document.getElementById('refusal').hidden")
    assert "expected" in page.element("refusal").text
    page.element("clear").click()
    page.element("sequences").send_keys("MKTLLLTLVVVTIVCLDLGYTEEQPQTKSALL")
    page.run("document.getElementById('options').open = true")
    page.element("known").send_keys("1-5:inside")
    page.element("submit").click()
    page.wait("return document.getElementById('state').textContent.startsWith('Done: 1 protein')")
    job = page.driver.current_url.rsplit("/", 1)[1]
    with page.server.client() as client:
        assert finished(client, job)["residues"] == 32
        text = client.get(f"/api/jobs/{job}/results/3line").text
    assert text.splitlines()[2].startswith("IIIII")
    assert not [m for m in page.driver.get_log("browser") if "422" not in m["message"]]


def test_the_reference_of_the_service(page: Page) -> None:
    page.driver.get(page.server.url + "/docs")
    page.wait("return document.querySelectorAll('.opblock').length >= 8")
    page.shot("reference")
