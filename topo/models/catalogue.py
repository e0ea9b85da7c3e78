"""The published models of this version: names, files and checksums.

``models.tsv`` has a row for each file: model, file, size in bytes, SHA-256. After a training,
``python checkpoints/list_models.py`` writes it anew.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

from topo.errors import TopoError

TABLE = Path(__file__).with_name("models.tsv")
COLUMNS = ("model", "file", "bytes", "sha256")


class ModelFile(NamedTuple):
    """File of a model: path within its folder, size in bytes, SHA-256."""

    name: str
    size: int
    sha256: str


@cache
def catalogue() -> dict[str, tuple[ModelFile, ...]]:
    """Return the files of each published model, by name."""
    models: dict[str, tuple[ModelFile, ...]] = {}
    with open(TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            entry = ModelFile(row["file"], int(row["bytes"]), row["sha256"])
            models[row["model"]] = (*models.get(row["model"], ()), entry)
    return models


def files_of(name: str) -> tuple[ModelFile, ...]:
    """Return the files of a published model.

    Raises
    ------
    TopoError
        If no model has the name; the message lists the names.
    """
    if name not in catalogue():
        raise TopoError(f"no model {name!r}; there is {', '.join(catalogue())}")
    return catalogue()[name]
