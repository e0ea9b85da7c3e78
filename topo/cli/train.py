"""``topo train``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.names import split_names
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.config import Config

FIELDS = {
    "data": "data.path",
    "train_folds": "data.train",
    "val": "data.validation",
    "test": "data.test",
    "structures": "data.structures",
    "crop": "data.crop",
    "train_size": "data.size",
    "gcs": "model.encoder.gcs",
    "graph": "model.encoder.kind",
    "cell": "model.recurrent.cell",
    "direction": "model.recurrent.direction",
    "lstm": "model.recurrent.size",
    "layers": "model.recurrent.layers",
    "dropout": "model.recurrent.dropout",
    "batch": "training.batch",
    "init": "training.init",
    "epochs": "training.epochs",
    "learning_rate": "training.learning_rate",
    "weight_decay": "training.weight_decay",
    "monitor": "training.monitor",
    "patience": "training.patience",
    "seed": "training.seed",
    "precision": "training.precision",
    "accelerator": "training.accelerator",
    "devices": "training.devices",
    "threads": "training.threads",
    "deterministic": "training.deterministic",
    "wandb": "tracking.wandb",
}
"""Options of ``topo train`` by parameter name, and the field of the configuration each sets."""

_FOLDS = "folds of the file, separated by commas"


def train(
    config: Annotated[Path | None, typer.Option(help="YAML configuration to start from")] = None,
    data: Annotated[str | None, typer.Option(help="labelled proteins; none: bundled set")] = None,
    train_folds: Annotated[
        str | None, typer.Option("--train", help=f"train on these {_FOLDS}")
    ] = None,
    val: Annotated[str | None, typer.Option(help=f"validate on these {_FOLDS}")] = None,
    test: Annotated[str | None, typer.Option(help=f"keep for topo evaluate these {_FOLDS}")] = None,
    extra: Annotated[
        list[str] | None, typer.Option(help="further labelled proteins to train on")
    ] = None,
    exclude_similar: Annotated[
        list[str] | None, typer.Option(help="TSV of similar folds, one for each --extra")
    ] = None,
    structures: Annotated[
        str | None, typer.Option(help="folder of PDB or mmCIF files, for a model that reads them")
    ] = None,
    gcs: Annotated[int | None, typer.Option(help="width of the graph convolutions")] = None,
    graph: Annotated[str | None, typer.Option(help="gcn, sage, gat, rgcn or schnet")] = None,
    conv1: Annotated[
        str | None, typer.Option(help="first chain convolution, FILTERSxWIDTH")
    ] = None,
    conv2: Annotated[
        str | None, typer.Option(help="second chain convolution, FILTERSxWIDTH")
    ] = None,
    cell: Annotated[str | None, typer.Option(help="lstm or gru")] = None,
    direction: Annotated[str | None, typer.Option(help="uni or bi")] = None,
    lstm: Annotated[int | None, typer.Option(help="hidden size per direction")] = None,
    layers: Annotated[int | None, typer.Option(help="stacked recurrent layers")] = None,
    dropout: Annotated[float | None, typer.Option(help="dropout between recurrent layers")] = None,
    batch: Annotated[int | None, typer.Option(help="proteins a batch")] = None,
    crop: Annotated[
        int | None, typer.Option("--crop", "--max-length", help="longest piece in training")
    ] = None,
    train_size: Annotated[
        int | None, typer.Option(help="train on so many proteins, types in proportion")
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="checkpoint, run or pre-trained trunk to start from")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="passes at the most")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="peak learning rate")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="weight decay")] = None,
    monitor: Annotated[
        str | None, typer.Option(help="validation metric that picks the epoch")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="epochs without progress before stopping")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="seed of everything random")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, 32 or bf16")] = None,
    accelerator: Annotated[str | None, typer.Option(help="cpu, cuda or auto")] = None,
    devices: Annotated[int | None, typer.Option(help="devices to train on")] = None,
    threads: Annotated[int | None, typer.Option(help="torch threads")] = None,
    deterministic: Annotated[
        bool | None, typer.Option("--deterministic", help="bit-equal history")
    ] = None,
    wandb: Annotated[str | None, typer.Option(help="off, offline or online")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="any field: section.field=value")
    ] = None,
    name: Annotated[str | None, typer.Option(help="name of the run; none: by architecture")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="folder of the runs")] = Path(
        "runs"
    ),
    resume: Annotated[Path | None, typer.Option(help="folder of a run to go on with")] = None,
) -> None:
    """Train a tagger; without data of yours, on the bundled example set."""
    given = locals()
    from topo.data.splits import Splits
    from topo.report.curves import draw_curves
    from topo.runs import Run, new_run, run_name
    from topo.training.initial_weights import initial_weights
    from topo.training.loop import RUN_VARIABLE, fit

    if resume is not None:
        others = ("config", "name", "set_", "extra", "conv1", "conv2")
        if any(given[option] not in (None, []) for option in (*FIELDS, *others)):
            raise ConfigError(
                "--resume goes on with the run's own configuration, give nothing else"
            )
        settings = Run(resume).config()
    else:
        settings = _settings(given)
    splits = Splits.of(settings)
    if settings.training.init and resume is None:
        initial_weights(settings)  # complains before there is a run
    given_run = resume or os.environ.get(RUN_VARIABLE)
    run = Run(Path(given_run)) if given_run else new_run(output, name or run_name(settings))
    model = fit(settings, splits, run, resume=resume is not None, progress=sys.stderr.isatty())
    if not model.is_dir():
        return  # one of several processes, not the one that writes
    draw_curves(run)
    print(f"run {run.path}\nmodel {model}")


def read_settings(
    arguments: Sequence[str],
    refused: Sequence[str] = ("name", "output", "resume"),
    reason: str = "which is given to each training by this command",
) -> Config:
    """Turn options of ``topo train`` into a configuration, for other commands that train.

    Parameters
    ----------
    arguments
        The options.
    refused
        Options, by parameter name, that have no meaning there.
    reason
        Why, for the message.

    Raises
    ------
    ConfigError
        On an option that ``topo train`` does not have, or a refused one.
    """
    command = typer.Typer(add_completion=False)
    command.command()(train)
    try:
        context = typer.main.get_command(command).make_context("topo train", [*arguments])
    except typer.BadParameter.__base__ as error:  # any error of use; its name is not exported
        raise ConfigError(f"topo train: {error.format_message()}") from None
    for option in context.command.params:
        given = context.get_parameter_source(option.name).name == "COMMANDLINE"
        if given and option.name in refused:
            raise ConfigError(f"found {option.opts[0]}, {reason}")
    return _settings(context.params)


def _settings(given: Mapping[str, Any]) -> Config:
    """Read the options of :func:`train`, by parameter name and None where not given."""
    from topo.config import load_config
    from topo.io.grammar import find_grammar, grammar_tree

    fields = {key: given[option] for option, key in FIELDS.items()}
    for key in ("data.train", "data.validation", "data.test"):
        fields[key] = split_names(fields[key]) if fields[key] is not None else None
    fields["graph.structure"] = True if given["structures"] is not None else None
    fields["data.extra"] = _extras(given["extra"] or [], given["exclude_similar"] or [])
    fields["model.conv"] = _convolutions(given["conv1"], given["conv2"])
    changed = {key: value for key, value in fields.items() if value is not None}
    settings = load_config(given["config"], given["set_"] or [], fields=changed)
    if settings.model.heads.grammar is not None:
        # The run and its checkpoint carry the grammar, so that they do not depend on the file.
        settings.model.heads.grammar = grammar_tree(find_grammar(settings.model.heads.grammar))
    return settings


def _extras(paths: list[str], similar: list[str]) -> list[dict[str, str | None]] | None:
    if similar and len(similar) != len(paths):
        raise ConfigError(
            f"found {len(similar)} --exclude-similar for {len(paths)} --extra, "
            "expected none or one for each, in the same order"
        )
    tables = similar or [None] * len(paths)
    pairs = zip(paths, tables, strict=True)
    return [{"path": path, "exclude_similar": table} for path, table in pairs] or None


def _convolutions(*options: str | None) -> list[dict[str, int]] | None:
    layers = []
    for option in options:
        if option is None or option == "none":
            continue
        filters, _, width = option.partition("x")
        if not (filters.isdigit() and width.isdigit()):
            raise ConfigError(f"found convolution {option!r}, expected FILTERSxWIDTH, e.g. 128x5")
        layers.append({"filters": int(filters), "width": int(width)})
    return layers if any(option is not None for option in options) else None
