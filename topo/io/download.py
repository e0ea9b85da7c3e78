"""Download of files that are checked by their SHA-256."""

from __future__ import annotations

import re
import shutil
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

from topo.errors import TopoError
from topo.io.files import atomic_path

_TIMEOUT = 60
"""Seconds without a response or a further byte after which a download fails."""


def download(url: str, target: str | PathLike[str], sha256: str) -> bool:
    """Download a file, unless it is there already.

    Parameters
    ----------
    url
        Address of the file.
    target
        Path to write to; the folder is created if missing.
    sha256
        Expected SHA-256, hexadecimal.

    Returns
    -------
    bool
        Whether anything was downloaded.

    Raises
    ------
    TopoError
        If the download fails, its checksum differs, or the target cannot be written. An earlier
        file is unchanged then, and no part of the new one is left behind.
    """
    expected = sha256.lower()
    if has_checksum(target, expected):
        return False
    with tempfile.TemporaryDirectory() as folder:
        downloaded = _retrieve(url, expected, folder)
        with atomic_path(target) as temporary:
            shutil.copyfile(downloaded, temporary)
    return True


def has_checksum(path: str | PathLike[str], sha256: str) -> bool:
    """Return whether a file exists and has a SHA-256."""
    import pooch

    return Path(path).is_file() and pooch.file_hash(str(path)) == sha256


def _retrieve(url: str, sha256: str, folder: str) -> str:
    import pooch
    from requests.exceptions import ConnectionError as NoConnectionError
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel("WARNING")  # it would name a temporary file
    # Any: pooch's own downloader does not match the protocol that retrieve declares.
    downloader: Any = pooch.HTTPDownloader(timeout=_TIMEOUT)
    known = f"sha256:{sha256}"
    try:
        return pooch.retrieve(
            url, known_hash=known, fname="download", path=folder, downloader=downloader
        )
    except NoConnectionError:
        raise TopoError(f"{url}: cannot be fetched (no connection to the server)") from None
    except (RequestException, OSError, ValueError) as error:  # ValueError: the checksum
        reason = " ".join(str(error).split()) or type(error).__name__
        if digests := set(re.findall(r"\b[0-9a-f]{64}\b", reason)) - {sha256}:
            reason = f"found SHA-256 {digests.pop()}, expected {sha256}"
        raise TopoError(f"{url}: cannot be fetched ({reason})") from None
