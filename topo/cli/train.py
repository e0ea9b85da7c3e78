"""``topo train``: training of a tagger."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.config_options import read_config
from topo.errors import ConfigError


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
        Path | None, typer.Option(help="Path to the folder of an interrupted run to resume.")
    ] = None,
) -> None:
    """Train a tagger, by default on the bundled example set."""
    from topo.data.splits import Splits
    from topo.report.curves import draw_curves
    from topo.runs import Run, new_run, run_name
    from topo.training.initial_weights import initial_weights
    from topo.training.loop import RUN_VARIABLE, fit

    if resume is not None:
        if context.obj or name is not None:
            raise ConfigError(
                "--resume continues with the configuration of the run, expected no other option"
            )
        settings = Run(resume).config()
    else:
        settings = read_config(context.obj)
    splits = Splits.of(settings)
    if settings.training.init and resume is None:
        initial_weights(settings)  # raises its errors before the run exists
    given_run = resume or os.environ.get(RUN_VARIABLE)
    run = Run(Path(given_run)) if given_run else new_run(output, name or run_name(settings))
    model = fit(settings, splits, run, resume=resume is not None, progress=sys.stderr.isatty())
    if not model.is_dir():
        return  # one of several processes, which does not write
    draw_curves(run)
    print(f"run {run.path}\nmodel {model}")
