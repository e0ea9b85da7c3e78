"""``report.html`` in a real browser: headless chromium, driven by selenium."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import MARKS, check_quiet, open_page, resize, text, wait
from golden_proteins import prediction, proteins

from topo.config import dump_config, load_config
from topo.metrics.evaluation import evaluate
from topo.protein import Prediction, Protein
from topo.report.evaluation_files import write_evaluation
from topo.report.outputs import open_outputs
from topo.report.run_comparison import write_comparison
from topo.runs import Run

pytestmark = MARKS
GPCR = "O" * 36 + "M" * 24 + "I" * 9 + "M" * 23 + "O" * 14 + "M" * 24 + "I" * 62
MANY = 3000


def fake(number: int) -> Prediction:
    labels = GPCR if number % 3 == 0 else "I" * (50 + number % 200)
    sequence = "MKTAYLIVGW" * (len(labels) // 10 + 1)
    return prediction(f"many{number:04d}", sequence[: len(labels)], labels, (number % 100) / 100)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    odd = prediction("<b>odd</b>&|ü;%20", "MK" * 40, "I" * 80, 0.5)
    with open_outputs(folder, plots="none") as writers:
        for record in [*proteins(), odd, *map(fake, range(MANY))]:
            writers.write(record)
    return folder / "report.html"


@pytest.fixture
def browser(driver: Any, page: Path) -> Iterator[Any]:
    """The page, freshly loaded at desktop width; the test fails on any message in the console."""
    resize(driver, 1280, 900)
    open_page(driver, page.as_uri())
    yield driver
    check_quiet(driver)


def enter(driver: Any, field: str, value: str, shown: int) -> None:
    from selenium.webdriver.common.by import By

    driver.find_element(By.ID, field).send_keys(value)
    wait(driver, f"return document.getElementById('shown').textContent.startsWith('{shown:,} of')")


def rows(driver: Any) -> list[list[str]]:
    return driver.execute_script(
        "return [...document.querySelectorAll('#rows tr[data-at]')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )


def open_row(driver: Any, name: str) -> None:
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.by import By

    for _ in range(5):
        try:  # a row is replaced whenever the list changes its size
            driver.find_element(By.CSS_SELECTOR, "#list tr[data-at]").click()
            break
        except StaleElementReferenceException:
            continue
    wait(driver, f"return document.getElementById('name').textContent === {json.dumps(name)}")


def test_loads_counts_and_virtual_rows(browser: Any) -> None:
    total = len(proteins()) + 1 + MANY
    assert text(browser, "#shown") == f"{total:,} of {total:,} proteins shown"
    assert "GLOB" in text(browser, "#types")
    assert text(browser, "#total") == f"{total:,} proteins. Probabilities are rounded to 0.01."
    assert 10 < len(rows(browser)) < 60, "only the rows in view are in the document"
    browser.execute_script("document.getElementById('list').scrollTop = 1e9")
    wait(browser, "return [...document.querySelectorAll('#rows tr')].some("
         "row => row.textContent.includes('many2999'))")  # fmt: skip


def test_search_filter_and_sort(browser: Any) -> None:
    from selenium.webdriver.common.by import By

    enter(browser, "search", "MANY", MANY)
    enter(browser, "least", "3", MANY // 3)
    enter(browser, "confidence", "0.99", MANY // 300)
    browser.find_element(By.CSS_SELECTOR, "#types input[value=TM]").click()
    wait(browser, "return document.getElementById('shown').textContent.startsWith('0 of')")
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    wait(browser, "return document.getElementById('shown').textContent.startsWith('3,010 of')")
    header = browser.find_elements(By.CSS_SELECTOR, "#columns button")[2]
    header.click()
    lengths = [int(row[2]) for row in rows(browser)]
    assert lengths == sorted(lengths, reverse=True)
    sorts = browser.execute_script(
        "return [...document.querySelectorAll('#columns th')].map(c => c.getAttribute('aria-sort'))"
    )
    assert sorts == ["none", "none", "descending", "none", "none", "none", None]
    header.click()
    lengths = [int(row[2]) for row in rows(browser)]
    assert lengths == sorted(lengths)
    assert lengths[0] == 1


def test_opens_a_protein_with_its_drawings(browser: Any) -> None:
    enter(browser, "search", "sptm", 1)
    open_row(browser, "sptm")
    assert text(browser, "#answer") == (
        "Helical membrane protein, 1 helix, N-terminus outside; signal peptide 1-14."
    )
    spans = browser.execute_script(
        "return [...document.querySelectorAll('#segments tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    expected = [
        ["signal peptide 1", "1", "14", "14", "", "outside", "0.90"],
        ["outside 1", "15", "18", "4", "outside", "outside", "0.90"],
        ["membrane helix 1", "19", "38", "20", "outside", "inside", "0.90"],
        ["inside 1", "39", "41", "3", "inside", "inside", "0.90"],
    ]
    assert spans == expected
    assert "".join(text(browser, "#sequence").split()) == proteins()[1].sequence
    beads = "return document.querySelectorAll('#snake [data-at]').length"
    assert browser.execute_script(beads) == 41
    assert "cleaved after 14" in text(browser, "#snake svg")
    assert (
        browser.execute_script("return document.querySelectorAll('#traces polyline').length") == 6
    )
    assert text(browser, "#reading").startswith("M1 signal peptide: signal peptide 0.90")
    label = browser.execute_script(
        "return document.querySelector('#traces svg').getAttribute('aria-label')"
    )
    assert "membrane helix 19 to 38" in label


def test_probabilities_in_the_page_are_those_of_the_protein(browser: Any) -> None:
    """Read every residue through the slider, in a block that is not the first."""
    expected = fake(900)
    enter(browser, "search", expected.id, 1)
    open_row(browser, expected.id)
    readings = browser.execute_script(
        "const slider = document.getElementById('residue'), out = [];"
        "for (let k = 1; k <= Number(slider.max); k++) { slider.value = k; slider.oninput();"
        "out.push(document.getElementById('reading').textContent); } return out"
    )
    assert len(readings) == len(expected)
    names = {"I": "inside", "O": "outside", "M": "membrane helix"}
    for index, reading in enumerate(readings):
        name = names[expected.labels[index]]
        start = f"{expected.sequence[index]}{index + 1} {name}: {name} "
        assert reading.startswith(start)
        shown = float(reading.removeprefix(start).split(",")[0])
        assert shown == pytest.approx(float(np.max(expected.probabilities[index])), abs=0.0051)


def test_keyboard_alone(browser: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    table = browser.find_element(By.ID, "grid")
    table.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    wait(browser, "return document.getElementById('name').textContent === 'secreted'")
    assert browser.execute_script("return document.activeElement.id") == "name"
    table.send_keys(Keys.END)
    active = browser.execute_script(
        "return document.getElementById("
        "document.getElementById('grid').getAttribute('aria-activedescendant')).textContent"
    )
    assert active.startswith("many2999")


def test_odd_ids_are_text(browser: Any) -> None:
    enter(browser, "search", "<b>odd", 1)
    open_row(browser, "<b>odd</b>&|ü;%20")
    assert (
        browser.execute_script("return document.querySelectorAll('#name b, #rows b').length") == 0
    )
    browser.refresh()
    wait(browser, "return document.body.dataset.ready === 'yes'")
    assert text(browser, "#name") == "<b>odd</b>&|ü;%20", "the address names the protein"


def evaluation_page(folder: Path) -> Path:
    """A page with every table, figures, and a long id among the wrong proteins."""
    truth = [Protein(p.id * 9, p.sequence, p.labels) for p in proteins()[:5]]
    guesses = [replace(p, id=p.id * 9) for p in proteins()[:5]]
    guesses[0] = replace(guesses[0], labels="I" * len(guesses[0]))
    write_evaluation(evaluate(truth, guesses, resamples=10), folder)
    return folder / "report.html"


def runs_page(folder: Path) -> Path:
    """Compare two runs with long names."""
    for name in ("first", "second"):
        run = folder / (name * 12)
        run.mkdir()
        config = load_config(None, fields={"training.seed": len(name)})
        (run / "config.yaml").write_text(dump_config(config))
        Run(run).write_history([{"epoch": 0.0, "train_loss": 1.0}])
    return write_comparison([Run(path) for path in sorted(folder.iterdir())], folder)[1]


@pytest.mark.parametrize("make", [evaluation_page, runs_page])
def test_reports_have_a_dark_mode(
    driver: Any, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    page = make(tmp_path)
    for scheme, dark in (("dark", True), ("light", False)):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get(page.as_uri())
        style = "getComputedStyle(document.querySelector(arguments[0]))"
        paper = driver.execute_script(f"return {style}.backgroundColor", "body")
        assert (sum(int(part) for part in paper.strip("rgb()").split(",")) < 200) == dark
        plot = driver.execute_script(f"return {style}.filter", "figure svg")
        assert ("invert" in plot) == dark
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("make", [evaluation_page, runs_page])
def test_reports_fit_phones(driver: Any, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    page = make(tmp_path)
    resize(driver, 390, 844)
    driver.get(page.as_uri())
    widths = driver.execute_script(
        "return [document.documentElement.scrollWidth, innerWidth, screen.width]"
    )
    assert widths == [390, 390, 390], "laid out for the width, never scrolled sideways"
    tables = "[...document.querySelectorAll('.scroll')]"
    wide = f"return {tables}.some(e => e.scrollWidth > e.clientWidth)"
    assert driver.execute_script(wide), "wide tables scroll by themselves"
    if folder := os.environ.get("TOPO_SCREENSHOTS"):
        driver.save_screenshot(str(Path(folder) / f"{make.__name__}-390.png"))


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_fits_phones_and_dark_rooms(browser: Any, tmp_path: Path, width: int, dark: bool) -> None:
    resize(browser, width, 844)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    enter(browser, "search", "many0000", 1)
    open_row(browser, "many0000")
    widths = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], "nothing makes the page scroll sideways"
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in paper.strip("rgb()").split(","))
    assert (lightness < 200) == dark
    if folder := os.environ.get("TOPO_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"report-{width}{'-dark' if dark else ''}.png"))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
