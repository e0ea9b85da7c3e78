"""``topo evaluate``: evaluation of a run's split, or of the predictions of any tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.options import TRUTH, BootstrapSeed, Resamples
from topo.errors import TopoError

if TYPE_CHECKING:
    from topo.protein import Prediction, Protein


def evaluate(
    predictions: Annotated[
        str | None,
        typer.Option(
            help="Predictions to evaluate: 3-line, GFF3, TMbed format 0 to 4 or JSON lines."
        ),
    ] = None,
    truth: Annotated[str | None, TRUTH] = None,
    run: Annotated[
        Path | None, typer.Option(help="Path to the folder of a run. By default the latest.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the run: train, validation or test. By default test."),
    ] = None,
    decoder: Annotated[
        str, typer.Option(help="Decoder for a run: posterior, viterbi or argmax.")
    ] = "posterior",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to a folder for metrics.json, proteins.tsv, figures and report.html. By "
            "default RUN/evaluation/SPLIT for a run, none for files.",
        ),
    ] = None,
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
) -> None:
    """Evaluate a split of a run, or the output of any predictor (--predictions and --truth)."""
    from rich.console import Console

    from topo.metrics import evaluation
    from topo.report.evaluation_files import write_evaluation
    from topo.report.evaluation_tables import alignment_lines, evaluation_tables
    from topo.report.table import rich_table

    true, guessed, source, folder = _inputs(predictions, truth, run, split, decoder)
    result = evaluation.evaluate(true, guessed, resamples=resamples, seed=seed)
    target = output or folder
    if target:  # before printing, which a closed pipe may end
        write_evaluation(result, target, source=source)
    console = Console()
    for line in alignment_lines(result.metrics["alignment"]):
        console.print(line, markup=False, highlight=False)
    for table in evaluation_tables(result.metrics).values():
        console.print(rich_table(table))
    if target:
        console.print(f"report: {target / 'report.html'}", markup=False, highlight=False)


def _inputs(
    predictions: str | None, truth: str | None, run: Path | None, split: str | None, decoder: str
) -> tuple[list[Protein], list[Prediction], dict[str, Any], Path | None]:
    """Return truth, predictions, a record of their origin, and the default output folder."""
    from topo.report.evaluation_files import file_record

    if predictions is None and truth is None:
        from topo.inference import predict_split
        from topo.labels import DECODERS

        split = split or "test"
        true, guessed, folder = predict_split(run, split, decoder)
        source = {"run": str(folder), "split": split, "decoder": decoder}
        name = split if decoder == DECODERS[0] else f"{split}-{decoder}"
        return true, guessed, source, folder / "evaluation" / name
    if predictions is None or truth is None:
        given, other = ("--truth", "--predictions") if truth else ("--predictions", "--truth")
        raise TopoError(f"found {given} without {other}, expected both")
    if run is not None or split is not None:
        raise TopoError("found --run or --split beside --predictions and --truth, expected either")
    from topo.io import read_predictions, read_proteins

    true = list(read_proteins(truth))
    guessed = list(read_predictions(predictions, any_letter=True))
    source = {"truth": file_record(truth), "predictions": file_record(predictions)}
    return true, guessed, source, None
