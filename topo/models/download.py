"""Download of published models."""

from __future__ import annotations

import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path

from topo._version import REPOSITORY, __version__
from topo.caches.folders import is_writable
from topo.errors import TopoError
from topo.io.download import download
from topo.models.catalogue import files_of
from topo.models.folders import VARIABLE as FOLDER
from topo.models.folders import download_folder

VARIABLE = "TOPO_MODELS_URL"
"""Environment variable with the address of a folder of models."""

ADDRESS = f"https://raw.githubusercontent.com/{REPOSITORY}/v{__version__}/checkpoints"
"""Address of the folder of models of this version."""


def get_model(
    name: str,
    folder: str | PathLike[str] | None = None,
    base: str | None = None,
    report: Callable[[str], None] = lambda file: None,
) -> Path:
    """Download the files of a model that are missing or differ.

    The configuration, without which a folder is no checkpoint, comes last. After an interruption
    only the other files are downloaded.

    Parameters
    ----------
    name
        Name of a published model.
    folder
        Path to the folder of the model; by default in ``TOPO_MODELS`` or the cache folder.
    base
        Address of the folder that holds a folder of this name; by default ``TOPO_MODELS_URL`` or
        the project's own.
    report
        Function that receives the name of each file before it is checked or downloaded.

    Returns
    -------
    Path
        Path to the folder.

    Raises
    ------
    TopoError
        If there is no such model, a download fails, a checksum differs, or the folder cannot be
        written. Files that were complete before stay.
    """
    files = files_of(name)
    target = Path(folder) if folder is not None else download_folder(name)
    if not is_writable(target):
        raise TopoError(f"{target}: cannot be written; -o or {FOLDER} chooses another folder")
    address = (base or os.environ.get(VARIABLE) or ADDRESS).rstrip("/")
    for file in sorted(files, key=lambda file: file.name == "config.yaml"):
        report(file.name)
        download(f"{address}/{name}/{file.name}", target / file.name, file.sha256)
    return target
