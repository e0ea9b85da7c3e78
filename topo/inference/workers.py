"""Worker processes that predict batches, each on a device or processor core of its own.

The parent process reads the input, cuts batches, restores their order and writes the output. A
worker receives one batch at a time through a pipe and sends back its predictions. It ends when the
pipe is closed, so that no worker outlives a parent that was killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from topo.errors import InputWarning, TopoError
from topo.inference.batches import Batch
from topo.inference.compute import BatchPredictor, Settings
from topo.protein import Prediction

if TYPE_CHECKING:
    from topo.inference.relatives import ScoreBank

_AHEAD = 16
"""Number of finished batches per worker that may wait for an earlier batch."""


@dataclass(eq=False)
class _Turn:
    """A batch and its predictions, which are None until they are computed."""

    batch: Batch
    predictions: list[Prediction] | None = None


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    turn: _Turn | None = None


class WorkerPool:
    """Pool of worker processes; a context manager that ends them on exit.

    Parameters
    ----------
    model
        Path to the checkpoint, which each process loads.
    devices
        Torch device of each process.
    settings
        Settings of the predictions.
    bank
        Scores of relatives, see :class:`topo.inference.compute.BatchPredictor`.
    """

    def __init__(
        self,
        model: Path,
        devices: Sequence[str],
        settings: Settings,
        bank: ScoreBank | None = None,
    ) -> None:
        self._model, self._devices, self._settings = model, devices, settings
        self._bank = bank
        self._workers: list[_Worker] = []

    def __enter__(self) -> WorkerPool:
        context = multiprocessing.get_context("spawn")
        with _interrupts_ignored():  # inherited by the workers: only the parent handles interrupts
            for device in self._devices:
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_serve,
                    args=(theirs, self._model, device, self._settings, self._bank),
                    daemon=True,
                )
                process.start()
                theirs.close()
                self._workers.append(_Worker(process, ours))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Prediction]]]:
        """Compute batches and yield them in their order.

        Raises
        ------
        TopoError
            If a process died or could not start.
        """
        turns: deque[_Turn] = deque()
        for batch in batches:
            turn = _Turn(batch, None if batch.proteins else [])
            turns.append(turn)
            if batch.proteins:
                self._hand_out(turn)
            while turns and (
                turns[0].predictions is not None or len(turns) > _AHEAD * len(self._workers)
            ):
                yield self._finish(turns.popleft())
        while turns:
            yield self._finish(turns.popleft())

    def _hand_out(self, turn: _Turn) -> None:
        """Send a batch to the next idle worker."""
        while not (free := [worker for worker in self._workers if worker.turn is None]):
            self._collect()
        unused = {"labels": None, "structure": None, "metadata": {}}
        proteins = [replace(p, **unused) for p in turn.batch.proteins]
        free[0].turn = turn
        try:
            free[0].pipe.send(proteins)
        except OSError:
            _died(free[0])

    def _finish(self, turn: _Turn) -> tuple[Batch, list[Prediction]]:
        while turn.predictions is None:
            self._collect()
        return turn.batch, turn.predictions

    def _collect(self) -> None:
        """Wait until at least one worker has results, and collect them."""
        ready = wait([worker.pipe for worker in self._workers if worker.turn is not None])
        for worker in self._workers:
            if worker.pipe in ready:
                self._receive(worker)

    def _receive(self, worker: _Worker) -> None:
        """Store the predictions of a worker's batch, and repeat its warnings."""
        try:
            predictions, messages, failure = worker.pipe.recv()
        except (EOFError, OSError):
            _died(worker)
        for message in messages:
            warnings.warn(message, InputWarning, stacklevel=2)
        if failure is not None:
            raise failure
        assert worker.turn is not None, "an idle worker has sent predictions"
        worker.turn.predictions, worker.turn = predictions, None


def _died(worker: _Worker) -> NoReturn:
    """Raise an error with the exit code of a worker."""
    worker.process.join()
    code = worker.process.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    raise TopoError(
        f"a worker process ended before its work ({how}); if memory is short, try fewer --workers "
        "or a smaller --batch-residues"
    ) from None


def _serve(
    pipe: Connection, model: Path, device: str, settings: Settings, bank: ScoreBank | None
) -> None:
    """Predict the batches that arrive through the pipe until it is closed."""
    import torch

    from topo.checkpoint import load_checkpoint

    torch.set_num_threads(1)
    predictor: BatchPredictor | None = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            proteins = pipe.recv()
            predictions, failure = None, None
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", InputWarning)
                try:
                    if predictor is None:
                        checkpoint = load_checkpoint(model)
                        checkpoint.tagger.to(device)
                        predictor = BatchPredictor(checkpoint, settings, bank)
                    predictions = predictor(proteins)
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
