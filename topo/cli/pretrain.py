"""``topo pretrain``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.names import split_names
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.config import Config
    from topo.data.corpus import Corpus
    from topo.runs import Run

WITHOUT = (
    *("name", "output", "resume", "init"),
    *("data", "train_folds", "val", "test", "extra", "structures", "train_size"),
    *("batch", "epochs", "monitor"),
)
"""Options of ``topo train``, by parameter name, that mean nothing here."""


def pretrain(
    context: typer.Context,
    corpus: Annotated[
        str | None, typer.Argument(help="FASTA of unlabelled proteins, plain or gzipped.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; topo train --init takes it.")
    ] = Path("runs/pretrained"),
    exclude_similar: Annotated[
        str | None,
        typer.Option(help="TSV with columns id and similar_folds: leave out what is similar."),
    ] = None,
    exclude_folds: Annotated[
        str | None,
        typer.Option(help="To these folds, separated by commas; by default to any fold."),
    ] = None,
    residues: Annotated[
        int | None, typer.Option(help="Residues to show in all, counting repeats.")
    ] = None,
    interval: Annotated[
        int | None, typer.Option(help="Residues between validations and checkpoints.")
    ] = None,
    crop: Annotated[int | None, typer.Option(help="Longest piece of a chain, residues.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
) -> None:
    """Pre-train a tagger's trunk on masked residues of unlabelled proteins.

    Further options are those of topo train for architecture, optimiser, seed, precision and device
    (--gcs, --lstm, --layers, --learning-rate, ...), and --config and --set for everything else;
    CORPUS comes before them. Writes history.csv with the pseudo-perplexity on a held-out slice, and
    trunk/.
    """
    from topo.data.corpus import read_corpus
    from topo.data.pieces import PretrainingData
    from topo.runs import Run, run_name
    from topo.training.loop import RUN_VARIABLE
    from topo.training.pretraining import pretrain as train_trunk

    own = {
        "corpus": corpus,
        "exclude_similar": exclude_similar,
        "exclude_folds": split_names(exclude_folds) if exclude_folds is not None else None,
        "residues": residues,
        "interval": interval,
        "crop": crop,
    }
    run = Run(output)
    started = RUN_VARIABLE in os.environ  # by another process of this training
    settings = _settings(own, context.args, run, resume)
    if not resume and not started and output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output}: not empty, expected a new folder, or --resume")
    found = read_corpus(settings.pretraining)
    if resume:
        _check_unchanged(run, found)
    data = PretrainingData(found, settings)
    if not started:
        _tell(run_name(settings), data)
    trunk = train_trunk(settings, data, run, resume=resume, progress=sys.stderr.isatty())
    if trunk.is_dir():
        print(f"run {run.path}\ntrunk {trunk}")


def _settings(own: dict[str, Any], arguments: list[str], run: Run, resume: bool) -> Config:
    """Read the configuration; a resumed run has its own, with which options must agree."""
    from topo.cli.train import read_settings
    from topo.config import first_difference

    given = {key: value for key, value in own.items() if value is not None}
    if resume:
        stored = run.config()
        if not given and not arguments:
            return stored
    if str(own["corpus"]).startswith("-") and own["corpus"] != "-":
        raise ConfigError(f"found {own['corpus']} in place of CORPUS, which comes before options")
    options = [f"--set=pretraining.{key}={json.dumps(value)}" for key, value in given.items()]
    settings = read_settings([*arguments, *options], WITHOUT, "which topo pretrain does not have")
    if settings.training.init is not None:
        raise ConfigError("training.init: found a value, expected none in pre-training")
    if resume and (difference := first_difference(stored, settings)):
        raise ConfigError(f"{run.path}: {difference}; a run is resumed with the same configuration")
    return settings


def _check_unchanged(run: Run, corpus: Corpus) -> None:
    if run.info().get("data_sha256", corpus.checksums) != corpus.checksums:
        raise ConfigError(f"{run.path}: the corpus has changed since the run began")


def _tell(name: str, data: Any) -> None:
    counts = f"{len(data.train):,} proteins to train on, {len(data.validation):,} held out"
    print(f"{name}: {counts}", file=sys.stderr)
    for what, count in data.corpus.left_out.items():
        print(f"left out {count:,}: {what}", file=sys.stderr, flush=True)
