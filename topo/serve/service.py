"""The service behind the routes: what it holds, and how it accepts inputs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from anyio import CapacityLimiter

from topo.errors import TopoError
from topo.inference.memory import default_batch_residues
from topo.io.files import open_text
from topo.io.ids import FileNames
from topo.io.jsonl import jsonl_record
from topo.io.parquet import import_pyarrow
from topo.serve.limits import MEGABYTE, Allowance, Limits
from topo.serve.metrics import Metrics
from topo.serve.options import JobOptions, PredictionOptions
from topo.serve.problems import ServiceError, storage_errors
from topo.serve.queue import JobQueue
from topo.serve.run import Predictor, measure
from topo.serve.store import JobFolder, ServerStore
from topo.serve.table import Job

_BLOCK = 1 << 16
_UPLOADS = 8
_BUSY = 10.0
"""Seconds after which a client may try again if the queue is full."""


class Service:
    """Jobs, predictions and limits of a server.

    Parameters
    ----------
    store
        Folder of the server.
    predictor
        Model and worker processes.
    limits
        Limits.
    workers
        Number of worker processes.

    Attributes
    ----------
    uploads, predictions
        Limits of the threads that read inputs, and of those that wait for predictions.
    """

    def __init__(
        self, store: ServerStore, predictor: Predictor, limits: Limits, workers: int
    ) -> None:
        self.store, self.predictor, self.limits = store, predictor, limits
        self.queue = JobQueue(store, predictor, limits, workers)
        self.allowance = Allowance(limits.jobs_per_minute)
        self.batch_residues = default_batch_residues(workers)
        self.metrics = Metrics(self.queue, predictor.pool)
        self.stopping = False
        self.uploads = CapacityLimiter(_UPLOADS)
        self.predictions = CapacityLimiter(2 * workers)

    def find(self, name: str) -> Job:
        """Return a job.

        Raises
        ------
        ServiceError
            If there is none of this id.
        """
        job = self.store.table.get(name) if name.isascii() and len(name) <= 64 else None
        if job is None:
            raise ServiceError(404, "no such job; it may have been deleted")
        return job

    def admit(self, client: str) -> None:
        """Count a job of a client.

        Raises
        ------
        ServiceError
            If the client has used up its minute, the queue is full, or the server stops.
        """
        if self.stopping:
            raise ServiceError(503, "the server is stopping", _BUSY)
        direct = self.predictions.statistics().tasks_waiting
        uploads = self.uploads.statistics()
        arriving = direct + uploads.tasks_waiting + uploads.borrowed_tokens
        if self.queue.waiting() + arriving >= self.limits.queue:
            full = f"the queue of {self.limits.queue:,} jobs is full; try later"
            raise ServiceError(503, full, _BUSY)
        if wait := self.allowance.take(client):
            limit = self.limits.jobs_per_minute
            raise ServiceError(429, f"found over {limit:,} jobs in a minute; try later", wait)

    def accept(self, source: IO[bytes], filename: str | None, options: JobOptions) -> Job:
        """Store an input as a job and queue it.

        Parameters
        ----------
        source
            Stream of the input.
        filename
            Name of the input, as the client states it.
        options
            Options.

        Raises
        ------
        ServiceError
            If the input cannot be read or exceeds a limit.
        StorageError
            If the store cannot be written.
        """
        name = _shown(filename)
        _check_parquet(options)
        with self._received(source, name, options) as folder:
            size = measure(folder, options, name, self.predictor, self.limits)
            job = Job(
                id=self.store.accept(folder),
                created=time.time(),
                proteins=size.proteins,
                residues=size.residues,
                options=options.model_dump(mode="json", include=set(JobOptions.model_fields)),
                batch_residues=self.batch_residues,
                name=name,
                notes=size.notes,
            )
        try:
            self.store.table.add(job)
        except TopoError:
            self.store.folder(job.id).remove()
            raise
        self.queue.add(job)
        return job

    def predict(
        self, source: IO[bytes], filename: str | None, options: PredictionOptions
    ) -> tuple[list[str], list[str]]:
        """Predict a few proteins at once.

        Returns
        -------
        records, notes
            JSON texts of the predictions, and warnings.

        Raises
        ------
        ServiceError
            If the input cannot be read or exceeds a limit.
        """
        name, limits = _shown(filename), self.limits
        with self._received(source, name, options) as folder:
            size = measure(folder, options, name, self.predictor, limits)
            if size.proteins > limits.direct_proteins:
                raise ServiceError(
                    413,
                    f"{name}: found {size.proteins:,} proteins, expected at most "
                    f"{limits.direct_proteins:,}; POST /api/jobs takes more",
                )
            found = self.predictor.predict(folder, options, self.batch_residues)
        return [jsonl_record(one).rstrip("\n") for one in found], size.notes

    @contextmanager
    def _received(
        self, source: IO[bytes], name: str, options: PredictionOptions
    ) -> Iterator[JobFolder]:
        """Write an input, unpacked, to a folder that is deleted afterwards unless it moves."""
        folder = self.store.receive()
        try:
            with storage_errors("the store"):
                raw = folder.path / "received"
                with open(raw, "wb") as copy:
                    shutil.copyfileobj(source, copy, _BLOCK)
                try:
                    self._unpack(folder, name)
                except ServiceError:
                    raise
                except TopoError as error:
                    raise ServiceError(422, str(error).replace(str(raw), name)) from error
                raw.unlink()
                if options.constraints:
                    folder.constraints.write_text(options.constraints, "utf-8", "replace")
            yield folder
        finally:
            folder.remove()

    def _unpack(self, folder: JobFolder, name: str) -> None:
        limit, size = self.limits.body, 0
        with (
            open_text(folder.path / "received") as text,
            open(folder.input, "w", encoding="utf-8", errors="replace", newline="\n") as out,
        ):
            while block := text.read(_BLOCK):
                size += len(block.encode("utf-8", "replace"))
                if limit and size > limit:
                    raise ServiceError(
                        413, f"{name}: found over {limit / MEGABYTE:g} MB, expected less"
                    )
                out.write(block)


def _shown(filename: str | None) -> str:
    """Return a name for messages: printable, without a path."""
    base = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    return FileNames().name(base) if base else "input"


def _check_parquet(options: JobOptions) -> None:
    if "parquet" in (*options.format, options.probabilities):
        try:
            import_pyarrow()
        except TopoError as error:
            raise ServiceError(422, str(error)) from None
