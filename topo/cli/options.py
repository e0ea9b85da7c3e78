"""Types of the options that several verbs share, and the look of flags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from topo.cli.verbosity import add_options

TorchThreads = Annotated[
    int, typer.Option(min=0, help="Number of torch threads; 0 keeps the setting of torch.")
]
"""Threads of torch in a single process."""


def complete_model(incomplete: str) -> list[str]:
    """Return the names of published models that start so, for the completion of a shell."""
    from topo.models.catalogue import catalogue

    return [name for name in catalogue() if name.startswith(incomplete)]


ModelName = Annotated[
    str | None,
    typer.Option(
        help="Path to a checkpoint or run, or name of a published model (topo models list). By "
        "default the bundled topo-base.",
        autocompletion=complete_model,
    ),
]
"""Model that predicts, where there is one by default."""

TRUTH = typer.Option(
    help="Path to labelled proteins. FILE.json:cv4 selects one fold of a partitions file."
)
"""Option for the file of true labels."""

PredictionFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        help="Format of the predictions: 3line, gff3, interproscan, tmrs (also TMHMM's long "
        "format), tmhmm, phobius (long format), deeptmhmm2, tmbed or jsonl. By default the "
        "content decides.",
    ),
]
"""Format of files of predictions."""

Resamples = Annotated[int, typer.Option(min=0, help="Number of bootstrap resamples.")]
"""Resamples of a bootstrap, which 0 leaves out."""

BootstrapSeed = Annotated[int, typer.Option(help="Seed of the bootstrap.")]
"""Seed of a bootstrap."""


class Verbs(TyperGroup):
    """Group of verbs with ``-q`` and ``-v``, whose help pages show a flag without ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the group itself."""
        return _without_type(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb, or None for an unknown name."""
        verb = super().get_command(ctx, cmd_name)
        if verb is not None:
            add_options(verb)
            _without_type([*verb.params, verb.get_help_option(ctx)])
        return verb


def _without_type(parameters: Iterable[Any]) -> list[Any]:
    found = [*parameters]
    for parameter in found:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return found


def split_names(text: str) -> list[str]:
    """Split names separated by commas, with or without spaces around them."""
    return [name.strip() for name in text.split(",")]
