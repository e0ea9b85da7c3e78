"""Pages, panel and pictures of predictions with labels beyond the six."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from topo.io.grammar import load_grammar
from topo.labels.scheme import SIDE, SIX, Label, LabelScheme
from topo.protein import Prediction
from topo.report.answer import answer
from topo.report.document import protein_document
from topo.report.panel import color_key, color_style, list_script, panel_html, panel_script
from topo.report.predictions_page import open_page as write_page
from topo.report.snake.columns import HALF
from topo.report.snake.figure import draw_snake
from topo.report.snake.layout import lay_out
from topo.report.traces import draw_traces

CONFIGS = Path(__file__).parents[2] / "configs" / "labels"
EXTENDED = load_grammar(CONFIGS / "extended.yaml").scheme
OWN = load_grammar(CONFIGS / "helix-strand-coil.yaml").scheme
CHANNEL = (
    "I" * 20 + "M" * 21 + "O" * 14 + "R" * 20 + "O" * 12 + "M" * 21 + "I" * 9 + "R" * 6 + "I" * 12
)
COILS = "C" * 20 + "H" * 15 + "C" * 8 + "E" * 9 + "C" * 5


def predicted(name: str, labels: str, scheme: LabelScheme) -> Prediction:
    sequence = ("MKTAYLIVGWQE" * 50)[: len(labels)]
    letters = [scheme.index[letter] for letter in labels]
    probabilities = np.eye(len(scheme.letters), dtype=np.float32)[letters]
    kind = scheme.type_of(labels)
    kinds = np.array([float(name == kind) for name in scheme.type_names], dtype=np.float32)
    return Prediction(name, sequence, labels, kind, probabilities, kinds, 0.9, scheme=scheme)


@pytest.mark.parametrize(
    ("labels", "scheme", "sentence"),
    [
        (CHANNEL, EXTENDED,
         "Helical membrane protein, 2 helices, N-terminus inside; 2 re-entrant segments"),
        ("I" * 30 + "R" * 20 + "I" * 9, EXTENDED,
         "No segment crosses the membrane; 1 re-entrant segment"),
        ("T" * 30 + "I" * 30, EXTENDED,
         "Soluble protein, no membrane segment and no signal peptide; 1 transit peptide"),
        (COILS, OWN, "Type STRANDED, 5 segments: 1 helix, 1 strand, 3 coils"),
    ],
)  # fmt: skip
def test_sentence_names_labels_beyond_the_six(
    labels: str, scheme: LabelScheme, sentence: str
) -> None:
    assert answer(labels, scheme.type_of(labels), scheme) == sentence


def test_reentrant_segment_returns_to_its_side() -> None:
    snake = lay_out(predicted("channel", CHANNEL, EXTENDED))
    places = {index: (x, y) for index, x, y in snake.beads()}
    assert sorted(places) == list(range(len(CHANNEL)))
    for first, last, side in ((55, 74, -1), (117, 122, 1)):
        inner = [side * places[k][1] for k in range(first, last + 1)]
        assert max(inner) < HALF  # all of it is in the membrane
        assert places[first][1] == pytest.approx(places[last][1], abs=0.5)
        deepest = int(np.argmin(inner))
        assert 0 < deepest < last - first
        assert inner[deepest] < 0.8 * min(inner[0], inner[-1])
        assert places[last][0] > places[first][0] + 1
        for before, after in ((first, first - 1), (last, last + 1)):
            assert side * places[after][1] > side * places[before][1]
    assert [body.label for body in snake.bodies] == ["M", "R", "M", "R"]


def test_longer_reentrant_segments_are_deeper_then_wider() -> None:
    def size(length: int) -> tuple[float, float]:
        labels = "O" * 20 + "R" * length + "O" * 10
        beads = [
            (x, y)
            for index, x, y in lay_out(predicted("x", labels, EXTENDED)).beads()
            if 20 <= index < 20 + length
        ]
        xs, ys = zip(*beads, strict=True)
        return max(xs) - min(xs), max(ys) - min(ys)

    (narrow, shallow), (same, deep), (wide, level) = size(6), size(14), size(40)
    assert narrow == pytest.approx(same, abs=0.5)
    assert deep > 2 * shallow
    assert wide > 3 * same
    assert level > deep


def test_letters_of_a_scheme_may_stand_for_other_ones_of_the_six() -> None:
    renamed = LabelScheme(
        (
            Label("A", "in", "#112233", six="I"),
            Label("B", "out", "#445566", six="O"),
            Label("M", "hairpin", "#778899", six=SIDE),
            Label("X", "crossing", "#aabbcc", six="M"),
        )
    )
    labels = "A" * 9 + "X" * 20 + "B" * 9 + "M" * 14 + "B" * 6
    record = predicted("renamed", labels, renamed)
    assert [body.label for body in lay_out(record).bodies] == ["X", "M"]
    assert protein_document(record)["n_terminus"] == "inside"
    assert "Helical membrane protein, 1 helix" in protein_document(record)["answer"]
    assert draw_snake(record).axes
    script = panel_script(renamed) + list_script(renamed)
    assert 's.label === "X" ? 1 : s.label === "M" ? 0.7 : 0.4' in script
    assert "{{" not in re.sub(r"\$\{\{", "", script)


def test_document_has_the_labels_and_types_of_the_scheme() -> None:
    document = json.loads(json.dumps(protein_document(predicted("own", COILS, OWN))))
    assert document["topology"] == "C20H15C8E9C5"
    assert set(document["probabilities"]) == {"C", "H", "E"}
    assert set(document["type_probabilities"]) == set(OWN.type_names)
    assert (document["n_terminus"], document["c_terminus"]) == ("coil", "coil")
    assert document["diagram"]["membrane"] is None


def test_pictures_take_names_and_colours_from_the_scheme() -> None:
    for labels, scheme in ((CHANNEL, EXTENDED), (COILS, OWN)):
        record = predicted("x", labels, scheme)
        shown = {label.name for label in scheme.labels if label.letter in labels}
        words = {text.get_text() for text in draw_snake(record).axes[0].texts}
        assert shown <= words
        legend = draw_traces(record).legends[0]
        assert {text.get_text() for text in legend.get_texts()} == shown
        colors = {patch.get_facecolor() for patch in legend.get_patches()}
        assert len(colors) == len(shown)


def test_panels_ask_for_the_labels_of_the_scheme() -> None:
    six = panel_script(SIX) + list_script(SIX)
    assert six == panel_script() + list_script()
    for condition in (
        "/([IOPSMB-])(\\d+)/g",
        's.label === "M" || s.label === "B" ? 1 : s.label === "S" ? 0.7 : 0.4',
        'segments.length && segments[0].label === "S" ?',
        'membrane: number("M") + number("B"),',
        'protein.topology.startsWith("S") ?',
        'protein.topology.includes("B") ?',
        '([label]) => label !== "S");',
    ):
        assert condition in six
    assert "/([IOPSMBRT-])(\\d+)/g" in panel_script(EXTENDED)
    assert "membrane: segments.length," in list_script(OWN)
    assert "Through the membrane" in panel_html(EXTENDED)
    assert "Through the membrane" not in panel_html(OWN)
    assert 'data-label="R"' in color_key(EXTENDED)
    assert '[data-label="H"]' in color_style(OWN)


def test_browser_draws_other_labels(tmp_path: Path) -> None:
    pytest.importorskip("selenium", reason="selenium is not installed")
    from browsers import CHROMIUM, DRIVER, check_quiet, open_browser, open_page, resize

    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with chromedriver")
    with write_page(tmp_path / "extended.html", scheme=EXTENDED) as page:
        page.write(predicted("extended", CHANNEL, EXTENDED))
    with write_page(tmp_path / "own.html", scheme=OWN) as page:
        page.write(predicted("own", COILS, OWN))
    with open_browser(tmp_path / "profile") as driver:
        for width in (1400, 390):
            resize(driver, width, 900)
            for name, labels, scheme in (("extended", CHANNEL, EXTENDED), ("own", COILS, OWN)):
                open_page(driver, f"{(tmp_path / name).as_uri()}.html#id={name}")
                names = [x.name for x in scheme.labels if x.letter in labels]
                legend = driver.execute_script(
                    "return [...document.querySelectorAll('#legend li')].map((x) => x.textContent)"
                )
                assert legend == names
                shown = driver.execute_script(
                    "return [...document.querySelectorAll('#segments tbody td:first-child')]"
                    ".map((cell) => cell.textContent)"
                )
                assert len(shown) == len(
                    protein_document(predicted("x", labels, scheme))["segments"]
                )
                wide = driver.execute_script("return document.documentElement.scrollWidth")
                assert wide <= width
                check_quiet(driver)
        open_page(driver, f"{(tmp_path / 'extended.html').as_uri()}#id=extended")
        fills = driver.execute_script(
            "return [...document.querySelectorAll('#snake g[opacity] polygon')]"
            ".map((shape) => shape.getAttribute('fill'))"
        )
        colors = {label.letter: label.color for label in EXTENDED.labels}
        assert fills == [colors[letter] for letter in "MRMR"]
        bead = driver.execute_script(
            "return document.querySelector('#snake g[data-at=\"60\"] title').textContent"
        )
        assert bead.endswith("61 re-entrant segment")
