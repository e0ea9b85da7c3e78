"""Download of published data sets, checked by their SHA-256."""

from __future__ import annotations

import re
import shutil
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from topo.errors import TopoError
from topo.io.files import atomic_path

_TIMEOUT = 60
"""Seconds without a response or a further byte after which a download fails."""


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
    import pooch

    if name not in SOURCES:
        raise TopoError(f"no data set {name!r}; there is {', '.join(SOURCES)}")
    source = SOURCES[name]
    expected = (sha256 or source.sha256).lower()
    target = Path(directory) / source.file
    if target.is_file() and pooch.file_hash(target) == expected:
        return target
    with tempfile.TemporaryDirectory() as folder:
        downloaded = _download(url or source.url, expected, folder)
        with atomic_path(target) as temporary:
            shutil.copyfile(downloaded, temporary)
    return target


def _download(url: str, sha256: str, folder: str) -> str:
    import pooch
    from requests.exceptions import ConnectionError as NoConnectionError
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel("WARNING")  # it would name a temporary file
    # Any: pooch's own downloader does not match the protocol that retrieve declares.
    downloader: Any = pooch.HTTPDownloader(timeout=_TIMEOUT)
    try:
        return pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname="download",
            path=folder,
            downloader=downloader,
        )
    except NoConnectionError:
        raise TopoError(f"{url}: cannot be fetched (no connection to the server)") from None
    except (RequestException, OSError, ValueError) as error:  # ValueError: the checksum
        reason = " ".join(str(error).split()) or type(error).__name__
        if digests := set(re.findall(r"\b[0-9a-f]{64}\b", reason)) - {sha256}:
            reason = f"found SHA-256 {digests.pop()}, expected {sha256}"
        raise TopoError(f"{url}: cannot be fetched ({reason})") from None
