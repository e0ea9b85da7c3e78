"""Lock files of processes that share a folder.

The locks are those of SQLite. The operating system releases them when a process ends for any
reason, so that no heartbeat is needed.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topo.errors import TopoError

_JOURNAL = "-journal"
"""Ending of the file that SQLite writes beside a locked one."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs, after waiting for other processes that hold it.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    connection = _locked(path, timeout=3600)
    try:
        yield
    finally:
        connection.close()


def _locked(path: Path, timeout: float = 5) -> sqlite3.Connection:
    """Lock a file; the lock ends when the connection is closed."""
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise TopoError(f"{path}: cannot be written ({error})") from None
    return connection


class Worker:
    """Lock file in a folder that shows that this process is alive.

    Parameters
    ----------
    folder
        Folder of the lock files; created if it does not exist.

    Attributes
    ----------
    name
        Unique name of the worker.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._path = folder / self.name
        self._connection = _locked(self._path)

    def close(self) -> None:
        """Release and delete the lock file."""
        self._connection.close()
        _remove(self._path)


def is_alive(folder: Path, name: str) -> bool:
    """Return whether the process of a worker is still running."""
    path = folder / name
    if not path.is_file():
        return False
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    _remove(path)
    return False


def remove_dead(folder: Path) -> None:
    """Remove the lock files of processes that no longer run; no process may begin meanwhile."""
    for path in sorted(folder.glob("*")):
        name = path.name.removesuffix(_JOURNAL)
        if not is_alive(folder, name):
            _remove(folder / name)


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + _JOURNAL)):
        file.unlink(missing_ok=True)
