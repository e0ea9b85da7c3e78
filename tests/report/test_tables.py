"""Tables as data: the same rows in the terminal and on a page."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from topo.report.table import Column, Table, best_cells, html_table, named_columns, rich_table
from topo.report.template import static_page

TABLE = Table(
    title="<Scores> [1]",
    columns=(Column("name", "left"), Column("a", definition='first "model"'), Column("b")),
    rows=[("overlap [x]", "0.5 [0.4, 0.6]", "0.25"), ("<legal>", "-", "1")],
    definitions={"<legal>": "legal by the grammar"},
    best=frozenset({(0, 1)}),
)


def _terminal(table: Table) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(rich_table(table))
    return captured.get()


def test_terminal_and_page_contain_the_same_rows() -> None:
    terminal, page = _terminal(TABLE), html_table(TABLE)
    for text in ("overlap [x]", "0.5 [0.4, 0.6]", "0.25"):
        assert text in terminal
        assert f">{text}<" in page
    assert "<legal>" in terminal
    assert "&lt;legal&gt;" in page
    assert "<Scores> [1]" in terminal
    assert "<caption>&lt;Scores&gt; [1]</caption>" in page


def test_page_marks_the_best_cell_and_defines_names() -> None:
    page = html_table(TABLE)
    assert '<td class="right best">0.5 [0.4, 0.6]</td>' in page
    assert page.count("best") == 1
    assert 'title="first &quot;model&quot;">a<' in page
    assert 'title="legal by the grammar">&lt;legal&gt;<' in page


def test_only_the_first_column_is_left_aligned() -> None:
    columns = named_columns("x", "y", "z", definitions={"y": "why"})
    assert [column.align for column in columns] == ["left", "right", "right"]
    assert [column.definition for column in columns] == ["", "why", ""]


@pytest.mark.parametrize(
    ("values", "smallest", "expected"),
    [
        ([1.0, 3.0, 2.0], False, {(4, 2)}),
        ([1.0, 3.0, 2.0], True, {(4, 1)}),
        ([1.0, 1.0, 0.5], False, {(4, 1), (4, 2)}),
        ([1.0, 1.0], False, set()),
        ([1.0, None], False, set()),
        ([1.0, float("nan"), 2.0], True, {(4, 1)}),
    ],
)
def test_best_values(
    values: list[float | None], smallest: bool, expected: set[tuple[int, int]]
) -> None:
    assert best_cells(values, 4, smallest) == expected


def test_static_pages_have_the_common_style_and_no_script() -> None:
    page = static_page("A & B", "<file>", "<p>{{title}} stays</p>")
    assert "<title>A &amp; B</title>" in page
    assert "&lt;file&gt;" in page
    assert "<p>{{title}} stays</p>" in page
    assert "prefers-color-scheme: dark" in page
    assert "<script" not in page
