"""Worker processes that predict batches, each on a device or processor core of its own.

The parent process reads the input, cuts batches, restores their order and writes the output. A
thread of the parent attends to each process: it takes the next task, sends it through a pipe and
waits for the predictions. A process ends when its pipe is closed, so that no worker outlives a
parent that was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import queue
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from topo.errors import InputWarning, TopoError
from topo.inference.batches import Batch
from topo.inference.compute import BatchPredictor, Settings
from topo.protein import Prediction, Protein

if TYPE_CHECKING:
    from topo.inference.relatives import ScoreBank

_AHEAD = 16
"""Number of finished batches per worker that may wait for an earlier batch."""

_ATTEMPTS = 3
"""Number of processes that may die over a task before it fails, if processes are replaced."""

_Answer = tuple[list[Prediction], list[str]]
"""Predictions of a task and its warnings."""


@dataclass(eq=False)
class _Task:
    """Proteins to predict together."""

    proteins: Sequence[Protein]
    settings: Settings
    answer: Future[_Answer] = field(default_factory=Future)
    deaths: int = 0


class _Process:
    """A worker process and the parent's end of its pipe."""

    def __init__(self, model: Path, device: str, bank: ScoreBank | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, model, device, bank), daemon=True
        )
        with _interrupts_ignored():  # inherited: only the parent handles interrupts
            self.process.start()
        theirs.close()

    def predict(
        self, proteins: Sequence[Protein], settings: Settings
    ) -> tuple[list[Prediction] | None, list[str], Exception | None]:
        """Send proteins and receive predictions, warnings and failure.

        Raises
        ------
        EOFError, OSError
            If the process has died.
        """
        self.pipe.send((proteins, settings))
        return self.pipe.recv()

    def cause_of_death(self) -> TopoError:
        """Return an error with the exit code of the process."""
        self.process.join()
        code = self.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return TopoError(
            f"a worker process ended before its work ({how}); if memory is short, try fewer "
            "--workers or a smaller --batch-residues"
        )


