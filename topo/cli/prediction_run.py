"""A run of ``topo predict``: its input, model and settings, and what it writes.

The module imports torch; ``topo/cli/predict.py`` imports it when the command runs.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import typer
from rich import print as show

from topo.checkpoint import Checkpoint
from topo.cli.interrupt import Interrupt
from topo.cli.progress import residues_progress
from topo.cli.relatives import made_with, relatives_of
from topo.cli.verbosity import detail, is_quiet, note, report
from topo.errors import InputWarning, RecordError, TopoError
from topo.inference import PredictionStream, Settings, describe
from topo.inference.constrained import Known, extra_columns
from topo.inference.featured import FaultyRecords, KnownFeatures
from topo.inference.relatives import Relatives
from topo.inference.resume import open_store
from topo.inference.store import PredictionStore
from topo.io.export import open_exports
from topo.io.ids import FileNames
from topo.io.invalid import invalid_message, write_invalid
from topo.io.output_formats import check_scheme, default_formats
from topo.io.records import Fault
from topo.io.writers import INVALID_FILE, Writers, in_six, open_text_writer
from topo.labels.scheme import LabelScheme
from topo.metrics.summary import judge
from topo.protein import Prediction, Protein
from topo.report.left_over import LeftOver
from topo.report.outputs import open_outputs
from topo.report.structures import save_structure
from topo.report.summary_table import Counts, summary_table


class Size(NamedTuple):
    """Number of proteins and residues of a file."""

    proteins: int
    residues: int

    @classmethod
    def of(cls, inputs: Iterable[Protein]) -> Size:
        """Read the input once, so that its errors are raised before anything is written."""
        try:
            lengths = Counter(map(len, inputs))
        except RecordError as error:
            hints = "--skip-invalid leaves faulty records out"
            if "found '*'" in str(error) or "found '.'" in str(error):
                hints += ", --mask-stops reads stops within a sequence as X"
            raise TopoError(f"{error}; {hints}") from None
        return cls(lengths.total(), sum(length * count for length, count in lengths.items()))


class Results:
    """Writes each prediction to all outputs and counts it.

    Parameters
    ----------
    structures
        Path to the folder of labelled structures; None writes none.
    scheme
        Scheme of the labels to write.
    """

    def __init__(self, structures: Path | None, scheme: LabelScheme) -> None:
        self.counts, self.written, self._scheme = Counts(), 0, scheme
        self._structures, self._names = structures, FileNames()
        self._protein: Protein | None = None

    def write_all(self, stream: PredictionStream, outputs: Writers) -> bool:
        """Write all predictions; after Ctrl-C the computed ones. Return whether Ctrl-C came."""
        pairs = iter(stream)
        with Interrupt() as interrupt:
            try:
                for pair in pairs:
                    with interrupt.held():
                        self._write(*pair, outputs)
            except KeyboardInterrupt:
                pairs.close()
                for pair in stream.finished(self.written):
                    self._write(*pair, outputs)
                return True
        return False

    def is_wrong(self, prediction: Prediction) -> bool:
        """Return whether the labels in the input differ from the current prediction."""
        labels = self._protein.labels if self._protein else None
        return labels is not None and judge(labels, prediction.in_six().labels).reason is not None

    def _write(self, protein: Protein, prediction: Prediction, outputs: Writers) -> None:
        self._protein = protein
        if prediction.scheme is not self._scheme:
            prediction = prediction.in_six()
        outputs.write(prediction)
        if self._structures and (info := protein.structure):
            name = self._names.name(prediction.id)
            save_structure(prediction, info, self._structures, name)
        self.counts.add(prediction)
        self.written += 1


def warn_of_faults(faults: Sequence[Fault], folder: Path | None) -> None:
    """Warn of faulty records that are left out, which ``invalid.tsv`` will list in a folder."""
    if faults:
        table = None if folder is None else folder / INVALID_FILE
        warnings.warn(invalid_message(faults, table), InputWarning, 1)


def quietly(records: Iterable[Protein]) -> Iterator[Protein]:
    """Read without the warnings that the first reading issued."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from records


@dataclass(frozen=True)
class FolderOutput:
    """What a run writes to an output folder.

    Attributes
    ----------
    folder
        Path to the folder.
    formats
        Formats of the predictions, see :func:`topo.io.writers.open_writers`; empty for those
        that a scheme of labels has by default.
    probabilities
        Format of the probabilities per residue, or None.
    plots, picture_formats
        As for :class:`topo.report.pictures.Pictures`.
    structures
        Whether to write structures with labels as B-factors.
    exports, export_minimum, export_padding
        As for :func:`topo.io.export.open_exports`.
    resume
        Whether to continue an interrupted run.
    """

    folder: Path
    formats: Sequence[str] = ()
    probabilities: str | None = None
    plots: str = "none"
    picture_formats: Sequence[str] = ("png",)
    structures: bool = False
    exports: Sequence[str] = ()
    export_minimum: int = 1
    export_padding: int = 0
    resume: bool = False

    def formats_of(self, scheme: LabelScheme) -> Sequence[str]:
        """Return the formats of a run that writes the labels of a scheme."""
        return self.formats or default_formats(scheme)


