"""Result files and terminal table of a cross-validation."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo.io.files import atomic_text
from topo.io.ids import table_cell
from topo.io.markdown import plain_markdown
from topo.training.cross_validation import Spread

if TYPE_CHECKING:
    from rich.table import Table

FILES = ("folds.csv", "summary.json", "summary.md")


def write_summary(
    folder: Path,
    figures: Mapping[str, Mapping[str, float]],
    spreads: Mapping[str, Spread],
    source: Mapping[str, Any],
) -> None:
    """Write ``folds.csv`` (one row per fold), ``summary.json`` and ``summary.md``.

    Parameters
    ----------
    folder
        Path to the output folder.
    figures
        Headline metrics of each fold.
    spreads
        Means and standard deviations of the metrics.
    source
        Additional fields of ``summary.json``.
    """
    names = list(spreads)
    with atomic_text(folder / "folds.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fold", *names])
        writer.writerows([table_cell(x), *map(_cell, row.values())] for x, row in figures.items())
    with atomic_text(folder / "summary.json") as file:
        document = {
            "folds": {fold: dict(zip(row, map(_known, row.values()), strict=True))
                      for fold, row in figures.items()},
            "figures": {
                name: {"mean": _known(s.mean), "deviation": _known(s.deviation), "n": s.n}
                for name, s in spreads.items()
            },
            **source,
        }  # fmt: skip
        json.dump(document, file, indent=1, allow_nan=False)
        file.write("\n")
    with atomic_text(folder / "summary.md") as file:
        file.write(_markdown(figures, spreads))


def summary_table(figures: Mapping[str, Mapping[str, float]], spreads: Mapping[str, Spread]) -> Any:
    """Return a table for the terminal with one row per metric."""
    from rich.markup import escape
    from rich.table import Table

    table: Table = Table("figure", *map(escape, figures), "mean +- deviation")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, found in spreads.items():
        table.add_row(name, *(_cell(row[name]) for row in figures.values()), str(found))
    return table


def _markdown(figures: Mapping[str, Mapping[str, float]], spreads: Mapping[str, Spread]) -> str:
    head = ["figure", *map(plain_markdown, figures), "mean +- standard deviation"]
    lines = [" | ".join(head), "|".join(["---", *["---:"] * (len(head) - 1)])]
    for name, found in spreads.items():
        lines.append(
            " | ".join([name, *(_cell(row[name]) for row in figures.values()), str(found)])
        )
    return "".join(f"| {line} |\n" for line in lines)


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
