"""``topo sweep``: run a sweep file of Weights & Biases without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.cli.config_options import ConfigCommand, read_settings
from topo.cli.verbosity import note, report, shows_progress


class SweepCommand(ConfigCommand):
    """Command with the options of ``topo train``, except those it declares itself."""

    omitted = ("pretraining.", "tracking.")


def sweep(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="Path to a sweep file in the format of Weights & Biases.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to the output folder. By default sweeps/FILE without suffix.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="Total number of trials. By default run_cap of the file, or the whole grid."
        ),
    ] = None,
    sampler_seed: Annotated[int, typer.Option(min=0, help="Seed of the sampled parameters.")] = 0,
    wandb: Annotated[
        str, typer.Option(help="Tracking by Weights & Biases: off, offline or online.")
    ] = "off",
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database of a sweep on several machines, postgresql://USER@HOST/DATABASE or "
            "sqlite:///FILE. The name of the output folder is that of the study. By default a file "
            "in the output folder."
        ),
    ] = None,
    heartbeat: Annotated[
        int,
        typer.Option(
            min=1,
            help="Seconds between signs of life of a trial in --storage. After three of them it "
            "counts as dead, and another process takes it up.",
        ),
    ] = 60,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run the failed trials of this sweep again.")
    ] = False,
) -> None:
    """Run a sweep. Several processes with the same output folder, or --storage, share it.

    A grid runs each point once; random and Bayesian (TPE) sweeps run the requested number of
    trials; hyperband stops poor trials early. Another process or the next start resumes a trial
    whose process died. The options of topo train apply to every training. Output files:
    trials.csv, importance.png and best.yaml.
    """
    from rich.console import Console

    from topo.sweep.file import load_sweep

    found = load_sweep(file).with_arguments(context.args)
    for point in found.examples():
        read_settings(found.command(point))  # raises its errors before the folder exists
    from topo.report.sweep import trial_table, write_sweep
    from topo.sweep.storage import DatabaseStorage
    from topo.sweep.study import SharedStudy
    from topo.sweep.trials import run_sweep
    from topo.training.interruption import interruptible

    folder = output or Path("sweeps") / file.stem
    shared = SharedStudy(
        found,
        folder,
        trials,
        sampler_seed,
        retry_failed=retry_failed,
        storage=DatabaseStorage(storage, folder.name, heartbeat) if storage else None,
    )
    with interruptible():
        run_sweep(
            shared,
            read_settings,
            wandb=wandb,
            progress=shows_progress(),
            tell=note,
        )
        Console().print(trial_table(shared))
        for path in write_sweep(shared):
            report(path)
