"""All pages of ``topo serve`` by the rules of axe-core, on desktop and phone, bright and dark."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from browsers import MARKS, check_accessibility, resize, wait
from server_process import ServerProcess, fasta, finished

pytestmark = MARKS
STATES = {
    "queued": {"position": 3, "seconds_left": 200},
    "running": {"residues_done": 40, "seconds_left": 20},
    "failed": {"error": "the prediction failed"},
}


def open_site(driver: Any, server: ServerProcess, path: str = "/") -> None:
    driver.get("about:blank")
    driver.get(server.url + path)
    wait(driver, "return document.readyState === 'complete'")


def form(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server)
    driver.execute_script("document.getElementById('options').open = true")
    driver.execute_script("document.getElementById('submit').click()")
    wait(driver, "return !document.getElementById('refusal').hidden")


def login(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server)
    driver.execute_script("show('login'); say('login-refusal', 'found another token')")


def missing_job(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server, "/jobs/nothing")
    wait(driver, "return document.getElementById('message').textContent.includes('no such job')")


def missing_page(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server, "/nothing")
    assert driver.title == "Not Found: topo"


def job_page(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server, f"/jobs/{job}")
    wait(driver, "return !document.getElementById('report').hidden")


def report(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server, f"/jobs/{job}/files/report.html")
    wait(driver, "return document.body.dataset.ready === 'yes'")
    driver.execute_script("document.querySelector('tr[data-at]').click()")
    wait(driver, "return document.querySelector('#protein svg') !== null")


def reference(driver: Any, server: ServerProcess, job: str) -> None:
    open_site(driver, server, "/docs")
    wait(driver, "return document.querySelectorAll('.opblock').length >= 8")
    for kind in ("post", "get", "delete"):  # the first of each, opened for a trial
        for control in ("opblock-summary-control", "try-out__btn"):
            selector = f".opblock-{kind} .{control}"
            wait(driver, f"return document.querySelector('{selector}') !== null")
            driver.execute_script(f"document.querySelector('{selector}').click()")
    wait(driver, "return document.querySelectorAll('.btn.execute').length === 3")


PAGES = [form, login, missing_job, missing_page, job_page, report, reference]


@pytest.fixture(scope="module")
def job(server: ServerProcess) -> dict[str, Any]:
    with server.client() as client:
        data = {"sequences": fasta(3, seed=1), "probabilities": "csv"}
        return finished(client, client.post("/api/jobs", data=data).json()["id"])


@pytest.fixture(params=[(1280, False), (1280, True), (390, False), (390, True)], ids=str)
def screen(request: pytest.FixtureRequest, driver: Any) -> Any:
    """The browser with a width, in the bright or the dark scheme."""
    width, dark = request.param
    resize(driver, width, 900)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    yield driver
    driver.get("about:blank")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.get_log("browser")


@pytest.mark.parametrize("visit", PAGES, ids=lambda visit: visit.__name__)
def test_a_page(
    screen: Any, server: ServerProcess, job: dict[str, Any], visit: Callable[..., None]
) -> None:
    visit(screen, server, job["id"])
    check_accessibility(screen)
    check_width(screen)


def test_a_job_in_each_state(screen: Any, server: ServerProcess, job: dict[str, Any]) -> None:
    open_site(screen, server)
    for state, values in STATES.items():
        shown = {**job, "state": state, "results": {}, "residues": 100, "residues_done": 0}
        shown |= {"finished": None, "expires": None, "notes": ["left out 1 record"], **values}
        screen.execute_script(f"show('job'); display({json.dumps(shown)})")
        check_accessibility(screen)
        check_width(screen)


def check_width(driver: Any) -> None:
    """Check that the page does not scroll sideways."""
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert driver.execute_script(script) <= 0
