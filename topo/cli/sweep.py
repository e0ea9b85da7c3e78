"""``topo sweep``: a sweep file of Weights & Biases, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def sweep(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Sweep file in the format of Weights & Biases.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; by default sweeps/FILE without suffix."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; by default the file's run_cap.")
    ] = None,
    sampler_seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    wandb: Annotated[str, typer.Option(help="Tracking: off, offline or online.")] = "off",
) -> None:
    """Run a sweep; several processes with the same folder share it.

    Grids run each point once; random and Bayesian (TPE) sweeps as many trials as asked for;
    hyperband stops poor trials early. A trial whose process died is taken up again by the others
    or at the next start. Every other option is one of topo train and added to each training.
    Ends with a table, trials.csv, importance.png and best.yaml.
    """
    from rich.console import Console

    from topo.cli.train import read_settings
    from topo.sweep.file import load_sweep

    found = load_sweep(file).with_arguments(context.args)
    for point in found.grid()[:1]:
        read_settings(found.command(point))  # complain before anything is made
    from topo.report.sweep import trial_table, write_sweep
    from topo.sweep.study import SharedStudy
    from topo.sweep.trials import run_sweep

    shared = SharedStudy(found, output or Path("sweeps") / file.stem, trials, sampler_seed)
    run_sweep(
        shared,
        read_settings,
        wandb=wandb,
        progress=sys.stderr.isatty(),
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    Console().print(trial_table(shared))
    for path in write_sweep(shared):
        print(path)
