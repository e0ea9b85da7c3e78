"""Comparison of runs: overlaid curves, metrics and differences of the configurations."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo.config import flat
from topo.io.files import atomic_path, atomic_text
from topo.report.curves import PANELS
from topo.report.run_table import COLUMNS, run_row
from topo.report.table import Table, best_cells, html_table, named_columns
from topo.report.template import figure, section, static_page
from topo.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":")


def write_comparison(runs: Sequence[Run], folder: Path) -> tuple[Path, Path]:
    """Write ``comparison.png`` and ``comparison.html``; return their paths."""
    from matplotlib import rc_context

    names = short_names([run.path for run in runs])
    drawing = overlay(dict(zip(names, runs, strict=True)))
    png, html = folder / "comparison.png", folder / "comparison.html"
    with atomic_path(png) as path:
        drawing.savefig(path, format="png", dpi=120)
    # a fixed salt and no date, so that the same runs result in the same bytes
    with rc_context({"svg.hashsalt": "topo"}):
        svg = io.StringIO()
        drawing.savefig(svg, format="svg", metadata={"Date": None})
    with atomic_text(html) as file:
        file.write(_page(names, runs, svg.getvalue()))
    return png, html


def overlay(runs: Mapping[str, Run]) -> Figure:
    """Draw the histories of runs over each other: one colour per run, one line style per column."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(11, 8), layout="constrained")
    for axes, (title, columns) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for index, run in enumerate(runs.values()):
            history = run.history()
            epochs = [row["epoch"] + 1 for row in history]
            for column, line in zip(columns, _LINES, strict=False):
                values = [row.get(column, float("nan")) for row in history]
                axes.plot(epochs, values, color=f"C{index % 10}", linestyle=line, marker=".")
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        styles = [
            Line2D([], [], color="#555555", linestyle=line, label=column)
            for column, line in zip(columns, _LINES, strict=False)
        ]
        axes.legend(handles=styles, fontsize=8)
    colors = [
        Line2D([], [], color=f"C{i % 10}", label=plain_label(name)) for i, name in enumerate(runs)
    ]
    figure.legend(handles=colors, loc="outside upper center", ncols=3, frameon=False)
    return figure


def plain_label(name: str) -> str:
    """Return a name that matplotlib draws letter by letter: no formula, no hidden label."""
    printable = "".join(c if c.isprintable() else "?" for c in name)[:80].replace("$", r"\$")
    return f" {printable}" if printable.startswith("_") else printable


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return names of folders, with as many parents as are needed to distinguish them."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({i + 1})" for i, path in enumerate(paths)]


def _page(names: Sequence[str], runs: Sequence[Run], svg: str) -> str:
    content = section("Metrics", html_table(_metric_table(names, runs)), figure(svg))
    content += section("Differences", html_table(_difference_table(names, runs)))
    return static_page("Runs", ", ".join(names), content)


def _metric_table(names: Sequence[str], runs: Sequence[Run]) -> Table:
    """Return the columns of ``topo runs`` that a run has as rows, the best metrics marked."""
    found = [run_row(run) for run in runs]
    rows, best = [], set()
    for column in COLUMNS[1:]:
        values = [row[column] for row in found]
        if all(value is None for value in values):
            continue
        if column.startswith(("val_", "test_")):
            best |= best_cells(values, len(rows), smallest=column == "val_loss")
        rows.append((column, *map(_text, values)))
    title = "Best epoch of each run; the best value is marked"
    return Table(title, named_columns("", *names), rows, best=frozenset(best))


def _difference_table(names: Sequence[str], runs: Sequence[Run]) -> Table:
    settings = [flat(run.config().model_dump(mode="json")) for run in runs]
    keys = dict.fromkeys(key for tree in settings for key in tree)
    values = {key: [tree.get(key) for tree in settings] for key in keys}
    rows = [
        (key, *map(_text, row))
        for key, row in values.items()
        if any(value != row[0] for value in row)
    ]
    return Table("Configuration keys that differ", named_columns("", *names), rows)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
