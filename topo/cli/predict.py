"""``topo predict``."""

from __future__ import annotations

import gc
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from topo.cli.interrupt import Interrupt
from topo.errors import InputWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from topo.inference import PredictionStream
    from topo.io.predictions import Writers
    from topo.protein import Prediction, Protein


def predict(
    proteins: Annotated[
        str,
        typer.Argument(
            help="FASTA (plain, gz, - for standard input) or other protein file, a PDB or mmCIF "
            "file, or a folder of such files"
        ),
    ],
    structures: Annotated[
        str | None, typer.Option(help="folder of PDB or mmCIF files, paired with proteins by id")
    ] = None,
    chain: Annotated[
        str | None, typer.Option(help="chain of a structure file; none: the first")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the results")] = Path(
        "predictions"
    ),
    model: Annotated[
        str | None, typer.Option(help="checkpoint or run folder; none: the bundled topo-base")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="3line, tmrs, gff3, summary, html (these five by default), deeptmhmm, "
            "tmbed0 to tmbed4, tmhmm, phobius, signalp, jsonl, parquet, mature; may be repeated",
        ),
    ] = None,
    probabilities: Annotated[
        str | None, typer.Option(help="probabilities of every residue: csv, npz or parquet")
    ] = None,
    plots: Annotated[
        str | None,
        typer.Option(
            help="pictures of each protein: none, wrong (where the input has other labels) or "
            "all; by default all for up to 50 proteins"
        ),
    ] = None,
    picture_formats: Annotated[
        list[str] | None, typer.Option("--plot-format", help="png, svg or pdf; may be repeated")
    ] = None,
    structure_files: Annotated[
        bool,
        typer.Option(
            "--structure-files",
            help="write each structure with labels as B-factors, and PyMOL and ChimeraX scripts",
        ),
    ] = False,
    decoder: Annotated[str, typer.Option(help="posterior, viterbi or argmax")] = "posterior",
    precision: Annotated[
        str,
        typer.Option(help="32, bf16, or auto: bf16 where the processor has instructions for it"),
    ] = "auto",
    device: Annotated[
        str, typer.Option(help="torch device; several (cuda:0,cuda:1) get a process each")
    ] = "cpu",
    workers: Annotated[
        int, typer.Option(help="processes for each device, one thread each", min=1)
    ] = 1,
    threads: Annotated[
        int, typer.Option(help="torch threads of a single process; 0: as torch finds them", min=0)
    ] = 0,
    batch_residues: Annotated[
        int | None,
        typer.Option(help="residues a batch, bounds memory; none: by the memory at hand", min=1),
    ] = None,
    longest: Annotated[
        int, typer.Option(help="residues up to which a chain is read in one piece", min=2)
    ] = 100_000,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with the run that was stopped in this folder")
    ] = False,
) -> None:
    """Predict topologies: one answer for every protein, in the order of the file.

    Ctrl-C ends a run with valid files of what is done so far. --resume goes on with it, also
    after a crash, and ends with the files of a run that was never stopped.
    """
    with _uncollected():
        from rich import print as show

        from topo.inference import PredictionStream, Settings, describe, load_model, set_threads
        from topo.inference.store import open_store
        from topo.io import read_inputs
        from topo.io.predictions import DEFAULT_FORMATS, check_formats
        from topo.report.outputs import open_outputs
        from topo.report.summary_table import summary_table

    chosen = formats or list(DEFAULT_FORMATS)
    check_formats(chosen, probabilities)
    set_threads(threads)
    size = None if proteins == "-" else _size(proteins, structures, chain)
    devices = device.split(",") * workers
    checkpoint = load_model(model, devices[0])
    if structures is not None and not checkpoint.config.graph.structure:
        warnings.warn(
            "the model reads sequences only, the structures change nothing",
            InputWarning,
            stacklevel=1,
        )
    settings = Settings.of(decoder, precision, longest, devices[0], checkpoint)
    made_by = describe(checkpoint, settings, devices[0])
    records = _quietly(read_inputs(proteins, structures, chain), size is not None)
    results = _Results(output / "structures" if structure_files else None)
    with open_store(output, made_by, batch_residues, resume) as store:
        with (
            open_outputs(
                output,
                chosen,
                probabilities=probabilities,
                timestamp=store.header["started"],
                plots=plots,
                picture_formats=picture_formats or ["png"],
                is_wrong=results.is_wrong,
            ) as outputs,
            _progress(size.residues if size else None) as advance,
        ):
            budget = store.header["batch_residues"]
            stream = PredictionStream(
                records, checkpoint, settings, budget, devices, store, advance
            )
            interrupted = results.write_all(stream, outputs)
            if interrupted and not results.written:
                raise KeyboardInterrupt
        show(summary_table(results.counts))
        for file in outputs.files:
            print(output / file)
        if stream.reused:
            _say(f"{stream.reused:,} answers were there from before")
        if interrupted:
            _say(results.stopped(size))
            raise typer.Exit(130)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Import without collecting garbage, of which there is none: a fifth of the start, measured."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Size(NamedTuple):
    """What a file holds."""

    proteins: int
    residues: int


class _Results:
    """Gives each pair of protein and prediction to all that is to come of it.

    Parameters
    ----------
    structures
        Folder of structures with labels; None writes none.
    """

    def __init__(self, structures: Path | None) -> None:
        from topo.io.ids import FileNames
        from topo.report.summary_table import Counts

        self.counts, self.written = Counts(), 0
        self._structures, self._names = structures, FileNames()
        self._protein: Protein | None = None

    def write_all(self, stream: PredictionStream, outputs: Writers) -> bool:
        """Write what comes, whole records only; after Ctrl-C what is computed. Tell if it came."""
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
        """Tell whether the input of the prediction at hand has other labels."""
        from topo.metrics.summary import judge

        labels = self._protein.labels if self._protein else None
        return labels is not None and judge(labels, prediction.labels).reason is not None

    def stopped(self, size: _Size | None) -> str:
        """Say how far an interrupted run came."""
        of = f" of {size.proteins:,}" if size else ""
        return f"interrupted after {self.written:,}{of} proteins; --resume goes on"

    def _write(self, protein: Protein, prediction: Prediction, outputs: Writers) -> None:
        from topo.report.structures import save_structure

        self._protein = protein
        outputs.write(prediction)
        if self._structures and (info := protein.structure):
            save_structure(prediction, info, self._structures, self._names.name(prediction.id))
        self.counts.add(prediction)
        self.written += 1


def _say(message: str) -> None:
    print(f"topo: {message}", file=sys.stderr)


def _size(path: str, structures: str | None, chain: str | None) -> _Size:
    """Read the file once, so that what is wrong with it shows before anything is written."""
    from topo.io import read_inputs

    lengths = Counter(len(protein) for protein in read_inputs(path, structures, chain))
    return _Size(lengths.total(), sum(length * count for length, count in lengths.items()))


def _quietly(records: Iterator[Protein], warned: bool) -> Iterator[Protein]:
    """Read without the warnings that the first reading gave."""
    with warnings.catch_warnings():
        if warned:
            warnings.simplefilter("ignore")
        yield from records


@contextmanager
def _progress(residues: int | None) -> Iterator[Callable[[int], None]]:
    """Show residues done and the time left, on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("predicting"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} residues"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("predict", total=residues)
        yield lambda done: bar.advance(task, done)
