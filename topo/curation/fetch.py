"""Download of published data sets, checked by their SHA-256."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from topo.errors import TopoError
from topo.io.download import download


class Source(NamedTuple):
    """Address, SHA-256, file name and terms of use of a published data set."""

    url: str
    sha256: str
    file: str
    terms: str


SOURCES = {
    "deeptmhmm": Source(
        "https://raw.githubusercontent.com/martinaegidius/NMTMNet/main/DeepTMHMM.partitions.json",
        "a4982d16eaa5408c65a0c2171f97e8fd0f41ff757eb3efc6a2a385e705b6d6f2",
        "DeepTMHMM.partitions.json",
        "3,576 proteins in five homology-separated folds; Hallgren et al. 2022, as published "
        "with the paper",
    ),
}


def fetch(
    name: str,
    directory: str | PathLike[str] = ".",
    url: str | None = None,
    sha256: str | None = None,
) -> Path:
    """Download a data set, unless the folder contains it already.

    Parameters
    ----------
    name
        Name of the data set, a key of :data:`SOURCES`.
    directory
        Path to the output folder, created if missing.
    url
        Alternative address of the same file.
    sha256
        Expected SHA-256 of the file; the known one by default.

    Returns
    -------
    Path
        Path to the file.

    Raises
    ------
    TopoError
        If there is no such data set, the download fails or its checksum differs. No file is left
        behind then.
    """
    if name not in SOURCES:
        raise TopoError(f"no data set {name!r}; there is {', '.join(SOURCES)}")
    source = SOURCES[name]
    target = Path(directory) / source.file
    download(url or source.url, target, sha256 or source.sha256)
    return target
