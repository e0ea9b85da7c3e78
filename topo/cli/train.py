"""``topo train``: training of a tagger."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.config_options import read_config
from topo.cli.numeric import train_sequences
from topo.cli.verbosity import note, report, shows_progress
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.config import Config
    from topo.data.splits import Splits


def train(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the run. By default it states the architecture."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Path to the folder of the runs.")
    ] = Path("runs"),
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Path to the folder of an interrupted run to resume. --epochs lengthens the run, "
            "--data is the new path of its file."
        ),
    ] = None,
) -> None:
    """Train a tagger, by default on the bundled example set."""
    from topo.data.splits import Splits
    from topo.report.curves import draw_curves
    from topo.runs import Run, new_run, run_name
    from topo.training.checks import check_training
    from topo.training.initial_weights import initial_weights
    from topo.training.interruption import interruptible
    from topo.training.launch import is_first
    from topo.training.loop import RUN_VARIABLE, fit

    settings = _resumed(resume, context.obj, name) if resume else read_config(context.obj)
    if settings.task.is_numeric:
        train_sequences(settings, output, name, resume)
        return
    splits = Splits.of(settings)
    given_run = resume or os.environ.get(RUN_VARIABLE)
    if not given_run and not is_first():
        given_run = output / (name or run_name(settings))  # this process writes nothing
    if not given_run:  # raises its errors before the run exists
        _keep_folds(settings, splits)
        check_training(settings, splits)
        initial_weights(settings)
        note(splits.summary())
        note(splits.draws_line(settings.sampling))
    run = Run(Path(given_run)) if given_run else new_run(output, name or run_name(settings))
    with interruptible(run):
        try:
            model = fit(settings, splits, run, resume=resume is not None, progress=shows_progress())
        finally:
            if not given_run:
                run.discard_if_empty()
        if not is_first():
            return
        draw_curves(run)
    report(f"run {run.path}\nmodel {model}")


def _resumed(folder: Path, given: Mapping[str, Any], name: str | None) -> Config:
    """Return the configuration of a run to resume, changed by the options that may do so."""
    from topo.runs import Run
    from topo.training.resuming import continued

    if name is not None or {*given} - {"training.epochs", "data.path"}:
        raise ConfigError(
            "--resume continues with the configuration of the run, expected no other option than "
            "--epochs and --data"
        )
    return continued(Run(folder), epochs=given.get("training.epochs"), data=given.get("data.path"))


def _keep_folds(settings: Config, splits: Splits) -> None:
    """Record the folds that were chosen by their names in the configuration."""
    if not settings.data.validation:
        settings.data.validation = splits.folds["validation"]
    if not settings.data.test:
        settings.data.test = splits.folds["test"]
