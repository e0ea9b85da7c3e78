"""Tables as data, drawn by rich in the terminal and as HTML on a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal

from topo.errors import printable

if TYPE_CHECKING:
    from rich.table import Table as RichTable


@dataclass(frozen=True)
class Column:
    """Heading of a column, its alignment, and the definition of what it contains."""

    title: str
    align: Literal["left", "right"] = "right"
    definition: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    Parameters
    ----------
    title
        Title of the table.
    columns
        Columns; the first one contains the names of the rows.
    rows
        Cells of each row, one per column.
    definitions
        Definitions of row names, by name.
    best
        Row and column indices of the cells that are marked as the best of their row.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    definitions: Mapping[str, str] = field(default_factory=dict)
    best: frozenset[tuple[int, int]] = frozenset()


def named_columns(
    *titles: str, definitions: Mapping[str, str] | None = None, words: Collection[str] = ()
) -> tuple[Column, ...]:
    """Return columns with their definitions if known; the first and those of words are left."""
    known = definitions or {}
    return tuple(
        Column(title, "right" if index and title not in words else "left", known.get(title, ""))
        for index, title in enumerate(titles)
    )


def best_cells(values: Sequence[float | None], row: int, smallest: bool) -> set[tuple[int, int]]:
    """Return the cells of the best values of a row whose first value is in column 1.

    Equal values are all marked, and none is if all are equal or fewer than two are known.
    """
    known = [value for value in values if value is not None and value == value]
    if len(set(known)) < 2:
        return set()
    best = min(known) if smallest else max(known)
    return {(row, column) for column, value in enumerate(values, start=1) if value == best}


def rich_table(table: Table) -> RichTable:
    """Return a table for the terminal; marked cells are bold."""
    from rich.markup import escape as without_markup
    from rich.table import Table as RichTable

    def plain(text: str) -> str:
        return without_markup(printable(text))

    drawn = RichTable(title=plain(table.title), title_justify="left")
    for column in table.columns:
        drawn.add_column(plain(column.title), justify=column.align, overflow="fold")
    for row, cells in enumerate(table.rows):
        drawn.add_row(
            *(
                f"[bold]{plain(cell)}[/bold]" if (row, column) in table.best else plain(cell)
                for column, cell in enumerate(cells)
            )
        )
    return drawn


def html_table(table: Table) -> str:
    """Return a table as HTML that scrolls sideways; definitions are tooltips."""
    head = "".join(
        f'<th scope="col" class="{column.align}"{_tooltip(column.definition)}>'
        f"{escape(column.title)}</th>"
        for column in table.columns
    )
    body = "".join(f"<tr>{_html_row(table, row)}</tr>\n" for row in range(len(table.rows)))
    return (
        f'<div class="scroll"><table class="data"><caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def _html_row(table: Table, row: int) -> str:
    name, *cells = table.rows[row]
    found = f'<th scope="row"{_tooltip(table.definitions.get(name, ""))}>{escape(name)}</th>'
    for index, cell in enumerate(cells, start=1):
        best = " best" if (row, index) in table.best else ""
        found += f'<td class="{table.columns[index].align}{best}">{escape(cell)}</td>'
    return found


def _tooltip(definition: str) -> str:
    return f' title="{escape(definition)}"' if definition else ""
