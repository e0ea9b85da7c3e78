"""Run folders: layout, names, and search for the latest run.

=======================  =====================================================================
``config.yaml``          complete configuration
``run.json``             name, seed, checksums of the data, versions, parameters, times, best epoch,
                         validation metrics of the model that is written (after calibration)
``history.csv``          one row per epoch: losses, validation metrics, gradient norm, learning rate
``curves.png``           plot of the history
``checkpoints/``         Lightning's checkpoints, to resume from
``model/``               checkpoint of the best epoch (see :mod:`topo.checkpoint`)
``evaluation/``          output of ``topo evaluate``
``trunk/``               weights of the trunk, which ``topo pretrain`` writes instead of ``model/``
=======================  =====================================================================
"""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from topo.config import Config, load_config
from topo.errors import InputError, TopoError
from topo.io.files import atomic_text, remove_temporary
from topo.io.ids import FileNames
from topo.io.json_files import check_entry, read_object

_INFO = {
    **dict.fromkeys(("name", "wandb", "verb"), str),
    **dict.fromkeys(("parameters", "seed", "best_epoch", "epochs"), int),
    **dict.fromkeys(("proteins", "data_sha256"), dict),
    "seconds": float,
}
"""Entries of ``run.json`` that are read, and their types."""

_MOST_EPOCHS = 1e9
_FILES = ("config.yaml", "run.json", "history.csv", "curves.png")


@dataclass(frozen=True)
class Run:
    """A training run, given by the path of its folder."""

    path: Path

    @property
    def model(self) -> Path:
        """Path to the checkpoint of the best epoch."""
        return self.path / "model"

    @property
    def trunk(self) -> Path:
        """Path to the pre-trained trunk, in a run of ``topo pretrain``."""
        return self.path / "trunk"

    @property
    def resume_file(self) -> Path:
        """Path to Lightning's checkpoint of the last finished epoch."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def is_finished(self) -> bool:
        """Whether the training has ended and its model or trunk is written."""
        return any((folder / "config.yaml").is_file() for folder in (self.model, self.trunk))

    @property
    def is_unfinished(self) -> bool:
        """Whether the folder holds a training that has begun and not ended."""
        begun = all((self.path / name).is_file() for name in ("config.yaml", "run.json"))
        return begun and not self.is_finished

    def discard_if_empty(self) -> None:
        """Delete the folder if the training did not begin, so that its name is free again."""
        if not (self.path / "config.yaml").is_file():
            shutil.rmtree(self.path, ignore_errors=True)

    def remove_temporary(self) -> None:
        """Remove temporary files that a killed training has left in the folder."""
        remove_temporary(self.path, _FILES)
        for partial in self.resume_file.parent.glob(".*.partial"):
            partial.unlink(missing_ok=True)

    def progress(self) -> str:
        """Return the number of finished epochs, e.g. ``3 of 30 epochs``."""
        info = self.info()
        done = len(self.history()) if (self.path / "history.csv").is_file() else 0
        unit = "intervals" if info.get("verb") == "pretrain" else "epochs"
        return f"{done} of {info['epochs']} {unit}" if "epochs" in info else f"{done} {unit}"

    def resume_command(self) -> str:
        """Return the command line that continues the training."""
        folder = shlex.quote(str(self.path))
        if self.info().get("verb") == "pretrain":
            return f"topo pretrain --resume -o {folder}"
        return f"topo train --resume {folder}"

    def config(self) -> Config:
        """Read the configuration.

        Raises
        ------
        TopoError
            If the folder is not a run folder.
        """
        if not (self.path / "config.yaml").is_file():
            raise TopoError(f"{self.path}: no run here (config.yaml is missing)")
        return load_config(self.path / "config.yaml")

    def info(self) -> dict[str, Any]:
        """Read ``run.json``; empty if the file does not exist.

        Raises
        ------
        InputError
            If it is damaged.
        """
        path = self.path / "run.json"
        if not path.is_file():
            return {}
        found = read_object(path, _INFO)
        for name, count in found.get("proteins", {}).items():
            check_entry(path, f"proteins.{name}", count, int)
        return found

    def update_info(self, **fields: Any) -> None:
        """Add entries to ``run.json``."""
        with atomic_text(self.path / "run.json") as file:
            json.dump(self.info() | fields, file, indent=2)
            file.write("\n")

    def record_best(self, epoch: int, seconds: float) -> dict[str, float]:
        """Add the best epoch and the training time to ``run.json``.

        Parameters
        ----------
        epoch
            Number of the best epoch, from 0.
        seconds
            Training time of this process; added to that of the processes before.

        Returns
        -------
        dict
            Row of the epoch in ``history.csv``.
        """
        before = self.info().get("seconds", 0.0)
        self.update_info(best_epoch=epoch, seconds=round(before + seconds, 1))
        return next(row for row in self.history() if row["epoch"] == epoch)

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Write ``history.csv``; the columns are the keys of the first row."""
        with atomic_text(self.path / "history.csv") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: _cell(float(v)) for k, v in row.items()} for row in rows)

    def history(self) -> list[dict[str, float]]:
        """Read ``history.csv``.

        Raises
        ------
        TopoError
            If no epoch has finished, or the file is damaged.
        """
        path = self.path / "history.csv"
        if not path.is_file():
            raise TopoError(f"{self.path}: no epoch of this run has ended yet")
        return _read_history(path)


