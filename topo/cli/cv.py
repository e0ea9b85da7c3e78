"""``topo cv``: cross-validation of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.config_options import ConfigCommand, read_config
from topo.cli.numeric import cross_validate_sequences
from topo.cli.options import Resamples
from topo.cli.verbosity import note, report, shows_progress
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.config import Config
    from topo.io.claims import Claims
    from topo.training.cross_validation import FoldResult


class CrossValidationCommand(ConfigCommand):
    """Command with the options of ``topo train``, except the folds that the verb chooses."""

    omitted = ("pretraining.", "data.validation", "data.test")


def cv(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to the output folder. By default cv/NAME, which names the architecture.",
        ),
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            help="Proteins that select the best epoch: fold (the fold after the test fold) or "
            "share (a fraction of the training proteins, data.holdout)."
        ),
    ] = "fold",
    folds: Annotated[
        int,
        typer.Option(min=2, help="Number of folds to make if the file has none (needs MMseqs2)."),
    ] = 5,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="homology|random",
            help="Way to make folds: homology (of proteins, the default) or random (of numeric "
            "sequences, each class evenly, by --seed).",
        ),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option(help="Write the models of the folds as one checkpoint, OUTPUT/model.")
    ] = True,
    resamples: Resamples = 1000,
) -> None:
    """Cross-validate: train a model for each fold and evaluate it on that fold.

    --train selects among the folds of the file. The same command resumes an interrupted
    cross-validation. Several processes, also on several machines, with the same output folder
    share the folds. Output files: predictions.3line (each protein by the model that was not
    trained on it), folds.csv, summary.md, evaluation/ and model/.
    """
    from topo.io.claims import Claims
    from topo.io.files import remove_temporary
    from topo.report.curves import draw_curves
    from topo.runs import make_folder, run_name
    from topo.training.checks import check_machine
    from topo.training.cross_validation import FILES, plan_folds, run_folds
    from topo.training.interruption import interruptible

    config = read_config(context.obj)
    if split not in (None, "homology", "random"):
        raise ConfigError(f"--split: found {split!r}, expected homology or random")
    if config.task.is_numeric:
        cross_validate_sequences(config, output, folds, split or "random")
        return
    if split == "random":
        raise ConfigError(
            "--split: found random, expected homology for proteins: random folds have similar "
            "proteins on both sides"
        )
    check_machine(config)
    folder = output or Path("cv") / run_name(config)
    make_folder(folder)  # raises its errors before any training
    claims = Claims(folder / "claims")
    with interruptible():
        config = _with_folds(config, folder, folds, claims)
        plans = plan_folds(config, validation)
        results = {}
        for result in run_folds(plans, folder, shows_progress(), note, draw_curves):
            results[result.name] = result
        claim = claims.take("summary")
        if claim is None:
            note("another process writes the summary")
            return
        with claim:
            for place in (folder, folder / "evaluation"):  # of a process that was killed
                remove_temporary(place, (), FILES)
            found = [results[name] for name in plans]
            _write_summary(folder, config, found, validation, ensemble)
            _write_predictions(found, folder, resamples)
    report(f"cross-validation {folder}")


def _write_summary(
    folder: Path, config: Config, results: list[FoldResult], validation: str, ensemble: bool
) -> None:
    """Write the ensemble and the tables, and print the table of figures."""
    from rich.console import Console

    from topo.report.cross_validation import summary_table, write_summary
    from topo.training.cross_validation import spreads, write_ensemble

    figures = {result.name: result.metrics() for result in results}
    found = spreads(figures)
    cost = write_ensemble(folder, config, results, found) if ensemble else None
    write_summary(folder, figures, found, {"validation": validation, "ensemble": cost})
    Console().print(summary_table(figures, found))
    if cost:
        note(f"model {folder / 'model'}: {cost['members']} members, {cost['times']} times the time")


def _with_folds(config: Config, folder: Path, count: int, claims: Claims) -> Config:
    """Divide a set without folds into homology-aware ones, written to the output folder."""
    from topo.training.cross_validation import fold_names

    path = config.data.path
    if path is None or fold_names(path):
        return config
    target = folder / "folds.json"
    with claims.turn("folds", target.is_file) as mine:
        if mine:
            from topo.cli.data.split import show_folds
            from topo.curation.partition import write_folds

            show_folds(write_folds(path, target, count, seed=config.training.seed))
    return config.model_copy(update={"data": config.data.model_copy(update={"path": str(target)})})


def _write_predictions(results: list[FoldResult], folder: Path, resamples: int) -> None:
    """Write all out-of-fold predictions to one file and evaluate them together."""
    from topo.io import write_three_line
    from topo.metrics.evaluation import evaluate
    from topo.protein import Protein
    from topo.report.evaluation_files import write_evaluation

    truth = [protein for result in results for protein in result.proteins]
    guesses = [guess for result in results for guess in result.predictions]
    path = folder / "predictions.3line"
    proteins = (Protein(p.id, p.sequence, p.labels) for p in guesses)
    write_three_line(proteins, path, guesses[0].scheme)
    evaluation = evaluate(truth, guesses, resamples=resamples)
    source = {"cross_validation": str(folder)}
    write_evaluation(evaluation, folder / "evaluation", source=source)
