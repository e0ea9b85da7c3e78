"""One self-contained HTML page of an evaluation: figures, tables, the wrong proteins drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from topo.labels import LABEL_NAMES, LABELS, UNKNOWN
from topo.metrics.evaluation import Evaluation, ProteinScore
from topo.report.evaluation_tables import alignment_lines, evaluation_tables
from topo.report.palette import LABEL_COLORS
from topo.segments import to_segments

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH = 640  # pixels of a drawn chain
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222;
  padding: 0 1em; overflow-wrap: break-word; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; }
caption { text-align: left; font-weight: 600; padding: .3em 0; }
th, td { border-bottom: 1px solid #ddd; padding: .2em .7em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.wrong td { text-align: left; vertical-align: middle; }
figure { display: inline-block; margin: .5em; max-width: 100%; }
figure svg { max-width: 100%; height: auto; }
.key span { display: inline-block; width: 1em; height: .8em; margin: 0 .3em 0 1em; }
"""


def evaluation_page(evaluation: Evaluation, drawings: Mapping[str, str], source: str) -> str:
    """Write the page.

    Parameters
    ----------
    evaluation
        What to report.
    drawings
        Name -> SVG text of each figure, set into the page as it is.
    source
        One line on what was scored.

    Returns
    -------
    str
        HTML without any reference to another file or server.
    """
    wrong = [row for row in evaluation.proteins if row.topology not in ("right", "not scored")]
    lines = "".join(f"<li>{escape(line)}</li>" for line in _alignment(evaluation))
    figures = "".join(f"<figure>{_bare(svg)}</figure>" for svg in drawings.values())
    tables = "".join(_html_table(table) for table in evaluation_tables(evaluation.metrics))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>topo evaluation</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>Evaluation</h1><p>{escape(source)}</p><ul>{lines}</ul>\n{tables}\n{figures}\n"
        f"<h2>{len(wrong)} proteins with a wrong topology</h2>\n{_key()}{_wrong_table(wrong)}\n"
        "</body></html>\n"
    )


def _alignment(evaluation: Evaluation) -> list[str]:
    return alignment_lines(evaluation.metrics["alignment"])


def _bare(svg: str) -> str:
    """Drop the XML declaration and document type, which HTML does not take."""
    return svg[svg.index("<svg") :]


def _html_table(table: Table) -> str:
    """Turn a terminal table into HTML."""
    from rich.text import Text

    def plain(cell: object) -> str:
        return escape(Text.from_markup(str(cell)).plain)

    head = "".join(f"<th>{plain(column.header)}</th>" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        "<tr>" + "".join(f"<td>{plain(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    title = plain(table.title or "")
    table = f"<table><caption>{title}</caption><tr>{head}</tr>{body}</table>"
    return f'<div class="wide">{table}</div>\n'


def _key() -> str:
    names = "".join(
        f'<span style="background:{LABEL_COLORS[label]}"></span>{escape(LABEL_NAMES[label])}'
        for label in (*LABELS, UNKNOWN)
    )
    return f'<p class="key">truth above prediction:{names}</p>'


def _wrong_table(rows: Iterable[ProteinScore]) -> str:
    body = "".join(
        "<tr>"
        f"<td>{escape(row.pair.truth.id)}</td>"
        f"<td>{escape(row.verdict.true_type or '?')}</td>"
        f"<td>{escape(row.verdict.predicted_type or 'illegal')}</td>"
        f"<td>{escape(row.topology)}</td><td>{draw_pair(row)}</td></tr>\n"
        for row in rows
    )
    head = "<tr><th>protein</th><th>true</th><th>predicted</th><th>why</th><th></th></tr>"
    return f'<div class="wide"><table class="wrong">{head}\n{body}</table></div>'


def draw_pair(row: ProteinScore) -> str:
    """Draw the true segments above the predicted ones, both over the whole width (SVG)."""
    truth, prediction = row.pair.truth.labels or "", row.pair.prediction.labels
    name = f"{row.pair.truth.id}: truth above prediction, {len(truth)} residues"
    return (
        f'<svg width="{_WIDTH}" height="26" viewBox="0 0 {_WIDTH} 26" role="img">'
        f"<title>{escape(name)}</title>{_bar(truth, 0)}{_bar(prediction, 14)}</svg>"
    )


def _bar(labels: str, top: int) -> str:
    scale = _WIDTH / max(len(labels), 1)
    return "".join(
        f'<rect x="{segment.start * scale:.1f}" y="{top}" width="{segment.length * scale:.1f}" '
        f'height="12" fill="{LABEL_COLORS.get(segment.label, LABEL_COLORS[UNKNOWN])}"/>'
        for segment in to_segments(labels)
    )


def describe(source: Mapping[str, Any]) -> str:
    """Say in one line what was scored."""
    if "run" in source:
        return f"{source['split']} split of {source['run']}"
    if "cross_validation" in source:
        return f"out-of-fold predictions of {source['cross_validation']}"
    if "predictions" in source:
        return f"{source['predictions']['path']} against {source['truth']['path']}"
    return ""
