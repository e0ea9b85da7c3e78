"""Make the pictures of the documentation again.

    python docs/make_images.py

Predicts the example set, takes screenshots of its report in headless chromium (needs selenium,
chromium and chromedriver), and draws the diagrams of the page "Report page".
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(1, str(ROOT / "tests"))

from browsers import open_browser, open_page, resize  # noqa: E402

from topo.io import read_predictions  # noqa: E402
from topo.protein import Prediction  # noqa: E402
from topo.report.snake.figure import draw_snake  # noqa: E402

IMAGES = ROOT / "docs" / "images"
DRAWN = {"P08100": "helices", "P00533": "signal", "P68142": "soluble"}
"""Example proteins whose diagrams are drawn, and the names of their pictures."""
OPENED = "P08100"
DPI = 84


def barrel() -> Prediction:
    """Return a barrel of eight strands with an invented sequence; the example set has none."""
    labels = "S" * 21 + "PPPPP"
    for loop in (14, 18, 12, 16):
        labels += "B" * 9 + "O" * loop + "B" * 9 + "PPPP"
    labels += "P" * 120
    draw = random.Random(0)
    likely = {"S": "LAVSTKI", "B": "VTYGNLSKDA"}
    sequence = "".join(draw.choice(likely.get(label, "DEKNQSTGPA")) for label in labels)
    return Prediction("invented barrel", "M" + sequence[1:], labels, "BETA")


@contextmanager
def report() -> Iterator[Path]:
    """Predict the example set into a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [
            sys.executable, "-m", "topo", "predict", "data/example/proteins.fasta", "-o", temporary,
            "--alternatives", "5", "--precision", "32",
        ]  # fmt: skip
        subprocess.run(command, cwd=ROOT, check=True)
        yield Path(temporary)


def shoot(browser: Any, page: Path, name: str, width: int, height: int, protein: str = "") -> None:
    """Save a screenshot of the page, with a protein opened."""
    resize(browser, width, height)
    open_page(browser, page.as_uri() + (f"#id={protein}" if protein else ""))
    time.sleep(0.5)  # until the panel has its size
    browser.save_screenshot(str(IMAGES / name))


def main() -> None:
    """Write all pictures to ``docs/images``."""
    with report() as folder, tempfile.TemporaryDirectory() as profile:
        with open_browser(Path(profile)) as browser:
            page = folder / "report.html"
            shoot(browser, page, "report.png", 1400, 1150, OPENED)
            shoot(browser, page, "report-phone.png", 390, 844)
        found = {p.id: p for p in read_predictions(folder / "predicted_topologies.3line")}
    drawn = {name: found[identifier] for identifier, name in DRAWN.items()} | {"barrel": barrel()}
    for name, prediction in drawn.items():
        draw_snake(prediction).savefig(IMAGES / f"snake-{name}.png", dpi=DPI)


if __name__ == "__main__":
    main()
