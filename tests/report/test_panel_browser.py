"""The opened protein of ``report.html`` in a browser: linked drawings, zoom, saving, phones."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from browsers import MARKS, check_quiet, open_page, resize, text, wait
from golden_proteins import prediction

from topo.protein import Alternatives, Prediction, Topology
from topo.report.document import protein_document
from topo.report.panel import color_key, color_style, panel_html, panel_script, panel_style
from topo.report.predictions_page import open_page as write_page
from topo.report.template import fill_page

pytestmark = MARKS
WIDTHS = (1400, 390)


def helical(lengths: list[int], side: str = "O") -> str:
    labels = ""
    for k, length in enumerate(lengths):
        labels += (side if k % 2 == 0 else "M") * length
        side = {"I": "O", "O": "I"}[side] if k % 2 else side
    return labels


def barrel(strands: int) -> str:
    return "S" * 21 + "P" * 6 + ("B" * 9 + "O" * 15 + "B" * 9 + "PPPP") * (strands // 2)


GPCR = helical([36, 26, 11, 25, 14, 24, 18, 22, 25, 28, 30, 24, 9, 22, 40])
SAMPLES = {
    "sp|P08100|OPSD_HUMAN": GPCR,
    "channel": helical([130, *[21, 30, 22, 8] * 12], "I"),
    "single": "S" * 22 + "O" * 120 + "M" * 23 + "I" * 40,
    "ompA": barrel(8),
    "fhuA": barrel(22),
    "gfp": "I" * 238,
    "lysozyme": "S" * 18 + "O" * 130,
    "long": helical([900, 21, 12, 22, 300, 23, 8, 21, 693], "I"),
}


def sample(name: str) -> Prediction:
    labels = SAMPLES[name]
    found = prediction(name, ("MKTAYLIVGWQE" * 200)[: len(labels)], labels, 0.875)
    described = {"description": f"{name} Rhodopsin & <others>" if "OPSD" in name else name}
    others = Alternatives(
        (Topology(labels, 0.81), Topology(labels.replace("M", "I"), 0.1)), 0.09, 0.04,
        (0.1, *[0.0] * 6, 0.88, 0.02), 0.05,
    )  # fmt: skip
    return replace(found, metadata=described, alternatives=others if "OPSD" in name else None)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "report.html"
    with write_page(path, ["summary.tsv"]) as page:
        for name in SAMPLES:
            page.write(sample(name))
    return path


@pytest.fixture
def show(driver: Any, page: Path) -> Iterator[Any]:
    """A function that opens a protein; the test fails on a message or a request of the page."""

    def open_protein(name: str, width: int = 1400, height: int = 900) -> Any:
        resize(driver, width, height)
        open_page(driver, f"{page.as_uri()}#id={name}")
        assert text(driver, "#name") == name
        return driver

    yield open_protein
    check_quiet(driver)
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def values(browser: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    return browser.execute_script(script, selector)


def send(browser: Any, element: str, *keys: str) -> None:
    from selenium.webdriver.common.by import By

    browser.find_element(By.ID, element).send_keys(*keys)


def focused(browser: Any) -> tuple[str, ...]:
    """The residue in focus by the reading, the sequence, the diagram's ring, and the segments."""
    reading = text(browser, "#reading").split()[0]
    letter = "".join(values(browser, "#sequence b.focus"))
    ring = browser.execute_script(
        "const ring = document.querySelector('#snake .pointer');"
        "const bead = [...document.querySelectorAll('#snake g[data-at]')].find(g => "
        "g.querySelector('circle').getAttribute('cx') === ring.getAttribute('cx') && "
        "g.querySelector('circle').getAttribute('cy') === ring.getAttribute('cy'));"
        "return bead ? bead.querySelector('title').textContent.split(' ')[0] : 'fold'"
    )
    segment = "".join(values(browser, "#segments tr.focus td:first-child"))
    return reading, letter, ring, segment


def test_the_answer_comes_first(show: Any) -> None:
    browser = show("sp|P08100|OPSD_HUMAN")
    assert text(browser, "#description") == "Rhodopsin & <others>"
    assert text(browser, "#answer") == "Helical membrane protein, 7 helices, N-terminus outside."
    facts = dict(zip(values(browser, "#facts dt"), values(browser, "#facts dd"), strict=True))
    assert facts == {
        "Length": "354 residues",
        "N-terminus": "outside",
        "C-terminus": "inside",
        "Confidence": "0.875",
    }
    assert values(browser, "#type-bars b") == ["80.0 %", "5.0 %", "5.0 %", "5.0 %", "5.0 %"]
    assert values(browser, "#type-bars .picked span") == ["TM"]
    assert "order, number and sides of all segments are right" in text(browser, "#trust")
    addresses = browser.execute_script(
        "return [...document.querySelectorAll('#links a')].map(a => a.href)"
    )
    assert [address.split("/")[2] for address in addresses] == [
        "www.uniprot.org", "alphafold.ebi.ac.uk", "www.ebi.ac.uk",
    ]  # fmt: skip
    assert all("P08100" in address for address in addresses)
    places = browser.execute_script(
        "return ['.key', '#list', '#answer', '#snake', '#sequence'].map("
        "s => document.querySelector(s).getBoundingClientRect().top)"
    )
    assert places[0] < places[1], "the key of colours is above the list"
    assert places[2:] == sorted(places[2:]), "the answer comes first"


