"""Table of cross-validated models of numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topo.io.json_files import check_entry, read_object
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
    figures = {folder: _figures(folder / "summary.json") for folder in folders}
    order = sorted(folders, key=lambda folder: -figures[folder][0])
    rows = []
    for folder in order:
        mean, deviation, seconds = figures[folder]
        wins, losses, p = paired_test(right[folder], right[order[0]])
        test = "" if folder == order[0] else f"{p:.3g} ({wins}:{losses})"
        rows.append(
            [
                folder.name,
                f"{mean:.4f}",
                "" if deviation is None else f"{deviation:.4f}",
                test,
                f"{seconds:.3f}",
            ]
        )
    return Table(
        "models",
        named_columns("model", "accuracy", "deviation", "p against the best", "s per epoch"),
        rows,
    )


def _figures(path: Path) -> tuple[float, float | None, float]:
    """Return mean and deviation of the accuracy, and the mean seconds per epoch."""
    figures = read_object(path, {"figures": dict}).get("figures", {})
    found = []
    for name, key in (
        ("accuracy", "mean"),
        ("accuracy", "deviation"),
        ("seconds_per_epoch", "mean"),
    ):
        entry = figures.get(name)
        value = entry.get(key) if isinstance(entry, dict) else None
        if value is not None or key == "mean":
            check_entry(path, f"figures.{name}.{key}", value, float)
        found.append(value)
    return found[0], found[1], found[2]
