"""Files of evaluations and comparisons: JSON, tables, figures and page."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from topo._version import environment
from topo.io.files import atomic_path, atomic_text, checksum, remove_temporary
from topo.io.ids import plain_id
from topo.io.readers import split_folds
from topo.metrics.comparison import Comparison
from topo.metrics.evaluation import Evaluation, ProteinScore

COLUMNS = (
    "id",
    "length",
    "truth_type",
    "predicted_type",
    "topology",
    "topology_equal",
    "legal",
    "residue_accuracy",
    "confidence",
    "matched_by",
)
"""Columns of ``proteins.tsv``."""

_FILES = re.compile(
    r"(metrics|comparison)\.json|(proteins|differences)\.tsv|report\.html|\w+\.(png|svg)"
)


def write_evaluation(
    evaluation: Evaluation, folder: str | Path, *, source: Mapping[str, Any] | None = None
) -> None:
    """Write ``metrics.json``, ``proteins.tsv``, figures (PNG, SVG) and ``report.html``.

    Parameters
    ----------
    evaluation
        Result of :func:`topo.metrics.evaluation.evaluate`.
    folder
        Path to the output folder; it is created if it does not exist, and files of the same names
        are replaced.
    source
        Description of what was scored for ``metrics.json``, for example :func:`file_record` of
        each file.

    Raises
    ------
    TopoError
        If a file cannot be written.
    """
    from topo.report.evaluation_page import describe, evaluation_page

    folder, source = Path(folder), dict(source or {})
    remove_temporary(folder, (), _FILES)  # of a process that was killed
    document = {"format": 1, **evaluation.metrics, **_origin(source)}
    _write_json(document, folder / "metrics.json")
    _write_rows(COLUMNS, map(_protein_row, evaluation.proteins), folder / "proteins.tsv")
    drawings = _write_figures(evaluation.metrics, folder)
    with atomic_text(folder / "report.html") as file:
        file.write(evaluation_page(evaluation, drawings, describe(source)))


def write_comparison(
    comparison: Comparison, folder: str | Path, *, source: Mapping[str, Any] | None = None
) -> None:
    """Write ``comparison.json`` and ``differences.tsv``.

    Parameters
    ----------
    comparison
        Result of :func:`topo.metrics.comparison.compare`; its differing proteins are the rows of
        ``differences.tsv``.
    folder, source
        See :func:`write_evaluation`.

    Raises
    ------
    TopoError
        If a file cannot be written.
    """
    folder = Path(folder)
    remove_temporary(folder, (), _FILES)
    document = {"format": 1, **comparison.metrics, **_origin(dict(source or {}))}
    _write_json(document, folder / "comparison.json")
    columns = ("id", *comparison.metrics["predictors"])
    rows = ((plain_id(name), *outcomes) for name, outcomes in comparison.differing)
    _write_rows(columns, rows, folder / "differences.tsv")


def file_record(path: str) -> dict[str, str | None]:
    """Return path and SHA-256 of a file (None if it is read only once); the path may name folds.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    file, _ = split_folds(path)
    return {"path": os.fspath(path), "sha256": checksum(file)}


def _origin(source: dict[str, Any]) -> dict[str, Any]:
    return {"source": source, "environment": environment()}


def _write_json(document: Mapping[str, Any], path: Path) -> None:
    with atomic_text(path) as file:
        json.dump(document, file, indent=1, allow_nan=False)
        file.write("\n")


def _write_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    with atomic_text(path) as file:
        file.write("\t".join(columns) + "\n")
        for row in rows:
            file.write("\t".join(_cell(value) for value in row) + "\n")


def _cell(value: object) -> str:
    """Return the text of a cell: empty, yes, no, or a number of four significant digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _protein_row(row: ProteinScore) -> tuple[object, ...]:
    confidence = row.pair.prediction.confidence
    return (
        plain_id(row.pair.truth.id),
        len(row.pair.truth),
        row.verdict.true_type,
        row.verdict.predicted_type or "illegal",
        row.topology,
        row.verdict.topology_equal,
        row.verdict.legal,
        row.residue_accuracy,
        None if confidence is None else float(confidence),
        row.pair.matched_by,
    )


def _write_figures(metrics: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Write each figure as PNG and SVG; return the SVG texts by name."""
    from matplotlib import rc_context

    from topo.report.evaluation_plots import evaluation_figures

    drawings: dict[str, str] = {}
    if "type" not in metrics:  # nothing in the six labels
        return drawings
    # a fixed salt and no date, so that the same evaluation results in the same bytes
    with rc_context({"svg.hashsalt": "topo"}):
        for name, figure in evaluation_figures(metrics):
            with atomic_path(folder / f"{name}.png") as path:
                figure.savefig(path, format="png", dpi=150)
            with atomic_path(folder / f"{name}.svg") as path:
                figure.savefig(path, format="svg", metadata={"Date": None})
                drawings[name] = path.read_text(encoding="utf-8")
    return drawings