def test_alternatives_and_their_absence(show: Any) -> None:
    browser = show("sp|P08100|OPSD_HUMAN")
    assert values(browser, "#alternatives tbody td:last-child") == ["81.0 %", "10.0 %"]
    assert "7 helices" in values(browser, "#alternatives tbody td:first-child")[0]
    assert values(browser, "#odds li") == [
        "Any other topology: 9.0 %",
        "The predicted topology with its sides exchanged: 4.0 %",
        "N-terminus inside: 5.0 %",
    ]
    assert values(browser, "#counts span") == ["0", "7", "8 or more"]
    browser = show("gfp")
    assert "--alternatives" in text(browser, "#others-note")
    assert (
        browser.execute_script("return document.getElementById('alternatives').offsetHeight") == 0
    )


def test_description_is_searched(show: Any) -> None:
    browser = show("gfp")
    send(browser, "search", "rhodopsin & <oth")
    wait(browser, "return document.getElementById('shown').textContent.startsWith('1 of 8')")


def test_sequence_segments_traces_and_diagram_are_linked(show: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = show("sp|P08100|OPSD_HUMAN")
    residues = sample("sp|P08100|OPSD_HUMAN").sequence

    def check(position: int, segment: str) -> None:
        name = f"{residues[position - 1]}{position}"
        assert focused(browser) == (name, name[0], name, segment)

    browser.execute_script("document.getElementById('sequence').scrollIntoView({block: 'center'})")
    letter = browser.find_elements(By.CSS_SELECTOR, "#sequence b")[79]
    ActionChains(browser).move_to_element(letter).perform()
    check(80, "membrane helix 2")
    send(browser, "sequence", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    check(82, "membrane helix 2")
    send(browser, "residue", Keys.ARROW_LEFT)
    check(81, "membrane helix 2")
    send(browser, "snake", Keys.HOME)
    check(1, "outside 1")
    send(browser, "traces", Keys.END)
    check(354, "inside 4")
    row = browser.find_elements(By.CSS_SELECTOR, "#segments tbody tr")[1]
    row.send_keys(Keys.ENTER)
    check(49, "membrane helix 1")
    browser.execute_script("document.getElementById('snake').scrollIntoView({block: 'center'})")
    bead = browser.find_element(By.CSS_SELECTOR, "#snake g[data-at='40'] circle")
    ActionChains(browser).move_to_element(bead).perform()
    check(41, "membrane helix 1")
    send(browser, "sequence", Keys.HOME, *[Keys.ARROW_RIGHT] * 15)
    assert focused(browser)[::2] == ("A16", "fold"), "a folded residue is shown at its fold"


def test_a_resting_pointer_keeps_the_residue_that_keys_chose(show: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = show("long")
    browser.execute_script("document.getElementById('sequence').scrollIntoView({block: 'center'})")
    letters = browser.find_elements(By.CSS_SELECTOR, "#sequence b")
    ActionChains(browser).move_to_element(letters[70]).perform()
    assert focused(browser)[0][1:] == "71"
    for key, chosen in ((Keys.END, len(letters)), (Keys.HOME, 1)):
        send(browser, "sequence", key)
        for _ in range(10):  # the browser tells of what scrolled below the pointer a little later
            time.sleep(0.05)
            assert focused(browser)[0][1:] == str(chosen)
    ActionChains(browser).move_to_element(letters[75]).perform()
    assert focused(browser)[0][1:] == "76"


def test_zoom_and_pan_of_a_long_protein(show: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    browser = show("long")
    assert text(browser, "#traces-range") == ""
    send(browser, "sequence", Keys.END)
    send(browser, "traces", "+", "+", "+")
    assert text(browser, "#traces-range").endswith("to 2000 of 2,000")
    assert values(browser, "#traces .overview"), "an overview shows which part is seen"
    send(browser, "traces", Keys.SHIFT, Keys.ARROW_LEFT)
    first, _, last, *_ = text(browser, "#traces-range").split()
    assert (int(last) - int(first) + 1, int(last) < 2000) == (250, True)
    send(browser, "sequence", Keys.HOME)
    assert text(browser, "#traces-range").startswith("1 to 250"), "the focus is brought into view"
    send(browser, "traces", Keys.NULL, "0")
    assert text(browser, "#traces-range") == ""
    size = "return document.querySelector('#snake svg').getBoundingClientRect().width"
    before = browser.execute_script(size)
    send(browser, "snake", "+")
    assert browser.execute_script(size) == pytest.approx(1.25 * before, abs=2)
    browser.execute_script("document.getElementById('snake-fit').click()")
    inside = "return document.getElementById('snake').clientWidth"
    assert browser.execute_script(size) <= browser.execute_script(inside)


def test_pictures_and_copies(show: Any) -> None:
    browser = show("ompA")
    browser.execute_script(
        "window.saved = [];"
        "const make = URL.createObjectURL.bind(URL);"
        "URL.createObjectURL = blob => { window.last = blob; return make(blob); };"
        "HTMLAnchorElement.prototype.click = function () {"
        "  const name = this.download, reader = new FileReader();"
        "  reader.onload = () => window.saved.push([name, reader.result]);"
        "  reader.readAsDataURL(window.last); };"
        "for (const id of ['snake-svg', 'traces-svg', 'snake-png', 'traces-png'])"
        "  document.getElementById(id).click();"
    )
    wait(browser, "return window.saved.length === 4")
    saved = {
        name: base64.b64decode(data.split(",")[1])
        for name, data in browser.execute_script("return window.saved")
    }
    assert set(saved) == {
        f"ompA_{kind}.{form}" for kind in ("snake", "traces") for form in ("svg", "png")
    }
    for name, data in saved.items():
        if name.endswith("png"):
            assert data.startswith(b"\x89PNG")
            assert len(data) > 5000
        else:
            drawing = minidom.parseString(data).documentElement.toxml()
            assert "Outer-membrane barrel, 8 strands" in drawing
            assert "ompA" in drawing
            assert 'class="pointer"' not in drawing
    browser.execute_script(
        "window.copied = []; Object.defineProperty(navigator, 'clipboard', {value: "
        "{writeText: async words => { window.copied.push(words); }}});"
        "for (const id of ['copy-answer', 'copy-fasta', 'copy-topology'])"
        "  document.getElementById(id).click();"
    )
    wait(browser, "return window.copied.length === 3")
    answer, fasta, topology = browser.execute_script("return window.copied")
    protein = sample("ompA")
    assert answer == (
        "ompA: Outer-membrane barrel, 8 strands, N-terminus in the periplasm; signal peptide 1-21."
    )
    assert "".join(fasta.splitlines()[1:]) == protein.sequence
    assert topology == f">ompA | BETA\n{protein.sequence}\n{protein.labels}\n"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_protein_at_every_width(show: Any, name: str, width: int) -> None:
    browser = show(name, width)
    wide = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], "nothing makes the page scroll sideways"
    letters = browser.execute_script(
        "return [...document.querySelectorAll('#snake g[data-at] text')].map("
        "e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)"
    )
    assert min(letters) >= 10, "letters are legible at 100 %"
    is_soluble = not set(SAMPLES[name]) & set("MB")
    assert bool(values(browser, "#snake .membrane")) != is_soluble
    strip = browser.execute_script(
        "return Math.max(...[...document.querySelectorAll('#rows tr[data-at] .mini')]"
        ".slice(0, 2).map(e => e.getBoundingClientRect().width))"
    )
    assert strip > 80 or width > 1000, "the strip of the topology stays on phones"
    if folder := os.environ.get("TOPO_SCREENSHOTS"):
        height = browser.execute_script("return document.documentElement.scrollHeight")
        resize(browser, width, min(height, 4000))
        path = Path(folder) / f"panel-{width}-{name.replace('|', '_')}.png"
        browser.save_screenshot(str(path))


def test_the_panel_alone_shows_a_document(driver: Any, tmp_path: Path) -> None:
    """Another page composes the panel without the list, under the same strict policy."""
    body = f"<main>{color_key()}{{{{protein}}}}</main>\n<p id=problem hidden></p>\n{{{{scripts}}}}"
    document = json.dumps(protein_document(sample("ompA")))
    call = f"showProtein({document}); document.body.dataset.ready = 'yes';"
    style = panel_style() + color_style()
    page = fill_page("Barrel", body, style, [panel_script(), call], protein=panel_html())
    (tmp_path / "one.html").write_text(page)
    resize(driver, 1400, 900)
    open_page(driver, (tmp_path / "one.html").as_uri())
    assert text(driver, "#answer").startswith("Outer-membrane barrel, 8 strands")
    beads = len(values(driver, "#snake g[data-at]"))
    assert beads == len(SAMPLES["ompA"])
    check_quiet(driver)
