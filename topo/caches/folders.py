"""Folders for caches: the user's, or a private one where there is no home that can be written."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

_LIBRARIES = {
    "MPLCONFIGDIR": "matplotlib",
    "WANDB_CACHE_DIR": "wandb/cache",
    "WANDB_CONFIG_DIR": "wandb/config",
    "WANDB_DATA_DIR": "wandb/data",
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
    "TRITON_CACHE_DIR": "triton",
}
"""Variables of libraries that write to the home folder, and their part of the private folder."""


def user_folder() -> Path | None:
    """Return the user's folder for caches of this package; None if no home is known.

    It is ``TOPO_CACHE``, or ``topo`` in ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    if chosen := os.environ.get("TOPO_CACHE"):
        return Path(chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "topo"
    try:
        return Path.home() / ".cache" / "topo"
    except RuntimeError:  # no HOME, and the user is not in the password file
        return None


def private_folder() -> Path | None:
    """Return a folder in TMPDIR that only this user can read and write; None if there is none.

    A folder of that name that belongs to another user, or is open to others, is not used.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    try:
        path = Path(tempfile.gettempdir()) / f"topo-{user}"
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and is_own(found) and is_writable(path)
    private = os.name == "nt" or not found.st_mode & 0o077
    return path if own and private else None


def cache_folder() -> Path | None:
    """Return the first folder for caches that can be written; None if there is none."""
    folder = user_folder()
    if folder is not None and is_writable(folder):
        return folder
    return private_folder()


def is_writable(folder: Path) -> bool:
    """Return whether a folder exists or can be made, and files can be made in it."""
    try:
        folder.mkdir(0o755, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def is_own(found: os.stat_result) -> bool:
    """Return whether a file or folder belongs to this user."""
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def is_trusted(found: os.stat_result) -> bool:
    """Return whether a file belongs to this user or to root, and no other user can write to it."""
    owned = not hasattr(os, "getuid") or found.st_uid in (0, os.getuid())
    return owned and (os.name == "nt" or not found.st_mode & 0o022)


def redirect_libraries(environment: MutableMapping[str, str] = os.environ) -> None:
    """Point libraries to the private folder if the home folder is absent or cannot be written.

    Variables that are set stay as they are.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = None
    if home is not None and os.access(home, os.W_OK | os.X_OK) and home.is_dir():
        return
    private = private_folder()
    if private is None:
        return
    for variable, part in _LIBRARIES.items():
        if variable not in environment:
            environment[variable] = str(private / part)
