"""The self-contained HTML page of an evaluation: tables, plots and the wrong topologies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from topo.labels import LABEL_NAMES, LABELS, UNKNOWN
from topo.metrics.evaluation import Evaluation, ProteinScore
from topo.report.bars import draw_bars
from topo.report.evaluation_tables import alignment_lines, evaluation_tables
from topo.report.palette import LABEL_COLORS
from topo.report.table import Table, html_table
from topo.report.template import figure, section, static_page

SECTIONS = {
    "Types and topologies": ("types", "type_confusion", "overall", "confidence_reliability"),
    "Segments and signal peptides": ("segments", "signal"),
    "Residues": ("residues", "residue_confusion", "reliability"),
    "Labels of the model": ("own_overall", "own_residues", "own_segments"),
    "Type head": ("type_head", "type_head_confusion", "type_head_reliability"),
}
"""Tables and plots of each section by name; those that an evaluation lacks are left out."""


def evaluation_page(evaluation: Evaluation, drawings: Mapping[str, str], source: str) -> str:
    """Return the page of an evaluation.

    Parameters
    ----------
    evaluation
        Evaluation to report.
    drawings
        SVG text of each plot, by name.
    source
        One line that names the scored files.

    Returns
    -------
    str
        HTML without references to other files or servers.
    """
    tables = evaluation_tables(evaluation.metrics)
    wrong = [row for row in evaluation.proteins if row.topology not in ("right", "not scored")]
    lines = alignment_lines(evaluation.metrics["alignment"])
    content = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>\n"
    parts = {name: html_table(table) for name, table in tables.items()}
    parts |= {name: figure(svg) for name, svg in drawings.items()}  # plots of confusion matrices
    for title, names in SECTIONS.items():
        found = [parts[name] for name in names if name in parts]
        content += section(title, *found) if found else ""
    content += section(f"{len(wrong)} proteins with a wrong topology", _key(), _wrong_table(wrong))
    return static_page("Evaluation", source, content + _definitions(list(tables.values())))


def _definitions(tables: Sequence[Table]) -> str:
    """Return the definitions of all tables, for readers without a pointer."""
    found = {column.title: column.definition for table in tables for column in table.columns}
    for table in tables:
        found |= table.definitions
    terms = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in found.items() if text
    )
    return f"<details><summary>Definitions</summary>\n<dl>\n{terms}</dl>\n</details>\n"


def _key() -> str:
    names = "".join(
        f'<li><i style="background:{LABEL_COLORS[label]}"></i>{escape(LABEL_NAMES[label])}</li>'
        for label in (*LABELS, UNKNOWN)
    )
    return f'<ul class="key"><li>truth above prediction:</li>{names}</ul>\n'


def _wrong_table(rows: Iterable[ProteinScore]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(row.pair.truth.id)}</th>'
        f"<td>{escape(row.verdict.true_type or '?')}</td>"
        f"<td>{escape(row.verdict.predicted_type or 'illegal')}</td>"
        f'<td>{escape(row.topology)}</td><td class="bars">{draw_pair(row)}</td></tr>\n'
        for row in rows
    )
    titles = ("protein", "true", "predicted", "error", "segments")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return (
        f'<div class="scroll"><table class="data"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )


def draw_pair(row: ProteinScore) -> str:
    """Draw the true segments above the predicted ones, both over the whole width (SVG)."""
    truth, prediction = row.pair.truth.labels or "", row.pair.prediction.labels
    name = f"{row.pair.truth.id}: truth above prediction, {len(truth)} residues"
    return draw_bars(truth, prediction, name)


def describe(source: Mapping[str, Any]) -> str:
    """Return one line that names what was scored."""
    if "run" in source:
        return f"{source['split']} split of {source['run']}"
    if "cross_validation" in source:
        return f"out-of-fold predictions of {source['cross_validation']}"
    if "model" in source:
        return f"model {source['model']} on {source['truth']['path']}"
    if "predictions" in source:
        return f"{source['predictions']['path']} against {source['truth']['path']}"
    return ""
