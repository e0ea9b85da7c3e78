"""Folder of a server: the table of jobs, and a folder for each job's input and results.

```
jobs.sqlite     table of jobs
incoming/       inputs that are being received
jobs/ID/        input, constraints.tsv, results/, results.zip
```
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import zipfile
from pathlib import Path

from topo.errors import TopoError
from topo.io.files import atomic_path
from topo.serve.problems import storage_errors
from topo.serve.table import JobTable

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

INPUT, CONSTRAINTS = "input", "constraints.tsv"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)


class JobFolder:
    """Files of one job.

    Parameters
    ----------
    path
        Path to the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.input, self.results = path / INPUT, path / "results"
        self.constraints = path / CONSTRAINTS

    def file(self, name: str) -> Path | None:
        """Return the path of a result, or None if the job has no file of that name."""
        path = self.results / name
        plain = name == os.path.basename(name) and not name.startswith(".") and "\0" not in name
        return path if plain and path.is_file() else None

    def names(self) -> list[str]:
        """Return the names of the results."""
        if not self.results.is_dir():
            return []
        return sorted(p.name for p in self.results.iterdir() if p.name[0] != "." and p.is_file())

    def zipped(self, names: list[str], archive: str) -> Path:
        """Return the path of a zip archive of results, made on the first call.

        The archive of the same files is the same, byte for byte.

        Raises
        ------
        StorageError
            If the store cannot be written.
        """
        path = self.path / archive
        if not path.is_file():
            with (
                storage_errors("the archive"),
                atomic_path(path) as temporary,
                zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as out,
            ):
                for name in names:
                    info = zipfile.ZipInfo.from_file(self.results / name, name)
                    info.date_time, info.compress_type = _FIRST_DAY, zipfile.ZIP_DEFLATED
                    info.external_attr = 0o644 << 16
                    with open(self.results / name, "rb") as source, out.open(info, "w") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
        return path

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)


class ServerStore:
    """Folder of a server, which one server uses at a time.

    Parameters
    ----------
    path
        Path to the folder; created, for this user only, if missing.

    Raises
    ------
    TopoError
        If the folder cannot be written, or another server uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.incoming = path, path / "incoming"
        with storage_errors(str(path)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            for name in ("jobs", "incoming"):
                (path / name).mkdir(mode=0o700, exist_ok=True)
        self._take_lock()
        self.table = JobTable(path / "jobs.sqlite")
        self._clean()

    def folder(self, name: str) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self.path / "jobs" / name)

    def receive(self) -> JobFolder:
        """Create a folder for an input that is being received."""
        with storage_errors("the store"):
            return JobFolder(Path(tempfile.mkdtemp(dir=self.incoming)))

    def accept(self, incoming: JobFolder) -> str:
        """Make a received folder that of a new job, flushed to the disk, and return the id."""
        name = secrets.token_urlsafe(16)
        with storage_errors("the store"):
            for path in (*incoming.path.iterdir(), incoming.path):
                _flush(path)
            incoming.path.rename(self.path / "jobs" / name)
            _flush(self.path / "jobs")
        return name

    def close(self) -> None:
        """Close the table and give up the folder."""
        self.table.close()
        os.close(self._lock)

    def _take_lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TopoError(f"{self.path}: another server uses this store") from None

    def _clean(self) -> None:
        """Delete what a killed server has left: inputs half received and jobs half deleted."""
        known = self.table.names()
        for folder in (self.path / "jobs").iterdir():
            if folder.name not in known:
                JobFolder(folder).remove()
        for folder in self.incoming.iterdir():
            JobFolder(folder).remove()


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