def _read_history(path: Path) -> list[dict[str, float]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if "epoch" not in (reader.fieldnames or ()):
                raise InputError(path, "expected a column epoch", 1)
            rows = [_numbers(path, reader.line_num, row) for row in reader]
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(path, "expected a table of text separated by commas") from None
    if not rows:
        raise InputError(path, "found no row, expected one for each epoch")
    return rows


def _numbers(path: Path, line: int, row: Mapping[Any, Any]) -> dict[str, float]:
    if None in row or None in row.values():
        raise InputError(path, "found another number of cells than columns", line)
    numbers = {}
    for column, cell in row.items():
        try:
            numbers[column] = float(cell)
        except ValueError:
            raise InputError(
                path, f"{column}: found {cell[:60]!r}, expected a number", line
            ) from None
    epoch = numbers["epoch"]
    if not 0 <= epoch < _MOST_EPOCHS or epoch != int(epoch):
        raise InputError(path, f"epoch: found {row['epoch'][:60]!r}, expected a count", line)
    return numbers


def run_name(config: Config) -> str:
    """Return the name of an architecture, e.g. ``conv1-bilstm_cv1128x5_gc64_lay4_sz128``."""
    model, recurrent = config.model, config.model.recurrent
    family = [f"conv{i + 1}" for i in range(len(model.conv))]
    family.append(("bi" if recurrent.direction == "bi" else "") + recurrent.cell)
    parts = ["-".join(family)]
    parts += [f"cv{i + 1}{c.filters}x{c.width}" for i, c in enumerate(model.conv)]
    if model.encoder.gcs:
        parts.append(f"gc{model.encoder.gcs}")
    return "_".join([*parts, f"lay{recurrent.layers}", f"sz{recurrent.size}"])


def _cell(value: float) -> str:
    """Format integers in full and other numbers with six significant digits."""
    return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"


def make_folder(path: Path) -> None:
    """Create a folder if it does not exist, and check that files can be made in it.

    Raises
    ------
    TopoError
        If they cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise TopoError(f"{path}: cannot be written ({reason})") from None


def new_run(parent: Path, name: str) -> Run:
    """Create the folder of a new run, ``name`` or ``name-2``, ``name-3``, ... in ``parent``.

    What cannot be part of a file name is replaced, see :class:`topo.io.ids.FileNames`.

    Raises
    ------
    TopoError
        If the folder cannot be created.
    """
    name, count = FileNames().name(name), 1
    path = parent / name
    while True:
        try:
            path.mkdir(parents=True)
            return Run(path)
        except FileExistsError:
            count += 1
            path = parent / f"{name}-{count}"
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise TopoError(f"{path}: cannot be written ({reason})") from None


def latest_run(parent: Path) -> Run:
    """Return the finished run in ``parent`` with the most recent model.

    Raises
    ------
    TopoError
        If there is no finished run.
    """
    models = sorted(parent.glob("*/model/config.yaml"), key=lambda path: path.stat().st_mtime_ns)
    if models:
        return Run(models[-1].parent.parent)
    message = f"{parent}: no finished run here, expected one of topo train (or --run DIR)"
    unfinished = [run for run in map(Run, sorted(parent.glob("*/"))) if run.is_unfinished]
    if unfinished:
        message += f"; to continue an unfinished one: {unfinished[-1].resume_command()}"
    raise TopoError(message)
