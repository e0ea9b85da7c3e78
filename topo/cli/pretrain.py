"""``topo pretrain``: pre-training of a trunk on unlabelled proteins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.config_options import ConfigCommand, read_config
from topo.cli.verbosity import note, report, shows_progress
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.config import Config
    from topo.data.corpus import Corpus
    from topo.runs import Run


class PretrainingCommand(ConfigCommand):
    """Command with the options of ``topo train`` that apply to pre-training, and its own fields."""

    omitted = (
        "data.",
        "distillation.",
        "task.",
        *("training.init", "training.batch", "training.epochs", "training.monitor"),
    )


def pretrain(
    context: typer.Context,
    corpus: Annotated[
        str | None,
        typer.Argument(help="FASTA file of unlabelled proteins, plain or gzip-compressed."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Path to the folder of the run, which topo train --init accepts."
        ),
    ] = Path("runs/pretrained"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the interrupted run in the folder.")
    ] = False,
) -> None:
    """Pre-train the trunk of a tagger on masked residues of unlabelled proteins.

    The output folder holds history.csv, with the pseudo-perplexity of held-out proteins, and
    trunk/.
    """
    from topo.data.corpus import read_corpus
    from topo.data.pieces import PretrainingData
    from topo.runs import Run, run_name
    from topo.training.checks import check_machine
    from topo.training.loop import RUN_VARIABLE
    from topo.training.pretraining import pretrain as train_trunk

    given = dict(context.obj)
    if corpus is not None:
        given["pretraining.corpus"] = corpus
    run = Run(output)
    started = RUN_VARIABLE in os.environ  # by another process of this training
    settings = _settings(given, run, resume)
    check_machine(settings)
    if not resume and not started and output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output}: not empty, expected a new folder, or --resume")
    found = read_corpus(settings.pretraining)
    if resume:
        _check_unchanged(run, found)
    data = PretrainingData(found, settings)
    if not started:
        _report(run_name(settings), data)
    try:
        trunk = train_trunk(settings, data, run, resume=resume, progress=shows_progress())
    finally:
        if not resume and not started:
            run.discard_if_empty()
    if trunk.is_dir():
        report(f"run {run.path}\ntrunk {trunk}")


def _settings(given: dict[str, Any], run: Run, resume: bool) -> Config:
    """Read the configuration; options given with --resume must agree with that of the run."""
    from topo.config import first_difference, with_absolute_paths

    stored = run.config() if resume else None
    if stored is not None and not given:
        return stored
    settings = read_config(given)
    if settings.training.init is not None:
        raise ConfigError("training.init: found a value, expected none in pre-training")
    if stored is None:
        return settings
    ours, theirs = (with_absolute_paths(config) for config in (stored, settings))
    if difference := first_difference(ours, theirs):
        raise ConfigError(f"{run.path}: {difference}; a run is resumed with the same configuration")
    return settings


def _check_unchanged(run: Run, corpus: Corpus) -> None:
    before = run.info().get("data_sha256", corpus.checksums)
    if {*before.values()} != {*corpus.checksums.values()}:
        raise ConfigError(f"{run.path}: the corpus has changed since the run began")


def _report(name: str, data: Any) -> None:
    counts = f"{len(data.train):,} proteins to train on, {len(data.validation):,} held out"
    note(f"{name}: {counts}")
    for what, count in data.corpus.left_out.items():
        note(f"left out {count:,}: {what}")
