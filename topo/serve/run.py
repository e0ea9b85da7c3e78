"""Prediction of a job: its input, its results, and a model that jobs share."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from topo.checkpoint import Checkpoint
from topo.errors import InputError, InputWarning, RecordError, TopoError
from topo.inference import PredictionStream, Settings, describe
from topo.inference.constrained import Known, extra_columns
from topo.inference.resume import FILE, open_store
from topo.inference.store import PredictionStore
from topo.inference.workers import WorkerPool
from topo.io.export import open_exports
from topo.io.inputs import Inputs
from topo.io.invalid import write_invalid
from topo.io.output_formats import files_of
from topo.io.records import RecordPolicy
from topo.io.writers import IDS_FILE, INVALID_FILE
from topo.protein import Prediction
from topo.report.left_over import LeftOver
from topo.report.outputs import open_outputs
from topo.serve.limits import Limits
from topo.serve.options import JobOptions, PredictionOptions
from topo.serve.problems import ServiceError
from topo.serve.store import JobFolder
from topo.serve.table import Job

_PRECISION, _LONGEST = "auto", 100_000
_NOTES = 20
"""Largest number of warnings that are kept of a job."""


@dataclass(frozen=True)
class Size:
    """Number of proteins and residues of an input, and warnings about it."""

    proteins: int
    residues: int
    notes: list[str]


@dataclass(frozen=True)
class Predictor:
    """Model and worker processes that jobs share."""

    model: Checkpoint
    pool: WorkerPool

    def settings(self, options: PredictionOptions) -> Settings:
        """Return the settings of a prediction."""
        return Settings.of(
            options.decoder, _PRECISION, _LONGEST, "cpu", self.model, options.alternatives
        )

    def predict(
        self, folder: JobFolder, options: PredictionOptions, batch_residues: int
    ) -> list[Prediction]:
        """Predict the proteins of a folder before those of all jobs."""
        known, inputs = _known(folder, options), _inputs(folder, options)
        stream = PredictionStream(
            known.attach(inputs, self.model.tagger.crf.grammar),
            self.model,
            self.settings(options),
            batch_residues,
            pool=self.pool,
            urgent=True,
        )
        return [prediction for _, prediction in stream]


def measure(
    folder: JobFolder, options: PredictionOptions, name: str, predictor: Predictor, limits: Limits
) -> Size:
    """Read an input once, so that its errors are raised before a job is accepted.

    Parameters
    ----------
    folder
        Folder with the input.
    options
        Options of the prediction.
    name
        Name of the input in messages.
    predictor
        Model, whose grammar checks the constraints.
    limits
        Limits on the input.

    Raises
    ------
    ServiceError
        If the input cannot be read or exceeds a limit.
    """
    count = residues = 0
    shown = {str(folder.input): name, str(folder.constraints): "constraints"}
    with _explained(shown), collected(shown) as notes:
        inputs = _inputs(folder, options)
        known = _known(folder, options)
        for protein in known.attach(inputs, predictor.model.tagger.crf.grammar):
            count += 1
            residues += len(protein)
            _check(limits.protein_residues, len(protein), f"{protein.id}: found", "residues")
            _check(limits.proteins, count, f"{name}: found over", "proteins")
            _check(limits.job_residues, residues, f"{name}: found over", "residues")
        if inputs.faults:
            notes.append(f"left out {len(inputs.faults):,} faulty records, listed in invalid.tsv")
    return Size(count, residues, notes[:_NOTES])


def run_job(
    job: Job,
    folder: JobFolder,
    options: JobOptions,
    predictor: Predictor,
    advance: Callable[[int], None],
    urgent: bool,
) -> dict[str, list[str]]:
    """Compute a job, or what is left of it, and write its results.

    Parameters
    ----------
    job
        Job.
    folder
        Folder of the job.
    options
        Options of the job.
    predictor
        Model and worker processes.
    advance
        Function that receives numbers of finished residues; what it raises ends the run, and a
        later run continues.
    urgent
        Whether the job comes before others.

    Returns
    -------
    dict of str to list of str
        Names of the files of each result.

    Raises
    ------
    TopoError
        If a file cannot be written, or worker processes die repeatedly.
    """
    settings = predictor.settings(options)
    known, inputs = _known(folder, options), _inputs(folder, options)
    LeftOver(folder.results)  # removes the temporary files of a killed server
    formats, chosen = options.format, options.export
    with (
        _answers(folder, describe(predictor.model, settings, "cpu"), job) as store,
        open_outputs(
            folder.results,
            formats,
            probabilities=options.probabilities,
            timestamp=time.strftime("%Y%m%d%H%M%S", time.gmtime(job.created)),
            plots="none",
            extras=extra_columns(known, options.alternatives),
            scheme=predictor.model.tagger.crf.grammar.scheme,
        ) as outputs,
        open_exports(
            folder.results, chosen, options.export_minimum, options.export_padding
        ) as exports,
    ):
        outputs.add(exports.write, *exports.files)
        stream = PredictionStream(
            known.attach(inputs, predictor.model.tagger.crf.grammar),
            predictor.model,
            settings,
            job.batch_residues,
            store=store,
            advance=advance,
            pool=predictor.pool,
            urgent=urgent,
        )
        for _, prediction in stream:
            outputs.write(prediction)
    write_invalid(folder.results / INVALID_FILE, inputs.faults)
    return _results(folder, formats, dict(zip(chosen, exports.files, strict=True)))


def _results(
    folder: JobFolder, formats: list[str], exports: dict[str, str]
) -> dict[str, list[str]]:
    """Return the names of the files of each result, of those that exist."""
    names = folder.names()
    single = [name for name in names if name.endswith("_probs.csv")]
    found = {form: list(files_of(form)) for form in formats}
    if "deeptmhmm" in found:
        found["deeptmhmm"] += single
    found |= {f"export-{name}": [file] for name, file in exports.items()}
    found["probabilities"] = [n for n in names if n.startswith("probabilities.")] or single
    found["ids"], found["invalid"] = [IDS_FILE], [INVALID_FILE]
    kept = {key: [n for n in files if n in names] for key, files in found.items()}
    return {key: files for key, files in kept.items() if files}


@contextmanager
def _answers(folder: JobFolder, made_by: dict[str, Any], job: Job) -> Iterator[PredictionStore]:
    """Open the store of a job's predictions; a run of another model starts from nothing."""
    resume = (folder.results / FILE).exists()
    try:
        opened = open_store(folder.results, made_by, job.batch_residues, resume)
        store = opened.__enter__()
    except TopoError:
        if not resume:
            raise
        opened = open_store(folder.results, made_by, job.batch_residues, False)
        store = opened.__enter__()
    try:
        yield store
    except BaseException as error:
        if not opened.__exit__(type(error), error, error.__traceback__):
            raise
    else:
        opened.__exit__(None, None, None)


