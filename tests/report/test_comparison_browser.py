"""The pages of ``topo scan`` and ``topo diff`` in a browser: quiet, and fit for phones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import MARKS, open_browser, resize
from conftest import command

pytestmark = MARKS
SEQUENCE = "MKTLLVAGLLIVAGLLIVAGAAAKKKRDESTNQ"
LABELS = "I" * 4 + "M" * 18 + "O" * 11


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    words = ("scan", "--sequence", SEQUENCE, "--model", model, "-o", folder / "scan", "-q")
    assert command(*words, "--variant", "p.L10K", "--variant", "p.K2R", "--tag", "MHHHHHH") == 0
    known = folder / "known.3line"
    flipped = LABELS.translate(str.maketrans("IO", "OI"))
    known.write_text(
        "".join(f">{n} | TM\n{SEQUENCE}\n{t}\n" for n, t in {"a": LABELS, "b": flipped}.items())
    )
    assert command("diff", known, "-o", folder / "diff", "-q") == 0
    return {"scan": folder / "scan/scan.html", "diff": folder / "diff/diff.html"}


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["scan", "diff"])
def test_pages_are_quiet_and_fit(name: str, width: int, browser: Any, pages, capfd) -> None:
    resize(browser, width, 900)
    browser.get(pages[name].as_uri())
    assert not browser.get_log("browser")
    run = browser.execute_script
    assert run("return performance.getEntriesByType('resource').length") == 0
    assert run("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
    if name == "scan":
        drawn = run("return document.querySelector('.wide svg').getBoundingClientRect().width")
        assert drawn >= 640, "its letters are legible"
        assert "p.Leu10Lys" in run("return document.querySelector('main').textContent")
    else:
        colours = run(
            "return [...document.querySelectorAll('.key i')].map(i => "
            "getComputedStyle(i).backgroundColor)"
        )
        assert len(set(colours)) == len(colours) == 6
        bars = run("return document.querySelector('.bars').getBoundingClientRect().right")
        assert bars <= width, "the bars are seen without scrolling"
        assert "flipped M5-22" in run("return document.querySelector('.bars').textContent")
