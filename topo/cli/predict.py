"""``topo predict``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from topo.protein import Prediction, Protein


def predict(
    proteins: Annotated[
        str, typer.Argument(help="FASTA (plain, gz, - for standard input) or other protein file")
    ],
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
    decoder: Annotated[str, typer.Option(help="viterbi, posterior or argmax")] = "viterbi",
    device: Annotated[str, typer.Option(help="torch device")] = "cpu",
    threads: Annotated[int, typer.Option(help="torch threads; 0: as torch finds them")] = 0,
    batch_residues: Annotated[
        int, typer.Option(help="residues a batch, bounds memory", min=1)
    ] = 20_000,
) -> None:
    """Predict topologies: one answer for every protein, in the order of the file."""
    from rich import print as show

    from topo.inference import load_model, set_threads
    from topo.inference import predict as run
    from topo.io import read_proteins
    from topo.io.predictions import DEFAULT_FORMATS, check_formats
    from topo.report.outputs import open_outputs
    from topo.report.summary_table import Counts, summary_table

    chosen = formats or list(DEFAULT_FORMATS)
    check_formats(chosen, probabilities)
    set_threads(threads)
    residues = None if proteins == "-" else _residues(proteins)
    checkpoint = load_model(model, device)
    records, inputs = tee(_quietly(read_proteins(proteins), residues is not None))
    counts, truth = Counts(), _Truth()
    with (
        open_outputs(
            output,
            chosen,
            probabilities=probabilities,
            plots=plots,
            picture_formats=picture_formats or ["png"],
            is_wrong=truth.contradicts,
        ) as outputs,
        _progress(residues) as advance,
    ):
        answers = run(records, checkpoint, decoder=decoder, batch_residues=batch_residues)
        for truth.protein, prediction in zip(inputs, answers, strict=True):
            outputs.write(prediction)
            counts.add(prediction)
            advance(len(prediction))
    show(summary_table(counts))
    for file in outputs.files:
        print(output / file)


class _Truth:
    """The input record of the prediction at hand, which may carry labels."""

    protein: Protein

    def contradicts(self, prediction: Prediction) -> bool:
        from topo.metrics.summary import judge

        labels = self.protein.labels
        return labels is not None and judge(labels, prediction.labels).reason is not None


def _residues(path: str) -> int:
    """Read the file once, so that what is wrong with it shows before anything is written."""
    from topo.io import read_proteins

    return sum(len(protein) for protein in read_proteins(path))


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
