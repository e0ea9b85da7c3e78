"""Several runs side by side: their curves overlaid, their figures and configurations in a page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topo.config import flat
from topo.io.files import atomic_path, atomic_text
from topo.report.curves import PANELS
from topo.report.run_table import COLUMNS, run_row
from topo.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":")
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; color: #222;
  padding: 0 1em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border-bottom: 1px solid #ddd; padding: .2em .7em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; height: auto; }
"""


def write_comparison(runs: Sequence[Run], folder: Path) -> tuple[Path, Path]:
    """Write ``comparison.png`` and ``comparison.html``, and return their paths."""
    from matplotlib import rc_context

    names = short_names([run.path for run in runs])
    figure = overlay(dict(zip(names, runs, strict=True)))
    png, html = folder / "comparison.png", folder / "comparison.html"
    with atomic_path(png) as path:
        figure.savefig(path, format="png", dpi=120)
    # a fixed salt and no date: the same runs give the same bytes
    with rc_context({"svg.hashsalt": "topo"}):
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None})
    svg = drawing.getvalue()
    with atomic_text(html) as file:
        file.write(_page(names, runs, svg[svg.index("<svg") :]))
    return png, html


def overlay(runs: Mapping[str, Run]) -> Figure:
    """Draw the histories of runs over each other: a colour a run, a line style a column."""
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
    colors = [Line2D([], [], color=f"C{i % 10}", label=name) for i, name in enumerate(runs)]
    figure.legend(handles=colors, loc="outside upper center", ncols=3, frameon=False)
    return figure


def short_names(paths: Sequence[Path]) -> list[str]:
    """Names of folders, with as many parents as it takes to tell them apart."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({i + 1})" for i, path in enumerate(paths)]


def _page(names: Sequence[str], runs: Sequence[Run], svg: str) -> str:
    rows = [run_row(run) for run in runs]
    figures = {
        column: [row[column] for row in rows]
        for column in COLUMNS
        if column != "run" and any(row[column] is not None for row in rows)
    }
    settings = [flat(run.config().model_dump(mode="json")) for run in runs]
    keys = dict.fromkeys(key for tree in settings for key in tree)
    values = {key: [tree.get(key) for tree in settings] for key in keys}
    differing = {key: row for key, row in values.items() if any(v != row[0] for v in row)}
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>topo runs</title><style>{_STYLE}</style></head><body>\n<h1>Runs</h1>\n{svg}\n"
        f"<h2>Figures</h2>\n{_table(names, figures)}\n"
        f"<h2>What differs in the configuration</h2>\n{_table(names, differing)}\n"
        "</body></html>\n"
    )


def _table(names: Sequence[str], rows: Mapping[str, Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *names))
    body = "".join(
        f"<tr><td>{escape(key)}</td>"
        + "".join(f"<td>{escape(_text(value))}</td>" for value in values)
        + "</tr>\n"
        for key, values in rows.items()
    )
    return f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>'


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
