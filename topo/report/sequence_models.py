"""Table of cross-validated models of numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topo.io.json_files import read_object
from topo.report.table import Table, named_columns
from topo.sequences.cross_validation import paired_test, read_out_of_fold


def models_table(folders: Sequence[Path]) -> Table:
    """Return a table with a row for each cross-validation, best accuracy first.

    The paired test compares a model with the best one on the same sequences.

    Raises
    ------
    TopoError
        If a folder is no cross-validation of numeric sequences, or their sequences differ.
    """
    right = {folder: read_out_of_fold(folder) for folder in folders}
    figures = {f: read_object(f / "summary.json", {"figures": dict})["figures"] for f in folders}
    order = sorted(folders, key=lambda folder: -figures[folder]["accuracy"]["mean"])
    rows = []
    for folder in order:
        found = figures[folder]
        wins, losses, p = paired_test(right[folder], right[order[0]])
        test = "" if folder == order[0] else f"{p:.3g} ({wins}:{losses})"
        rows.append(
            [
                folder.name,
                f"{found['accuracy']['mean']:.4f}",
                _number(found["accuracy"]["deviation"]),
                test,
                f"{found['seconds_per_epoch']['mean']:.3f}",
            ]
        )
    return Table(
        "models",
        named_columns("model", "accuracy", "deviation", "p against the best", "s per epoch"),
        rows,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
