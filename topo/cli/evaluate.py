"""``topo evaluate``: evaluation of a run's split, or of the predictions of any tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.feature_options import Features, MissingFeatures
from topo.cli.numeric import evaluate_sequences
from topo.cli.options import TRUTH, BootstrapSeed, PredictionFormat, Resamples
from topo.errors import TopoError

if TYPE_CHECKING:
    from topo.protein import Prediction, Protein


def evaluate(
    predictions: Annotated[
        str | None,
        typer.Option(
            help="Predictions to evaluate: 3-line in the letters of any program, GFF3 (also of "
            "UniProt), InterProScan, TMHMM, Phobius long, TMbed format 0 to 4 or JSON lines."
        ),
    ] = None,
    truth: Annotated[str | None, TRUTH] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Model to evaluate on the proteins of --truth: path to a checkpoint, an ensemble "
            "or a run folder, or name of a bundled checkpoint.",
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Path to the folder of a run. By default the latest.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the run: train, validation or test. By default test."),
    ] = None,
    decoder: Annotated[
        str, typer.Option(help="Decoder of a run or model: posterior, viterbi or argmax.")
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
    input_format: PredictionFormat = None,
    features: Features = None,
    missing_features: MissingFeatures = "refuse",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    grammar: Annotated[
        str | None,
        typer.Option(
            help="Grammar file whose labels --truth and --predictions have. By default those of "
            "the model, or the six labels."
        ),
    ] = None,
) -> None:
    """Evaluate a split of a run, a model or the output of any predictor (with --truth)."""
    from rich.console import Console

    from topo.metrics import evaluation
    from topo.report.evaluation_files import write_evaluation
    from topo.report.evaluation_page import describe
    from topo.report.evaluation_tables import alignment_lines, evaluation_tables
    from topo.report.table import rich_table

    if features is not None and model is None:
        raise TopoError("found --features, expected --model with it; a run has its own features")
    if truth is None and predictions is None and model is None:
        if evaluate_sequences(run, split or "test", output):
            return
        true, guessed, source, folder = _split(run, split, decoder)
    else:
        if run is not None or split is not None:
            raise TopoError("found --run or --split beside --truth, expected either")
        true, guessed, source = _given(
            predictions, truth, model, decoder, input_format, (features, missing_features), grammar
        )
        folder = None
    result = evaluation.evaluate(true, guessed, resamples=resamples, seed=seed)
    target = output or folder
    if target:  # before printing, which a closed pipe may end
        write_evaluation(result, target, source=source)
    console = Console()
    console.print(f"scores: {describe(source)}", markup=False, highlight=False, soft_wrap=True)
    for line in alignment_lines(result.metrics["alignment"]):
        console.print(line, markup=False, highlight=False)
    for table in evaluation_tables(result.metrics).values():
        console.print(rich_table(table))
    if target:
        console.print(f"report: {target / 'report.html'}", markup=False, highlight=False)


def _split(
    run: Path | None, split: str | None, decoder: str
) -> tuple[list[Protein], list[Prediction], dict[str, Any], Path]:
    """Return truth, predictions, a record of their origin, and the default output folder."""
    from topo.inference import predict_split
    from topo.labels import DECODERS

    split = split or "test"
    true, guessed, folder = predict_split(run, split, decoder)
    name = split if decoder == DECODERS[0] else f"{split}-{decoder}"
    source = {"run": str(folder), "split": split, "decoder": decoder}
    return true, guessed, source, folder / "evaluation" / name


def _given(
    predictions: str | None,
    truth: str | None,
    model: str | None,
    decoder: str,
    input_format: str | None,
    features: tuple[str | None, str],
    grammar: str | None,
) -> tuple[list[Protein], list[Prediction], dict[str, Any]]:
    """Return the truth of a file, the predictions of another or of a model, and their origin."""
    from topo.io import read_predictions, read_proteins
    from topo.io.grammar import find_grammar
    from topo.metrics.own_labels import in_common_labels
    from topo.report.evaluation_files import file_record

    if truth is None or (predictions is None) == (model is None):
        options = {"--truth": truth, "--predictions": predictions, "--model": model}
        given = " and ".join(name for name, value in options.items() if value is not None)
        raise TopoError(f"found {given}, expected --truth with either --predictions or --model")
    scheme = find_grammar(grammar).scheme
    if predictions is not None:
        true = list(read_proteins(truth, scheme=scheme))
        read = read_predictions(predictions, any_letter=True, form=input_format, scheme=scheme)
        true, given = in_common_labels(true, {predictions: list(read)}, scheme)
        # a pipe has a checksum once it is read
        files = {"truth": truth, "predictions": predictions}
        return true, given[predictions], {name: file_record(path) for name, path in files.items()}
    from topo.inference import load_model, predict

    checkpoint = load_model(model)
    scheme = scheme if grammar else checkpoint.tagger.crf.grammar.scheme
    true = list(read_proteins(truth, scheme=scheme))
    labelled = [protein for protein in true if protein.labels is not None]
    file, missing = features
    guessed = list(
        predict(labelled, checkpoint, decoder=decoder, features=file, missing_features=missing)
    )
    true, given = in_common_labels(true, {"model": guessed}, scheme)
    guessed = given["model"]
    source = {"truth": file_record(truth), "model": model, "decoder": decoder}
    return true, guessed, source | ({"features": file} if file else {})
