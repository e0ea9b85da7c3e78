"""``topo predict``: prediction of topologies."""

from __future__ import annotations

import gc
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from topo.cli.answers import (
    AlternativeCount,
    ConstraintTable,
    ExportMinimum,
    ExportNames,
    ExportPadding,
    Fixed,
)
from topo.cli.feature_options import Features, MissingFeatures
from topo.cli.interrupt import Interrupt
from topo.cli.numeric import NUMERIC_SUFFIXES, predict_numeric
from topo.cli.options import TorchThreads
from topo.cli.progress import residues_progress
from topo.errors import InputWarning, RecordError, TopoError

if TYPE_CHECKING:
    from topo.inference import PredictionStream
    from topo.io.writers import Writers
    from topo.protein import Prediction, Protein


def predict(
    proteins: Annotated[
        str,
        typer.Argument(
            help="FASTA file (plain, gzip, bzip2 or xz; - for standard input), another protein "
            "file, a PDB or mmCIF file, or a folder of sequence and structure files. A "
            ".npz or .h5 file of numeric sequences for a model of them."
        ),
    ],
    structures: Annotated[
        str | None,
        typer.Option(help="Path to a folder of PDB or mmCIF files, found by protein id."),
    ] = None,
    chain: Annotated[
        str | None, typer.Option(help="Chain of the structure files. By default the first.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            help="Format of a sequence file: fasta, 3line, pir, partitions, swissprot or labelled "
            "(3-line with labels of another alphabet). By default decided by the content."
        ),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid", help="Leave out faulty records and list them in invalid.tsv."
        ),
    ] = False,
    mask_stops: Annotated[
        bool, typer.Option("--mask-stops", help="Read * and . within a sequence as X.")
    ] = False,
    allow_nucleotides: Annotated[
        bool,
        typer.Option(
            "--allow-nucleotides", help="Read sequences as proteins that look like nucleotides."
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Path to the output folder.")
    ] = Path("predictions"),
    model: Annotated[
        str | None,
        typer.Option(help="Path to a checkpoint or run. By default the bundled topo-base."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Output format: 3line, tmrs, gff3, summary, html, deeptmhmm, tmbed0 to tmbed4, "
            "tmhmm, phobius, signalp, jsonl, parquet, segments or mature. By default the first "
            "five. May be repeated.",
        ),
    ] = None,
    probabilities: Annotated[
        str | None,
        typer.Option(
            help="Format of the probabilities per residue: csv, npz or parquet. By default none."
        ),
    ] = None,
    plots: Annotated[
        str,
        typer.Option(
            help="Proteins to plot: none, wrong (those whose input labels differ) or all."
        ),
    ] = "none",
    picture_formats: Annotated[
        list[str] | None,
        typer.Option(
            "--plot-format",
            help="Format of the plots: png, svg or pdf. By default png. May be repeated.",
        ),
    ] = None,
    structure_files: Annotated[
        bool,
        typer.Option(
            "--structure-files",
            help="Write each structure with labels as B-factors, and PyMOL and ChimeraX scripts.",
        ),
    ] = False,
    decoder: Annotated[
        str, typer.Option(help="Decoder: posterior, viterbi or argmax.")
    ] = "posterior",
    precision: Annotated[
        str,
        typer.Option(
            help="Precision of matrix products: 32 (float32), bf16 (bfloat16) or auto (bfloat16 "
            "where the processor has instructions for it)."
        ),
    ] = "auto",
    device: Annotated[
        str, typer.Option(help="Torch device. Several (cuda:0,cuda:1) run a process each.")
    ] = "cpu",
    workers: Annotated[
        int, typer.Option(help="Number of processes per device, with one thread each.", min=1)
    ] = 1,
    threads: TorchThreads = 0,
    batch_residues: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of residues per batch. By default chosen by the free memory.",
            min=1,
        ),
    ] = None,
    longest: Annotated[
        int,
        typer.Option(help="Maximum length of a chain predicted in one piece, in residues.", min=2),
    ] = 100_000,
    features: Features = None,
    missing_features: MissingFeatures = "refuse",
    constraints: ConstraintTable = None,
    fix: Fixed = None,
    alternatives: AlternativeCount = 0,
    export: ExportNames = None,
    export_minimum: ExportMinimum = 1,
    export_padding: ExportPadding = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the interrupted run in the output folder.")
    ] = False,
) -> None:
    """Predict a topology for every protein, in the order of the file.

    Ctrl-C ends a run with valid files of the proteins done so far. --resume completes it, also
    after a crash; the files are the same as those of an uninterrupted run.
    """
    if proteins.lower().endswith(NUMERIC_SUFFIXES):
        predict_numeric(proteins, model, output)
        return
    with _uncollected():
        from rich import print as show

        from topo.inference import PredictionStream, Settings, describe, load_model, set_threads
        from topo.inference.constrained import Known, extra_columns
        from topo.inference.featured import KnownFeatures
        from topo.inference.resume import open_store
        from topo.io.export import check_exports, open_exports
        from topo.io.inputs import Inputs
        from topo.io.invalid import invalid_message, write_invalid
        from topo.io.records import RecordPolicy
        from topo.io.streams import keep_standard_input
        from topo.io.writers import DEFAULT_FORMATS, INVALID_FILE, check_formats
        from topo.report.left_over import LeftOver
        from topo.report.outputs import open_outputs
        from topo.report.summary_table import summary_table

    chosen = formats or list(DEFAULT_FORMATS)
    check_formats(chosen, probabilities)
    check_exports(export or ())
    set_threads(threads)
    if proteins == "-":
        keep_standard_input()
    inputs = Inputs(
        proteins,
        structures,
        chain,
        input_format=input_format,
        policy=RecordPolicy(skip_invalid, mask_stops),
        allow_nucleotides=allow_nucleotides,
        output=output,
    )
    known_features = KnownFeatures(features, missing_features)
    size = _size(known_features.attach(inputs))
    if inputs.faults:
        warnings.warn(invalid_message(inputs.faults, output / INVALID_FILE), InputWarning, 1)
    devices = device.split(",") * workers
    known = Known(constraints, fix or ())
    checkpoint = load_model(model, devices[0])
    known_features.check(checkpoint)
    if structures is not None and not checkpoint.config.graph.structure:
        warnings.warn(
            "the model reads sequences only, the structures change nothing",
            InputWarning,
            stacklevel=1,
        )
    settings = Settings.of(decoder, precision, longest, devices[0], checkpoint, alternatives)
    made_by = describe(checkpoint, settings, devices[0])
    grammar = checkpoint.tagger.crf.grammar
    if known:
        known.check(_quietly(inputs), grammar)
    records = _quietly(known.attach(known_features.attach(inputs), grammar))
    results = _Results(output / "structures" if structure_files else None)
    with open_store(output, made_by, batch_residues, resume) as store:
        left_over = LeftOver(output)
        with (
            open_outputs(
                output,
                chosen,
                probabilities=probabilities,
                timestamp=store.header["started"],
                plots=plots,
                picture_formats=picture_formats or ["png"],
                is_wrong=results.is_wrong,
                extras=extra_columns(known, alternatives),
            ) as outputs,
            open_exports(output, export or (), export_minimum, export_padding) as exports,
            residues_progress(size.residues) as advance,
        ):
            outputs.add(exports.write, *exports.files)
            budget = store.header["batch_residues"]
            stream = PredictionStream(
                records, checkpoint, settings, budget, devices, store, advance
            )
            interrupted = results.write_all(stream, outputs)
            if interrupted and not results.written:
                raise KeyboardInterrupt
        write_invalid(output / INVALID_FILE, inputs.faults)
        listed = [known_features.write_missing(output)]
        if message := left_over.message():
            warnings.warn(message, InputWarning, 1)
        show(summary_table(results.counts))
        for file in outputs.files:
            print(output / file)
        listed += [output / INVALID_FILE] if inputs.faults else []
        for file in filter(None, listed):
            print(file)
        if stream.reused:
            _report(f"{stream.reused:,} answers were there from before")
        if interrupted:
            _report(results.stopped(size))
            raise typer.Exit(130)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Disable garbage collection during imports, which takes a fifth of the start-up time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Size(NamedTuple):
    """Number of proteins and residues of a file."""

    proteins: int
    residues: int


