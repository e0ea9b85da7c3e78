"""The self-contained HTML page of differences between topologies."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from topo.differences import Difference, mean_consistency
from topo.differences.table import PAIR_COLUMNS, pair_cells
from topo.report.bars import GAP, draw_bars
from topo.report.panel import color_key, color_style
from topo.report.table import Table, html_table, named_columns
from topo.report.template import section, static_page

_DRAWN = 300
"""Pairs that are drawn; the tables have all."""

_DEFINITIONS = {
    "identity": "share of the aligned residues that are the same",
    "aligned": "number of aligned residues",
    "consistency": "share of the segments of both topologies that are kept or shifted",
    "kept": "segments at the same place with the same sides",
    "shifted": "segments with an end that is more than 5 residues away",
    "flipped": "segments whose sides before and after are exchanged",
    "lost": "segments of the first topology only",
    "gained": "segments of the second topology only",
}


_ALIGNED = "<p>The first protein is above the second, both aligned.</p>\n"
_WORDS = ("second id", "first type", "second type", "same topology")


def differences_page(differences: Sequence[Difference], source: str) -> str:
    """Return the page of differences, without references to other files or servers.

    Parameters
    ----------
    differences
        Compared pairs.
    source
        One line that names the files.
    """
    same = sum(difference.same_topology for difference in differences)
    words = (
        f"{len(differences):,} pairs, {same:,} with the same topology; mean consistency "
        f"{mean_consistency(differences):.3f}"
    )
    rows = [pair_cells(difference) for difference in differences]
    titles = [name.replace("_", " ") for name in PAIR_COLUMNS]
    columns = named_columns(*titles, definitions=_DEFINITIONS, words=_WORDS)
    drawn = sorted(differences, key=lambda difference: difference.consistency)[:_DRAWN]
    title = "Topologies" if len(drawn) == len(differences) else f"The {_DRAWN} least consistent"
    content = section("Pairs", f"<p>{words}</p>\n", html_table(Table("", columns, rows)))
    content += section(title, _ALIGNED, color_key(), _drawings(drawn))
    return static_page("Differences of topologies", source, content, color_style())


def _drawings(differences: Sequence[Difference]) -> str:
    body = "".join(_drawing(difference) for difference in differences)
    return (
        '<div class="scroll"><table class="data"><thead><tr><th scope="col">pair</th>'
        '<th scope="col">topologies and segments that differ</th></tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )


def _drawing(difference: Difference) -> str:
    first, second = difference.first, difference.second
    bars = difference.alignment.rows(first.labels, second.labels, GAP)
    name = f"{first.id} above {second.id}"
    return (
        f'<tr><th scope="row">{escape(first.id)}<br>{escape(second.id)}</th>'
        f'<td class="bars">{draw_bars(*bars, name)}{escape(_changes(difference))}</td></tr>\n'
    )


def _changes(difference: Difference) -> str:
    """List the segments that are not kept, in residues of the first topology if it has them."""
    found = []
    for change in difference.changes:
        part = change.first or change.second
        if change.state != "kept" and part is not None:
            found.append(f"{change.state} {part.label}{part.start + 1}-{part.end}")
    return ", ".join(found)
