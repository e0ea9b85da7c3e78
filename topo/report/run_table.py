"""Table of runs for the terminal, CSV and Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from topo.errors import ConfigError
from topo.io.ids import table_cell
from topo.io.json_files import check_entry, read_object
from topo.io.markdown import plain_markdown
from topo.metrics.headline import HEADLINES
from topo.runs import Run

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]

SHOWN = (
    "run",
    "parameters",
    "best_epoch",
    "seconds",
    "val_loss",
    "val_residue_accuracy",
    "val_topology_accuracy_TM",
    "val_topology_accuracy_SP+TM",
    "val_topology_accuracy_BETA",
    "val_topology_accuracy_macro",
)
"""Default columns of the terminal and of Markdown."""

COLUMNS = (
    "run",
    "state",
    "architecture",
    "parameters",
    "epochs",
    "best_epoch",
    "seconds",
    "seed",
    "train_proteins",
    "val_loss",
    *(f"val_{name}" for name in HEADLINES),
    *(f"test_{name}" for name in HEADLINES),
    "wandb",
)
"""All columns, as in CSV.

``val_`` are metrics of the written model, after calibration (in runs of earlier versions,
of the best epoch); ``test_`` is the result of topo evaluate.
"""

_SMALL_FIRST = ("run", "architecture", "parameters", "seconds", "val_loss", "seed")


def find_runs(folders: Iterable[Path]) -> list[Run]:
    """Return the finished runs among the folders and their direct children, sorted by name."""
    return [
        run
        for run in _all_runs(folders)
        if (run.model / "config.yaml").is_file() and (run.path / "history.csv").is_file()
    ]


def find_unfinished(folders: Iterable[Path]) -> list[Run]:
    """Return the runs that have begun and not ended; otherwise as :func:`find_runs`."""
    return [run for run in _all_runs(folders) if run.is_unfinished]


def unfinished_lines(runs: Iterable[Run]) -> list[str]:
    """Return a line for each unfinished run, with its progress and how to continue it."""
    return [
        f"unfinished: {run.path} ({run.progress()}); to continue: {run.resume_command()}"
        for run in runs
    ]


def _all_runs(folders: Iterable[Path]) -> list[Run]:
    paths = [path for folder in folders for path in (folder, *sorted(folder.glob("*/")))]
    return [Run(path) for path in dict.fromkeys(paths)]


def run_row(run: Run) -> Row:
    """Return the columns of a run; metrics that the run does not have are None."""
    info = run.info()
    history = run.history() if (run.path / "history.csv").is_file() else []
    best = next((row for row in history if row["epoch"] == info.get("best_epoch")), {})
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {key: info.get(key) for key in ("parameters", "seed", "wandb")}
    row["seconds"] = round(info["seconds"]) if "seconds" in info else None
    row |= {"run": str(run.path), "architecture": info.get("name"), "epochs": len(history)}
    row["train_proteins"] = info.get("proteins", {}).get("train")
    row["best_epoch"] = int(best["epoch"]) + 1 if best else None
    row["state"] = "finished" if run.is_finished else "unfinished"
    row |= {key: value for key, value in best.items() if key in row}
    row |= {key: value for key, value in info.get("validation", {}).items() if key in row}
    return row | _test_figures(run)


def sort_rows(rows: Sequence[Row], column: str, reverse: bool = False) -> list[Row]:
    """Sort by a column, best first: losses and costs ascend, all other columns descend.

    Rows without a value (None or NaN) are last.

    Raises
    ------
    ConfigError
        If there is no such column.
    """
    check_columns([column])
    known = [row for row in rows if row[column] is not None and row[column] == row[column]]
    rest = [row for row in rows if not any(row is other for other in known)]
    descend = (column not in _SMALL_FIRST) != reverse
    return sorted(known, key=lambda row: row[column], reverse=descend) + rest


def check_columns(columns: Iterable[str]) -> None:
    """Raise :class:`ConfigError` if a column does not exist."""
    for column in columns:
        if column not in COLUMNS:
            raise ConfigError(f"found column {column!r}, expected one of {', '.join(COLUMNS)}")


def terminal_table(rows: Iterable[Row], columns: Sequence[str]) -> Table:
    """Return a table of the rows for the terminal."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    cells = [[escape(_cell(row[column])) for column in columns] for row in rows]
    table = Table(box=SIMPLE)
    for index, column in enumerate(columns):
        # Headers may be wrapped, numbers may not.
        width = max((len(row[index]) for row in cells), default=0)
        justify = "right" if index else "left"
        table.add_column(_short(column), justify=justify, min_width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def write_csv(rows: Iterable[Row], file: TextIO) -> None:
    """Write all columns without rounding."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: table_cell(v) if isinstance(v, str) else v for k, v in row.items()})


def write_markdown(rows: Iterable[Row], columns: Sequence[str], file: TextIO) -> None:
    """Write a Markdown table."""
    file.write(f"| {' | '.join(map(_short, columns))} |\n")
    file.write(f"|---|{'---:|' * (len(columns) - 1)}\n")
    for row in rows:
        cells = (plain_markdown(_cell(row[column])) for column in columns)
        file.write(f"| {' | '.join(cells)} |\n")


def _test_figures(run: Run) -> dict[str, float | None]:
    path = run.path / "evaluation" / "test" / "metrics.json"
    if not path.is_file():
        return {}
    metrics = read_object(path)
    return {f"test_{name}": _value(path, metrics, key) for name, key in HEADLINES.items()}


def _value(path: Path, metrics: Mapping[str, Any], key: tuple[str, ...]) -> float | None:
    place: Any = metrics
    for name in key:
        place = place.get(name, {}) if isinstance(place, Mapping) else {}
    found = place.get("value") if isinstance(place, Mapping) else None
    if found is not None:
        check_entry(path, ".".join((*key, "value")), found, float)
    return found


def _short(column: str) -> str:
    return column.replace("topology_accuracy", "topo").replace("_accuracy", "").replace("_", " ")


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