class _Results:
    """Writes each prediction to all outputs and counts it.

    Parameters
    ----------
    structures
        Path to the folder of labelled structures; None writes none.
    """

    def __init__(self, structures: Path | None) -> None:
        from topo.io.ids import FileNames
        from topo.report.summary_table import Counts

        self.counts, self.written = Counts(), 0
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
        from topo.metrics.summary import judge

        labels = self._protein.labels if self._protein else None
        return labels is not None and judge(labels, prediction.labels).reason is not None

    def stopped(self, size: _Size) -> str:
        """Return the message of an interrupted run."""
        done = f"{self.written:,} of {size.proteins:,} proteins"
        return f"interrupted after {done}; --resume goes on"

    def _write(self, protein: Protein, prediction: Prediction, outputs: Writers) -> None:
        from topo.report.structures import save_structure

        self._protein = protein
        outputs.write(prediction)
        if self._structures and (info := protein.structure):
            save_structure(prediction, info, self._structures, self._names.name(prediction.id))
        self.counts.add(prediction)
        self.written += 1


def _report(message: str) -> None:
    print(f"topo: {message}", file=sys.stderr)


def _size(inputs: Iterable[Protein]) -> _Size:
    """Read the input once, so that its errors are raised before anything is written."""
    try:
        lengths = Counter(map(len, inputs))
    except RecordError as error:
        hints = "--skip-invalid leaves faulty records out"
        if "found '*'" in str(error) or "found '.'" in str(error):
            hints += ", --mask-stops reads stops within a sequence as X"
        raise TopoError(f"{error}; {hints}") from None
    return _Size(lengths.total(), sum(length * count for length, count in lengths.items()))


def _quietly(records: Iterable[Protein]) -> Iterator[Protein]:
    """Read without the warnings that the first reading issued."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from records
