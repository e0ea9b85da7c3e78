"""Layout and picture of the snake diagram."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from golden_proteins import proteins
from hypothesis import given, settings
from hypothesis import strategies as st

from topo.labels import LABELS, UNKNOWN
from topo.protein import Prediction
from topo.report.answer import answer
from topo.report.snake.columns import HALF
from topo.report.snake.figure import draw_snake
from topo.report.snake.layout import BEADS_ALONE, BEADS_IN_LOOP, BEADS_IN_TAIL, lay_out
from topo.report.snake.parts import SIZES, Snake

PIXELS = 16
"""Size of a bead unit on a screen at 100 %."""


def layout(labels: str) -> Snake:
    return lay_out(Prediction("x", "A" * len(labels), labels, None))


def words(snake: Snake) -> list[str]:
    return [text.words for text in snake.texts]


@st.composite
def legal(draw: st.DrawFn) -> str:
    """Labels of a helical protein or a barrel, with or without signal peptide."""
    barrel = draw(st.booleans())
    letter, inner = ("B", "P") if barrel else ("M", "I")
    size = st.integers(6, 20) if barrel else st.integers(13, 32)
    loop = st.integers(1, 45)
    count = draw(st.sampled_from([4, 8, 12])) if barrel else draw(st.integers(1, 8))
    signal = "S" * draw(st.sampled_from([0, 16, 33]))
    inside = barrel or (not signal and draw(st.booleans()))
    labels = signal
    for _ in range(count):
        labels += (inner if inside else "O") * draw(loop) + letter * draw(size)
        inside = not inside
    return labels + (inner if inside else "O") * draw(loop)


@settings(max_examples=40)
@given(st.text("".join([*LABELS, UNKNOWN]), max_size=150))
def test_lays_out_anything(labels: str) -> None:
    snake = layout(labels)
    residues = [index for index, _, _ in snake.beads()]
    assert residues == sorted(set(residues)), "each residue at most once, in order"
    assert np.isfinite([place for _, *xy in snake.beads() for place in xy]).all()
    in_membrane = {k for k, label in enumerate(labels) if label in "MB"}
    assert in_membrane <= set(residues)
    counted = sum(int(t.split()[0]) for t in words(snake) if t.endswith(" residues"))
    assert len(residues) + counted == len(labels)


@settings(max_examples=40)
@given(legal())
def test_one_thread_joins_beads_that_do_not_overlap(labels: str) -> None:
    snake = layout(labels)
    for run in snake.runs:
        steps = [math.dist(a, b) for a, b in zip(run.points, run.points[1:], strict=False)]
        assert not steps or max(steps) < 4.5, "no jump along the chain"
    for link, before, after in zip(snake.links, snake.runs[:-1], snake.runs[1:], strict=True):
        assert link.points[0] == before.points[-1]
        assert link.points[-1] == after.points[0]
    places = [(x, y) for _, x, y in snake.beads()]
    closest = min((math.dist(a, b) for a, b in combinations(places, 2)), default=9.0)
    assert closest > 0.9, "beads have a diameter of 0.92"


@settings(max_examples=40)
@given(legal())
def test_sides_ends_and_texts(labels: str) -> None:
    snake = layout(labels)
    signal = labels.count("S")
    for index, _, y in snake.beads():
        side = labels[index]
        if side == "O":
            assert y < -HALF + 0.5
        elif side in "IP":
            assert y > HALF - 0.5
        elif side == "S":
            assert abs(y) > HALF + 0.5, "cleaved: beside the membrane, not in it"
    found = words(snake)
    if signal:
        assert f"signal peptide, cleaved after {signal}" in found
        assert [link.kind for link in snake.links].count("cut") == 1
    numbers = {text.words for text in snake.texts if text.kind == "number"}
    for first, last in ends(labels):
        assert {str(first), str(last)} <= numbers
    membrane = {text.words: text.y for text in snake.texts if text.kind == "side"}
    assert all(abs(y) > HALF + 0.8 for y in membrane.values()), "names lie outside the membrane"
    for name in (text for text in snake.texts if text.kind == "side"):
        near = [(x, y) for _, x, y in snake.beads() if abs(y - name.y) < 0.8]
        end = name.x + len(name.words) * SIZES["side"] * 0.58
        assert all(x - 0.46 > end for x, _ in near), "no bead lies on the name of a side"
    assert set(membrane) == {"outside", "periplasm" if "B" in labels else "inside"}


def ends(labels: str) -> list[tuple[int, int]]:
    return [
        (s.start + 1, s.end)
        for s in Prediction("x", labels, labels, None).segments
        if s.label in "MB"
    ]


def test_long_loops_and_tails_are_folded() -> None:
    long = "I" * (BEADS_IN_TAIL + 1) + "M" * 20 + "O" * (BEADS_IN_LOOP + 1) + "M" * 20 + "I" * 900
    snake = layout(long)
    assert [text for text in words(snake) if text.endswith(" residues")] == [
        "11 residues",
        "13 residues",
        "884 residues",
    ]
    assert [link.kind for link in snake.links] == ["fold"] * 3
    whole = "I" * BEADS_IN_TAIL + "M" * 20 + "O" * BEADS_IN_LOOP + "M" * 20 + "I" * 3
    assert len(list(layout(whole).beads())) == len(whole)


@pytest.mark.parametrize("labels", ["I" * 238, "S" * 18 + "O" * 130, "I", "-" * 9])
def test_soluble_proteins_have_no_membrane(labels: str) -> None:
    snake = layout(labels)
    assert snake.membrane is None
    assert any("no membrane segment" in text for text in words(snake))
    assert {"N", "C"} <= set(words(snake))
    assert len({y for k, _, y in snake.beads() if labels[k] != "S"}) == 1, "one row"
    assert len(list(snake.beads())) <= BEADS_ALONE + labels.count("S")


def test_a_barrel_is_in_the_outer_membrane() -> None:
    barrel = "S" * 20 + "P" * 9 + ("B" * 9 + "OOOO" + "B" * 9 + "PPP") * 4
    snake = layout(barrel)
    assert {"outer", "membrane", "periplasm", "outside"} <= set(words(snake))
    first = min(x for k, x, _ in snake.beads() if barrel[k] == "B")
    for k, x, y in snake.beads():
        if barrel[k] == "S":
            assert x < first
            assert y > HALF, "in the periplasm"


def test_letters_and_numbers_are_legible_at_full_size() -> None:
    assert SIZES["number"] * PIXELS >= 10
    figure = draw_snake(proteins()[0])
    letter = next(text for text in figure.axes[0].texts if text.get_text() == "M")
    pixels = letter.get_fontsize() * 96 / 72
    assert pixels >= 10


def test_everything_lies_in_the_box() -> None:
    for record in proteins():
        snake = lay_out(record)
        left, top, right, bottom = snake.box()
        for _, x, y in snake.beads():
            assert left < x - 0.46
            assert x + 0.46 < right
            assert top < y - 0.46
            assert y + 0.46 < bottom


def test_the_picture_shows_the_layout() -> None:
    record = proteins()[1]
    (axes,) = draw_snake(replace(record, id="$name$")).axes
    snake = lay_out(record)
    texts = [text.get_text() for text in axes.texts]
    title = ["$name$", answer(record.labels, record.type)]
    key = ["inside", "outside", "signal peptide", "membrane helix"]
    assert texts == [*record.sequence, *words(snake), *title, *key]
