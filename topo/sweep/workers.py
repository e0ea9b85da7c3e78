"""Processes that share a folder: one at a time in a critical section, and which still live.

Both rest on the locks of SQLite, which the operating system lifts when a process ends, however
it ends; no waiting for heart beats to fail.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; waits for other processes that hold it."""
    connection = sqlite3.connect(path, timeout=3600, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


class Worker:
    """Sign of life of this process: a locked file in a folder.

    Attributes
    ----------
    name
        Unlike that of any other worker.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._path = folder / self.name
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("BEGIN EXCLUSIVE")

    def close(self) -> None:
        """Leave."""
        self._connection.close()
        self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether the process of another worker still runs."""
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
    path.unlink(missing_ok=True)
    return False
