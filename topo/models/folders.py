"""The folders in which a published model is looked for, by its name."""

from __future__ import annotations

import os
from pathlib import Path

from topo.caches.folders import private_folder, user_folder
from topo.errors import CheckpointError, TopoError
from topo.models.catalogue import files_of
from topo.resources import model_folders

VARIABLE = "TOPO_MODELS"
"""Environment variable with a folder of models, which comes first and may be read-only."""


def search_path(name: str) -> list[Path]:
    """Return the folders in which a model is looked for, in this order.

    The folder in the package or checkout, ``TOPO_MODELS``, ``models`` in the user's cache folder,
    and ``models`` in a private folder of TMPDIR, which is used without a home folder.
    """
    chosen = os.environ.get(VARIABLE)
    caches = [folder / "models" for folder in (user_folder(), private_folder()) if folder]
    folders = [Path(chosen), *caches] if chosen else caches
    return [*model_folders(name), *(folder / name for folder in folders)]


def find_model(name: str) -> Path:
    """Return the folder of a published model.

    Raises
    ------
    CheckpointError
        If it is in no folder of the search path, or lacks files there; the message names the
        folders and the command that downloads the model.
    """
    places = search_path(name)
    found = next((path for path in places if path.is_dir()), None)
    if found is None:
        where = ", ".join(map(str, places))
        raise CheckpointError(
            f"{name} is not on this machine; looked for {where}; topo models get {name} downloads "
            f"{size_text(name)}"
        )
    if found in model_folders(name):
        return found
    wrong = [file.name for file in files_of(name) if not _has_size(found / file.name, file.size)]
    if wrong:
        raise CheckpointError(
            f"{found}: {wrong[0]} is missing or not that of this version of topo; "
            f"topo models get {name} completes it"
        )
    return found


def is_here(name: str) -> bool:
    """Return whether :func:`find_model` finds a model."""
    try:
        find_model(name)
    except CheckpointError:
        return False
    return True


def download_folder(name: str) -> Path:
    """Return the folder that a model is downloaded to.

    Raises
    ------
    TopoError
        If no folder is known.
    """
    outside = [path for path in search_path(name) if path not in model_folders(name)]
    if not outside:
        raise TopoError(f"found no folder for models; {VARIABLE} chooses one")
    return next((path for path in outside if path.is_dir()), outside[0])


def size_text(name: str) -> str:
    """Return the size of a model's files, for messages."""
    return f"{sum(file.size for file in files_of(name)) / 1e6:.1f} MB"


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
