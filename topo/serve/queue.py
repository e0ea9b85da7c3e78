"""Threads that run the jobs of a server in order, in a lane for small and one for other jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from topo.errors import TopoError
from topo.serve.limits import Limits
from topo.serve.options import JobOptions
from topo.serve.problems import Cancelled, StorageError, is_storage_error, log_defect
from topo.serve.run import Predictor, collected, run_job
from topo.serve.store import ServerStore
from topo.serve.table import DONE, FAILED, QUEUED, RUNNING, Job

_LARGE_THREADS = 2
_PAUSE = 5.0
"""Seconds before a job that the disk has stopped is tried again."""

_IDLE = 2.0
"""Seconds between predictions above which the server counts as idle."""

_HOUR = 3600.0
log = logging.getLogger("topo.serve")


@dataclass(eq=False)
class _Entry:
    """A job that waits or runs."""

    job: Job
    done: int = 0
    started: float | None = None
    waiting_for: str | None = None
    deleted: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Parameters
    ----------
    state
        State of the job.
    position
        1 for the next job of its lane; None unless it waits.
    residues_done
        Number of finished residues.
    seconds_left
        Estimate of the time until it ends, or None.
    waiting_for
        What a stopped job waits for, or None.
    """

    state: str
    position: int | None = None
    residues_done: int = 0
    seconds_left: float | None = None
    waiting_for: str | None = None