class WorkerPool:
    """Pool of worker processes; a context manager that ends them on exit.

    Several threads may submit tasks at the same time.

    Parameters
    ----------
    model
        Path to the checkpoint, which each process loads.
    devices
        Torch device of each process.
    lasting
        Whether the pool outlives the death of a process: another one takes its place and its
        task. Otherwise a death ends all tasks. The processes of a lasting pool load the model
        before their first task.
    bank
        Scores of relatives, see :class:`topo.inference.compute.BatchPredictor`.

    Attributes
    ----------
    deaths
        Number of processes that have died.
    """

    def __init__(
        self,
        model: Path,
        devices: Sequence[str],
        *,
        lasting: bool = False,
        bank: ScoreBank | None = None,
    ) -> None:
        self._model, self._devices, self._lasting = model, devices, lasting
        self._bank = bank
        self._tasks: queue.PriorityQueue[tuple[int, int, _Task | None]] = queue.PriorityQueue()
        self._count = itertools.count()
        self._processes: dict[int, _Process] = {}
        self._threads: list[threading.Thread] = []
        self._loaded = threading.Semaphore(0)
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.deaths = 0

    def __enter__(self) -> WorkerPool:
        for at, device in enumerate(self._devices):
            self._processes[at] = _Process(self._model, device, self._bank)
        for at in range(len(self._devices)):
            thread = threading.Thread(target=self._attend, args=(at,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closed = True
            for worker in self._processes.values():
                worker.process.terminate()
        for _ in self._threads:
            self._tasks.put((-1, next(self._count), None))
        for thread in self._threads:
            thread.join()
        self._refuse_waiting(TopoError("the worker processes have been stopped"))
        for worker in self._processes.values():
            worker.process.join()
            worker.pipe.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [w.process.pid for w in self._processes.values() if w.process.pid is not None]

    def wait_until_loaded(self) -> None:
        """Wait until all processes of a lasting pool have loaded the model."""
        for _ in self._devices:
            self._loaded.acquire()

    def submit(
        self, proteins: Sequence[Protein], settings: Settings, urgent: bool = False
    ) -> Future[_Answer]:
        """Queue a task; urgent tasks come before all others."""
        unused = {"labels": None, "structure": None, "metadata": {}}
        task = _Task([replace(protein, **unused) for protein in proteins], settings)
        with self._lock:
            if self._failure is not None:
                task.answer.set_exception(self._failure)
            else:
                self._tasks.put((int(not urgent), next(self._count), task))
        return task.answer

    def run(
        self, batches: Iterable[Batch], settings: Settings, urgent: bool = False
    ) -> Iterator[tuple[Batch, list[Prediction]]]:
        """Compute batches and yield them in their order.

        Raises
        ------
        TopoError
            If a process died or could not start.
        """
        turns: deque[tuple[Batch, Future[_Answer]]] = deque()
        try:
            for batch in batches:
                turns.append((batch, self._answer(batch, settings, urgent)))
                self._wait_for_room([answer for _, answer in turns])
                while turns and (turns[0][1].done() or len(turns) > _AHEAD * len(self._devices)):
                    yield _finish(*turns.popleft())
            while turns:
                yield _finish(*turns.popleft())
        finally:
            for _, answer in turns:
                answer.cancel()

    def _answer(self, batch: Batch, settings: Settings, urgent: bool) -> Future[_Answer]:
        if batch.proteins:
            return self.submit(batch.proteins, settings, urgent)
        empty: Future[_Answer] = Future()
        empty.set_result(([], []))
        return empty

    def _wait_for_room(self, answers: list[Future[_Answer]]) -> None:
        """Wait while a task waits for each process beside the one that it works on."""
        while len(left := [answer for answer in answers if not answer.done()]) >= 2 * len(
            self._devices
        ):
            wait(left, return_when=FIRST_COMPLETED)

    def _attend(self, at: int) -> None:
        """Pass tasks to one process until the pool is closed or has failed."""
        if self._lasting:
            self._load(at)
            self._loaded.release()
        while (task := self._tasks.get()[2]) is not None:
            if not task.answer.set_running_or_notify_cancel():
                continue
            while not self._work(at, task):
                self._replace(at)
            if self._failure is not None:
                return

    def _work(self, at: int, task: _Task) -> bool:
        """Have a process compute a task; return False if another process has to."""
        worker = self._processes[at]
        try:
            predictions, messages, failure = worker.predict(task.proteins, task.settings)
        except (EOFError, OSError):
            self.deaths += 1
            task.deaths += 1
            if self._lasting and not self._closed and task.deaths < _ATTEMPTS:
                return False
            error = worker.cause_of_death()
            if self._lasting and not self._closed:
                self._replace(at)
            else:
                self._fail(error)
            task.answer.set_exception(error)
            return True
        if failure is not None:
            task.answer.set_exception(failure)
        else:
            assert predictions is not None, "a worker has sent neither predictions nor an error"
            task.answer.set_result((predictions, messages))
        return True

    def _replace(self, at: int) -> None:
        """Put a new process into the place of a dead one."""
        before = self._processes[at]
        before.process.join()
        before.pipe.close()
        with self._lock:
            if self._closed:
                return
            self._processes[at] = _Process(self._model, self._devices[at], self._bank)
        self._load(at)

    def _load(self, at: int) -> None:
        """Have a process load the model, and compile or load its code, before its first task."""
        with contextlib.suppress(EOFError, OSError):  # the first task finds out
            self._processes[at].predict([Protein("warm-up", "MKTLLLTLVVVTIVCLDLGY")], Settings())

    def _fail(self, error: Exception) -> None:
        """End all tasks, those to come too, with an error."""
        with self._lock:
            self._failure = error
        self._refuse_waiting(error)
        for _ in self._threads:
            self._tasks.put((-1, next(self._count), None))

    def _refuse_waiting(self, error: Exception) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()[2]
                if task is not None and task.answer.set_running_or_notify_cancel():
                    task.answer.set_exception(error)


def _finish(batch: Batch, answer: Future[_Answer]) -> tuple[Batch, list[Prediction]]:
    """Wait for the predictions of a batch, and repeat its warnings."""
    predictions, messages = answer.result()
    for message in messages:
        warnings.warn(message, InputWarning, stacklevel=2)
    return batch, predictions


def _serve(pipe: Connection, model: Path, device: str, bank: ScoreBank | None) -> None:
    """Predict the batches that arrive through the pipe until it is closed."""
    import torch

    from topo.checkpoint import load_checkpoint

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    checkpoint = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            proteins, settings = pipe.recv()
            predictions, failure = None, None
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", InputWarning)
                try:
                    if checkpoint is None:
                        checkpoint = load_checkpoint(model)
                        checkpoint.tagger.to(device)
                    predictions = BatchPredictor(checkpoint, settings, bank)(proteins)
                except TopoError as error:
                    failure = TopoError(str(error))
                except Exception:
                    failure = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
            messages = [str(w.message) for w in caught if issubclass(w.category, InputWarning)]
            pipe.send((predictions, messages, failure))


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # only the main thread can set signal handlers
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