@dataclass(frozen=True)
class PredictionRun:
    """Proteins, model and settings of a run, read and checked before anything is written.

    Attributes
    ----------
    inputs
        Proteins, read at each iteration.
    size
        Their number.
    model
        Checkpoint.
    settings
        Settings of the prediction.
    devices
        Device of each process.
    scheme
        Scheme of the labels to write.
    known
        Constraints.
    features
        Features of residues.
    relatives
        Source of relatives, or None.
    batch_residues
        Number of padded residues per batch, or None.
    """

    inputs: FaultyRecords
    size: Size
    model: Checkpoint
    settings: Settings
    devices: Sequence[str]
    scheme: LabelScheme
    known: Known
    features: KnownFeatures
    relatives: str | None = None
    batch_residues: int | None = None

    @property
    def extras(self) -> list[str]:
        """Additional columns of the outputs."""
        return extra_columns(self.known, self.settings.alternatives, self.relatives is not None)

    def check(self) -> None:
        """Report the size of the run, and check the constraints of all proteins.

        Raises
        ------
        TopoError
            If a constraint is impossible for its protein.
        """
        detail(f"{self.size.proteins:,} proteins, {self.size.residues:,} residues")
        processes = f"{len(self.devices)} processes"
        settings = self.settings
        detail(f"decoder {settings.decoder}, precision {settings.precision}, {processes}")
        if self.known:
            self.known.check(quietly(self.inputs), self.model.tagger.crf.grammar)

    def to_standard_output(self, form: str) -> None:
        """Predict, and write one format to standard output.

        Raises
        ------
        typer.Exit
            With code 130 after Ctrl-C.
        """
        check_scheme(self.scheme, [form])
        results = Results(None, self.scheme)
        with (
            self._relatives() as relatives,
            open_text_writer("-", form, extras=self.extras, scheme=self.scheme) as outputs,
            self._stream(relatives, self.batch_residues) as stream,
        ):
            interrupted = results.write_all(stream, outputs)
        if interrupted:
            note(f"topo: interrupted after {results.written:,} of {self.size.proteins:,} proteins")
            raise typer.Exit(130)

    def to_folder(self, output: FolderOutput) -> None:
        """Predict, and write the files of an output folder.

        Raises
        ------
        typer.Exit
            With code 130 after Ctrl-C.
        """
        folder = output.folder
        results = Results(folder / "structures" if output.structures else None, self.scheme)
        made_by = describe(self.model, self.settings, self.devices[0]) | made_with(self.relatives)
        with (
            self._relatives() as relatives,
            open_store(folder, made_by, self.batch_residues, output.resume) as store,
        ):
            left_over = LeftOver(folder)
            with (
                self._open_files(output, results, store) as outputs,
                self._stream(relatives, store.header["batch_residues"], store) as stream,
            ):
                interrupted = results.write_all(stream, outputs)
                if interrupted and not results.written:
                    raise KeyboardInterrupt
            files = [folder / file for file in outputs.files] + self._write_left_out(folder)
            if message := left_over.message():
                warnings.warn(message, InputWarning, 1)
            if not is_quiet():
                show(summary_table(results.counts, self.scheme))
            for file in files:
                report(file)
            if stream.reused:
                note(f"topo: {stream.reused:,} answers were there from before")
            if interrupted:
                done = f"{results.written:,} of {self.size.proteins:,} proteins"
                note(f"topo: interrupted after {done}; --resume goes on")
                raise typer.Exit(130)

    def _relatives(self) -> AbstractContextManager[Relatives | None]:
        return relatives_of(self.relatives, quietly(self.inputs), self.model, self.settings)

    @contextmanager
    def _stream(
        self,
        relatives: Relatives | None,
        batch_residues: int | None,
        store: PredictionStore | None = None,
    ) -> Iterator[PredictionStream]:
        """Open the stream of predictions, with progress by residues."""
        model, settings = self.model, self.settings
        proteins = quietly(self.known.attach(self.inputs, model.tagger.crf.grammar))
        bank = relatives.bank if relatives else None
        if relatives:
            proteins = relatives.attach(proteins)
        with residues_progress(self.size.residues) as advance:
            yield PredictionStream(
                proteins, model, settings, batch_residues, self.devices, store, advance, bank
            )

    @contextmanager
    def _open_files(
        self, output: FolderOutput, results: Results, store: PredictionStore
    ) -> Iterator[Writers]:
        """Open all files of the output folder that get each prediction."""
        folder, exports = output.folder, output.exports
        with (
            open_outputs(
                folder,
                output.formats_of(self.scheme),
                probabilities=output.probabilities,
                timestamp=store.header["started"],
                plots=output.plots,
                picture_formats=output.picture_formats,
                is_wrong=results.is_wrong,
                extras=self.extras,
                scheme=self.scheme,
            ) as outputs,
            open_exports(folder, exports, output.export_minimum, output.export_padding) as opened,
        ):
            if exports:
                outputs.add(in_six(opened.write), *opened.files)
            yield outputs

    def _write_left_out(self, folder: Path) -> list[Path]:
        """Write the files of faulty records and of proteins without features; return them."""
        faults = self.inputs.faults
        write_invalid(folder / INVALID_FILE, faults)
        unfeatured = self.features.write_missing(folder)
        return [
            *([folder / INVALID_FILE] if faults else []),
            *([unfeatured] if unfeatured else []),
        ]