class JobQueue:
    """Jobs that wait and run.

    Small jobs have as many threads as there are worker processes, and come first in each of them;
    other jobs have two threads. The order within a lane is that of arrival.

    Parameters
    ----------
    store
        Folder of the server.
    predictor
        Model and worker processes.
    limits
        Limits of the server.
    workers
        Number of worker processes.
    """

    def __init__(
        self, store: ServerStore, predictor: Predictor, limits: Limits, workers: int
    ) -> None:
        self._store, self._predictor, self._limits = store, predictor, limits
        self._change = threading.Condition()
        self._waiting: dict[bool, deque[_Entry]] = {True: deque(), False: deque()}
        self._entries: dict[str, _Entry] = {}
        self._stopping = threading.Event()
        self._speed = _Speed()
        self.ended: Counter[str] = Counter()
        lanes = [True] * max(2, workers) + [False] * _LARGE_THREADS
        self._threads = [
            threading.Thread(target=self._work, args=(small,), daemon=True) for small in lanes
        ]
        self._threads.append(threading.Thread(target=self._expire, daemon=True))

    def start(self) -> None:
        """Continue the unfinished jobs, and run those that come."""
        for job in self._store.table.unfinished():
            self._put(job)
        for thread in self._threads:
            thread.start()

    def add(self, job: Job) -> None:
        """Add a job that the table holds already."""
        self._put(job)

    def waiting(self) -> int:
        """Return the number of waiting jobs."""
        return sum(map(len, self._waiting.values()))

    def running(self) -> int:
        """Return the number of running jobs."""
        return len(self._entries) - self.waiting()

    def progress(self, job: Job) -> Progress:
        """Return how far a job is."""
        with self._change:
            entry = self._entries.get(job.id)
            if entry is None:
                return Progress(job.state, residues_done=job.residues)
            if entry.started is not None:
                left = self._speed.seconds(entry, time.monotonic())
                return Progress(RUNNING, None, entry.done, left)
            lane = self._waiting[self._is_small(entry.job)]
            before = lane.index(entry) if entry in lane else 0
            ahead = sum(other.job.residues for other in list(lane)[: before + 1])
            ahead += sum(e.job.residues - e.done for e in self._entries.values() if e.started)
            return Progress(
                QUEUED, before + 1, 0, self._speed.for_residues(ahead), entry.waiting_for
            )

    def holds(self, job: Job) -> bool:
        """Return whether a job waits or runs."""
        return job.id in self._entries

    def delete(self, job: Job) -> None:
        """Delete a job with its files, also while it runs."""
        self._store.table.remove(job.id)
        with self._change:
            entry = self._entries.get(job.id)
            if entry is not None:
                entry.deleted.set()
                lane = self._waiting[self._is_small(job)]
                if entry in lane:
                    lane.remove(entry)
                    del self._entries[job.id]
                    entry = None
        if entry is None:
            self._store.folder(job.id).remove()

    def stop(self) -> None:
        """Start no more jobs, wait for the running ones, and interrupt those that take longer."""
        end = time.monotonic() + self._limits.drain
        with self._change:
            for lane in self._waiting.values():
                lane.clear()
            self._stopping.set()
            self._change.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._change:
            for entry in self._entries.values():
                entry.deleted.set()
        for thread in self._threads:
            thread.join(10)

    def _is_small(self, job: Job) -> bool:
        return job.proteins <= self._limits.direct_proteins

    def _put(self, job: Job) -> None:
        entry = _Entry(job)
        with self._change:
            self._entries[job.id] = entry
            self._waiting[self._is_small(job)].append(entry)
            self._change.notify_all()

    def _take(self, small: bool) -> _Entry | None:
        """Wait for the next job of a lane; None when the server stops."""
        lane = self._waiting[small]
        with self._change:
            while not self._stopping.is_set():
                if lane:
                    entry = lane.popleft()
                    entry.started = time.monotonic()
                    return entry
                self._change.wait()
        return None

    def _work(self, small: bool) -> None:
        while (entry := self._take(small)) is not None:
            try:
                self._run(entry)
            except Exception as error:  # the thread goes on whatever happens
                if not is_storage_error(error):
                    log_defect(error)
                self._return(entry, "the store to be writable")

    def _run(self, entry: _Entry) -> None:
        """Run a job and keep its state; what is interrupted stays in the table as waiting."""
        job, table = entry.job, self._store.table
        folder = self._store.folder(job.id)
        table.change(job, state=RUNNING)
        shown = {str(folder.input): job.name, str(folder.constraints): "constraints"}
        begun = time.monotonic()
        changes: dict[str, object]
        try:
            with collected(shown) as notes:
                options = JobOptions.model_validate(job.options)
                advance = self._advance(entry)
                files = run_job(job, folder, options, self._predictor, advance, self._is_small(job))
            kept = [note for note in notes if str(folder.path) not in note]
            changes = {
                "state": DONE,
                "files": files,
                "notes": [*dict.fromkeys([*job.notes, *kept])],
            }
        except Cancelled:
            self._drop(entry)
            return
        except Exception as error:
            if is_storage_error(error):
                raise StorageError("the store cannot be written") from error
            if self._stopping.is_set():  # perhaps only because the worker processes have ended
                self._drop(entry)
                return
            changes = {"state": FAILED, "error": _reason(error).replace(f"{folder.path}/", "")}
        if entry.deleted.is_set() and table.get(job.id) is None:
            self._drop(entry)
            return
        table.change(job, finished=time.time(), **changes)
        with self._change:
            self._entries.pop(job.id, None)
        self.ended[str(changes["state"])] += 1
        if entry.deleted.is_set() and table.get(job.id) is None:
            folder.remove()
        seconds = time.monotonic() - begun
        log.info("job %s: %d proteins in %.1f s", changes["state"], job.proteins, seconds)

    def _drop(self, entry: _Entry) -> None:
        """Forget a job that was interrupted; delete its files if its owner has deleted it."""
        if self._store.table.get(entry.job.id) is None:
            self._store.folder(entry.job.id).remove()
        with self._change:
            self._entries.pop(entry.job.id, None)

    def _return(self, entry: _Entry, waiting_for: str) -> None:
        """Put a job back to the front of its lane, and pause."""
        with self._change:
            entry.started, entry.done, entry.waiting_for = None, 0, waiting_for
            if self._stopping.is_set() or entry.deleted.is_set():
                self._entries.pop(entry.job.id, None)
                return
            self._waiting[self._is_small(entry.job)].appendleft(entry)
        log.warning("the store cannot be written; jobs wait")
        self._stopping.wait(_PAUSE)

    def _advance(self, entry: _Entry) -> Callable[[int], None]:
        def advance(residues: int) -> None:
            entry.done += residues
            self._speed.add(residues)
            if entry.deleted.is_set():
                raise Cancelled

        return advance

    def _expire(self) -> None:
        """Delete results whose time is over."""
        while not self._stopping.wait(min(_HOUR, self._limits.lifetime / 10)):
            try:
                self.delete_expired()
            except StorageError:
                log.warning("expired results could not be deleted: the store cannot be written")

    def delete_expired(self) -> None:
        """Delete the jobs that ended longer ago than the lifetime of results."""
        for job in self._store.table.finished_before(time.time() - self._limits.lifetime):
            self.delete(job)


class _Speed:
    """Residues per second of the server, from the last predictions, without idle times."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)
        self._last = time.monotonic()
        self._lock = threading.Lock()

    def add(self, residues: int) -> None:
        now = time.monotonic()
        with self._lock:
            self._recent.append((min(now - self._last, _IDLE), residues))
            self._last = now

    def for_residues(self, residues: int) -> float | None:
        """Return the seconds for a number of residues; None before the first predictions."""
        with self._lock:
            recent = list(self._recent)
        done = sum(number for _, number in recent)
        return residues * sum(seconds for seconds, _ in recent) / done if done else None

    def seconds(self, entry: _Entry, now: float) -> float | None:
        """Return the seconds until a running job ends, at its pace so far."""
        if not entry.done or entry.started is None:
            return self.for_residues(entry.job.residues)
        left = entry.job.residues - entry.done
        return max(0.0, left * (now - entry.started) / entry.done)


def _reason(error: Exception) -> str:
    if isinstance(error, TopoError):
        return str(error)
    log_defect(error)
    return "the prediction failed; the log of the server has the reason"
