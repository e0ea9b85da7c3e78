"""``topo models``: list, locate and download the published models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import complete_model

models_app = typer.Typer(
    no_args_is_help=True, help="List, locate and download the published models."
)

_Name = Annotated[
    str, typer.Argument(help="Name of a model in the list.", autocompletion=complete_model)
]


@models_app.command("list")
def list_models() -> None:
    """List the published models, their size and their folder."""
    from topo.models.catalogue import catalogue
    from topo.models.folders import find_model, is_here, size_text

    typer.echo("model\tsize\tfolder")
    for name in catalogue():
        folder = find_model(name) if is_here(name) else f"- (topo models get {name})"
        typer.echo(f"{name}\t{size_text(name)}\t{folder}")


@models_app.command("path")
def model_path(name: _Name) -> None:
    """Print the folder of a model, or where it is looked for.

    A model is looked for in the package, in TOPO_MODELS, and in models in the cache folder.
    """
    from topo.models.catalogue import files_of
    from topo.models.folders import find_model

    files_of(name)
    typer.echo(find_model(name))


@models_app.command("get")
def get(
    name: _Name,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to the folder of the model. By default its name in TOPO_MODELS, or in "
            "models in the cache folder, where --model NAME finds it.",
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Address of the folder of models. By default TOPO_MODELS_URL, or the project's."
        ),
    ] = None,
) -> None:
    """Download a model and check its SHA-256, file by file; an interrupted download continues."""
    from topo.models.catalogue import files_of
    from topo.models.download import get_model
    from topo.models.folders import find_model, is_here, size_text

    files_of(name)
    if output is None and is_here(name):
        typer.echo(f"{find_model(name)}: is there already")
        return
    typer.echo(f"{name}: {size_text(name)}", err=True)
    path = get_model(name, output, base_url, lambda file: typer.echo(f"  {file}", err=True))
    typer.echo(path)
