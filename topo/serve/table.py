"""SQLite table of jobs and their states."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from topo.errors import TopoError
from topo.serve.problems import storage_errors

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")
_VERSION = 1
_LISTS = ("options", "notes", "files")


@dataclass(frozen=True)
class Job:
    """A job as the table holds it.

    Parameters
    ----------
    id
        Unguessable name: who knows it may read and delete the job.
    created
        Seconds since 1970.
    proteins, residues
        Size of the input.
    options
        Fields of :class:`topo.serve.options.JobOptions` as JSON values.
    batch_residues
        Number of padded residues per batch, on which rounding depends.
    name
        Name of the input in messages.
    state
        One of :data:`STATES`.
    finished
        Seconds since 1970, or None.
    error
        Why the job failed, or None.
    notes
        Warnings.
    files
        Names of the files of each result.
    """

    id: str
    created: float
    proteins: int
    residues: int
    options: dict[str, Any]
    batch_residues: int
    name: str
    state: str = QUEUED
    finished: float | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)


_COLUMNS = tuple(f.name for f in fields(Job))


class JobTable:
    """Table of jobs in a file; every change is on the disk when the call returns.

    Parameters
    ----------
    path
        Path to the SQLite file.

    Raises
    ------
    TopoError
        If the file cannot be written or has another version.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        with storage_errors(str(path)):
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise TopoError(f"{path}: found version {version} of the table of jobs, expected 1")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, created REAL NOT NULL, "
                "proteins INTEGER NOT NULL, residues INTEGER NOT NULL, options TEXT NOT NULL, "
                "batch_residues INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, "
                "finished REAL, error TEXT, notes TEXT NOT NULL, files TEXT NOT NULL) WITHOUT ROWID"
            )
            self._base.execute(f"PRAGMA user_version={_VERSION}")

    def add(self, job: Job) -> None:
        """Add a job; once this returns, it is not lost."""
        marks = ", ".join("?" * len(_COLUMNS))
        values = [_packed(name, value) for name, value in asdict(job).items()]
        self._write(f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({marks})", values)

    def get(self, name: str) -> Job | None:
        """Return a job, or None."""
        found = self._read("SELECT * FROM jobs WHERE id = ?", name)
        return found[0] if found else None

    def change(self, job: Job, **values: Any) -> Job:
        """Change fields of a job and return it."""
        names = ", ".join(f"{name} = ?" for name in values)
        packed = [_packed(name, value) for name, value in values.items()]
        self._write(f"UPDATE jobs SET {names} WHERE id = ?", [*packed, job.id])
        return replace(job, **values)

    def remove(self, name: str) -> None:
        """Remove a job."""
        self._write("DELETE FROM jobs WHERE id = ?", [name])

    def unfinished(self) -> list[Job]:
        """Return the jobs that are waiting or were running, in the order of their arrival."""
        return self._read(
            "SELECT * FROM jobs WHERE state IN (?, ?) ORDER BY created, id", QUEUED, RUNNING
        )

    def finished_before(self, moment: float) -> list[Job]:
        """Return the jobs that ended before a moment, in seconds since 1970."""
        return self._read("SELECT * FROM jobs WHERE finished < ?", moment)

    def names(self) -> set[str]:
        """Return the ids of all jobs."""
        with self._lock, storage_errors(str(self._path)):
            return {row[0] for row in self._base.execute("SELECT id FROM jobs")}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def _read(self, query: str, *values: Any) -> list[Job]:
        with self._lock, storage_errors(str(self._path)):
            cursor = self._base.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [_job(dict(zip(names, row, strict=True))) for row in cursor]

    def _write(self, query: str, values: list[Any]) -> None:
        with self._lock, storage_errors(str(self._path)):
            self._base.execute(query, values)


def _packed(name: str, value: Any) -> Any:
    return json.dumps(value) if name in _LISTS else value


def _job(row: dict[str, Any]) -> Job:
    return Job(**{k: json.loads(v) if k in _LISTS else v for k, v in row.items()})