def _inputs(folder: JobFolder, options: PredictionOptions) -> Inputs:
    return Inputs(
        folder.input,
        policy=RecordPolicy(options.skip_invalid, options.mask_stops),
        allow_nucleotides=options.allow_nucleotides,
    )


def _known(folder: JobFolder, options: PredictionOptions) -> Known:
    table = str(folder.constraints) if folder.constraints.exists() else None
    return Known(table, options.fix)


def _check(limit: int, found: int, what: str, unit: str) -> None:
    if limit and found > limit:
        shown = f"{limit:,}" if what.endswith("over") else f"{found:,}"
        raise ServiceError(413, f"{what} {shown} {unit}, expected at most {limit:,}")


@contextmanager
def _explained(shown: dict[str, str]) -> Iterator[None]:
    """Raise errors of an input as refusals that name the input as its owner does."""
    try:
        yield
    except ServiceError:
        raise
    except RecordError as error:
        hint = "the option skip_invalid leaves faulty records out"
        raise ServiceError(422, f"{_renamed(str(error), shown)}; {hint}") from None
    except (InputError, TopoError) as error:
        raise ServiceError(422, _renamed(str(error), shown)) from error


def _renamed(message: str, shown: dict[str, str]) -> str:
    for path, name in shown.items():
        message = message.replace(path, name)
    return message


@dataclass
class _Notes(threading.local):
    """Lists of the warnings of this thread that are being collected."""

    lists: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)


_notes = _Notes()


@contextmanager
def collected(shown: dict[str, str]) -> Iterator[list[str]]:
    """Collect the warnings about inputs that this thread issues; see :func:`collect_warnings`."""
    found: list[str] = []
    _notes.lists.append((found, shown))
    try:
        yield found
    finally:
        _notes.lists.pop()


def collect_warnings() -> None:
    """Have warnings about inputs reach :func:`collected` in each thread, and nobody else.

    They quote what users have sent, so they never reach a log.
    """
    show = warnings.showwarning
    warnings.simplefilter("always", InputWarning)

    def collect(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if not issubclass(category, InputWarning):
            show(message, category, *place)
        elif _notes.lists:
            found, shown = _notes.lists[-1]
            text = _renamed(str(message), shown)
            if len(found) < _NOTES and text not in found:
                found.append(text)

    warnings.showwarning = collect
