"""Files of a scan of variants: table, heat map and page."""

from __future__ import annotations

import io
from pathlib import Path

from topo.io.files import atomic_path, atomic_text, remove_temporary
from topo.labels import LABEL_NAMES, TYPES
from topo.report.pictures import save_figure
from topo.report.table import Table, html_table, named_columns
from topo.report.template import figure, section, static_page
from topo.report.variant_map import draw_variant_map
from topo.variants import Scan
from topo.variants.table import number, write_scan

TABLE, PAGE = "scan.tsv", "scan.html"
MAPS = ("heat_map.png", "heat_map.svg")

_SHOWN = 200
"""Variants on the page; the table has all."""

_DEFINITIONS = {
    "score": "absolute changes of the log-odds of the membrane segments and the signal peptide, "
    "and of the largest gain elsewhere, added up",
    "p topology": "probability of the protein's topology (its order of segments) in the variant",
    "type change": "change of the probability of the protein's type",
    "segments": "changes of segment probabilities by 0.1 or more",
    "sides": "changes of the expected side of loops by 0.1 or more; positive towards outside",
}
_EXPLANATION = (
    "<p>Score of each substitution, by residue (across) and new residue (down), below the topology "
    "of the protein. A dot marks the residue of the protein.</p>\n"
)
_WORDS = ("type", "segments", "sides", "topology")
_VISIBLE = 0.1


def write_scan_files(scan: Scan, folder: Path) -> list[Path]:
    """Write all files of a scan to a folder, and return their paths.

    Raises
    ------
    TopoError
        If a file cannot be written.
    """
    remove_temporary(folder, (TABLE, *MAPS, PAGE))  # of a process that was killed
    written = [folder / TABLE]
    write_scan(scan, folder / TABLE)
    drawn = draw_variant_map(scan)
    svg = ""
    for name in MAPS:
        if drawn is None:
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_path(folder / name) as temporary:
            save_figure(drawn, temporary, Path(name).suffix[1:])
        written.append(folder / name)
    if drawn is not None:
        text = io.BytesIO()
        save_figure(drawn, text, "svg")
        svg = text.getvalue().decode()
    with atomic_text(folder / PAGE) as stream:
        stream.write(scan_page(scan, svg))
    return [*written, folder / PAGE]


def scan_page(scan: Scan, svg: str = "") -> str:
    """Return the page of a scan, without references to other files or servers.

    Parameters
    ----------
    scan
        Scan to report.
    svg
        Heat map; empty if there is none.
    """
    changed = [e for e in scan.effects if e.topology_changed or e.type != scan.reference.type]
    count, size = len(scan.effects), len(scan.reference)
    source = f"{scan.reference.id}, {size:,} residues, {count:,} variants"
    parts = [section("Protein", html_table(_reference_table(scan)))]
    if svg:
        parts.append(section("Heat map", _EXPLANATION, figure(svg, wide=True)))
    title = f"Largest effects ({len(changed):,} variants change the topology or the type)"
    parts.append(section(title, html_table(_effects_table(scan))))
    return static_page("Scan of variants", source, "".join(parts))


def _reference_table(scan: Scan) -> Table:
    reference = scan.reference
    assert reference.type_probabilities is not None, "predictions of a model have types"
    kinds = [number(value) for value in reference.type_probabilities.tolist()]
    topology = "; ".join(
        f"{LABEL_NAMES[label]} {start + 1}-{end}" for label, start, end in reference.segments
    )
    columns = named_columns("type", "confidence", *TYPES, "topology", words=["topology"])
    confidence = "" if reference.confidence is None else number(reference.confidence)
    return Table("", columns, [[reference.type or "", confidence, *kinds, topology]])


def _effects_table(scan: Scan) -> Table:
    titles = (
        "variant",
        "score",
        "p topology",
        "type",
        "type change",
        "segments",
        "sides",
        "topology",
    )
    rows = []
    for effect in scan.effects[:_SHOWN]:
        changes = [effect.segments, effect.outside]
        named = [
            ", ".join(
                f"{segment.label}{segment.start + 1}-{segment.end} {value:+.2f}"
                for segment, value in zip(scan.reference.segments, values.tolist(), strict=True)
                if abs(value) >= _VISIBLE
            )
            for values in changes
        ]
        rows.append(
            [
                effect.variant.name,
                number(effect.score),
                number(effect.kept),
                effect.type or "",
                f"{effect.type_change:+.4f}",
                *named,
                effect.topology if effect.topology_changed else "",
            ]
        )
    more = len(scan.effects) - len(rows)
    title = f"{len(rows):,} variants; {TABLE} has {more:,} more" if more else ""
    columns = named_columns(*titles, definitions=_DEFINITIONS, words=_WORDS)
    return Table(title, columns, rows)
