"""Tables of ``topo data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def types_table(folds: dict[str, dict[str, int]]) -> Table:
    """Tabulate the number of proteins of each type in each fold."""
    from rich.markup import escape
    from rich.table import Table

    names = list(dict.fromkeys(name for counts in folds.values() for name in counts))
    table = Table("type", *map(escape, folds), title="Proteins", title_justify="left")
    _right(table)
    for name in names:
        table.add_row(name, *(f"{counts.get(name, 0):,}" for counts in folds.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(counts.values()):,}" for counts in folds.values()))
    return table


def labels_table(found: dict[str, Any]) -> Table:
    """Tabulate residues per label."""
    from rich.table import Table

    from topo.labels import LABEL_NAMES

    total = sum(found["labels"].values())
    table = Table("label", "residues", "share", title="Residue labels", title_justify="left")
    _right(table)
    for letter, count in found["labels"].items():
        table.add_row(f"{letter} {LABEL_NAMES[letter]}", f"{count:,}", f"{count / total:.1%}")
    return table


def lengths_table(found: dict[str, Any]) -> Table:
    """Tabulate the lengths of proteins and segments."""
    from rich.table import Table

    from topo.curation.stats import QUANTILES
    from topo.labels import LABEL_NAMES

    table = Table("length of", "count", *QUANTILES, title="Lengths", title_justify="left")
    _right(table)
    rows = {"proteins": {"count": found["proteins"], **found["length"]}} | {
        f"{letter} {LABEL_NAMES[letter]}": row for letter, row in found["segments"].items()
    }
    for name, row in rows.items():
        table.add_row(name, *(f"{row[key]:,}" for key in ("count", *QUANTILES)))
    return table


def _right(table: Table) -> None:
    """Align the columns of numbers, all but the first, to the right."""
    for column in table.columns[1:]:
        column.justify = "right"
