"""Claims: files by which processes agree on who works on what, without locks.

A claim is a file ``NAME.GENERATION`` that its owner creates exclusively and touches at intervals.
It is stale if it was not touched for a while, or if its owner was a process of this machine that
has ended. Then another process creates the next generation, which succeeds for exactly one of them;
no claim is ever taken over by deleting it. Exclusive creation and the time of a change are those of
the file server, so that a shared file system with clocks that differ is enough.

Claims save work and are not needed for correct results: a process that was suspended for longer
than the lease may work on what another one has claimed since. Both then write the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from topo.errors import TopoError

LEASE = 120.0
"""Seconds without a touch after which the claim of another machine is stale.

Clients of NFS may see a touch up to 60 s late.
"""

POLL = 1.0
"""Seconds between looks at what other processes have claimed."""

_TOUCHES = 8  # per lease


class Owner(NamedTuple):
    """Process that has a claim.

    Parameters
    ----------
    host
        Name of the machine.
    system
        Start of the machine and space of process ids, in which ``process`` is unique with
        ``started``; empty where they are not known.
    process
        Process id.
    started
        Start time of the process in ticks since that of the machine.
    """

    host: str
    system: str
    process: int
    started: str

    @classmethod
    def this(cls) -> Owner:
        """Return this process."""
        return cls(socket.gethostname(), _system(), os.getpid(), _start_time(os.getpid()))

    def has_ended(self) -> bool:
        """Return whether the process is known to have ended; False on another machine."""
        here = bool(self.system) and (self.host, self.system) == (socket.gethostname(), _system())
        return here and self.started != _start_time(self.process)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


class Claim:
    """A claim of this process: a context manager that keeps it fresh and releases it."""

    def __init__(self, folder: Path, name: str, generation: int, lease: float) -> None:
        self.generation = generation
        self._folder, self._name, self._interval = folder, name, lease / _TOUCHES
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._touch, daemon=True)

    def __enter__(self) -> Claim:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if _path(self._folder, self._name, self.generation + 1).exists():
            return  # another process took it for stale, and releases all generations
        for generation in range(self.generation + 1):
            _path(self._folder, self._name, generation).unlink(missing_ok=True)

    def _touch(self) -> None:
        path = _path(self._folder, self._name, self.generation)
        while not self._ended.wait(self._interval):
            with contextlib.suppress(OSError):
                os.utime(path)


class Claims:
    """Claims in a folder.

    Parameters
    ----------
    folder
        Folder of the claims; created if it does not exist.
    lease
        Seconds without a touch after which a claim is stale.
    owner
        Owner of the claims that are taken; by default this process.
    """

    def __init__(self, folder: Path, lease: float = LEASE, owner: Owner | None = None) -> None:
        self.folder, self.lease, self.owner = folder, lease, owner or Owner.this()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TopoError(f"{folder}: cannot be written ({error.strerror})") from None

    def take(self, name: str) -> Claim | None:
        """Claim a name; None if another process has it."""
        latest = self._latest(name)
        if latest >= 0 and not self._is_stale(_path(self.folder, name, latest)):
            return None
        path = _path(self.folder, name, latest + 1)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return None
        except OSError as error:
            raise TopoError(f"{path}: cannot be written ({error.strerror})") from None
        try:
            with open(file, "w", encoding="utf-8") as stream:
                json.dump(self.owner._asdict(), stream)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise TopoError(f"{path}: cannot be written ({error.strerror})") from None
        return Claim(self.folder, name, latest + 1, self.lease)

    @contextlib.contextmanager
    def turn(self, name: str, is_done: Callable[[], bool]) -> Iterator[bool]:
        """Claim a name for the block, after waiting for a process that has it.

        Parameters
        ----------
        name
            Name of the work.
        is_done
            Function that returns whether any process has done the work.

        Yields
        ------
        bool
            Whether the block has to do the work; otherwise another process has done it.
        """
        while not is_done():
            if (claim := self.take(name)) is not None:
                with claim:
                    yield not is_done()
                return
            time.sleep(POLL)
        self.discard(name)
        yield False

    def discard(self, name: str) -> None:
        """Remove the claims on work that is done, which a process that was killed has left."""
        for generation in range(self._latest(name) + 1):
            _path(self.folder, name, generation).unlink(missing_ok=True)

    def holder(self, name: str) -> Owner | None:
        """Return the owner of a fresh claim; None if there is none, or it is just being made."""
        latest = self._latest(name)
        path = _path(self.folder, name, latest)
        return None if latest < 0 or self._is_stale(path) else _read(path)[0]

    def _latest(self, name: str) -> int:
        """Return the newest generation of a claim, -1 if there is none."""
        generation = -1
        while _path(self.folder, name, generation + 1).exists():
            generation += 1
        return generation

    def _is_stale(self, path: Path) -> bool:
        """Return whether a claim can be followed by the next generation; not one that is gone."""
        owner, touched = _read(path)
        if touched is None:
            return False
        return (owner is not None and owner.has_ended()) or self._now() - touched >= self.lease

    def _now(self) -> float:
        """Return the time of the file server."""
        clock = self.folder / "clock"
        try:
            with open(clock, "wb") as file:
                os.utime(clock)
                return os.fstat(file.fileno()).st_mtime
        except OSError as error:
            raise TopoError(f"{clock}: cannot be written ({error.strerror})") from None


def _path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}.{generation}"


def _read(path: Path) -> tuple[Owner | None, float | None]:
    """Return owner and last touch of a claim; None where it is gone or not yet written.

    Opening the file makes clients of NFS ask the server for its present state.
    """
    try:
        with open(path, encoding="utf-8") as file:
            touched = os.fstat(file.fileno()).st_mtime
            content = file.read()
    except OSError:
        return None, None
    try:
        return Owner(**json.loads(content)), touched
    except (ValueError, TypeError):
        return None, touched


def _system() -> str:
    """Return what identifies the start of this machine and its space of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _start_time(process: int) -> str:
    """Return the start time of a process; empty if there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
