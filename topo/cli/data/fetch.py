"""``topo data fetch``: download of published data sets."""

from __future__ import annotations

from typing import Annotated

import typer

from topo.cli.verbosity import report


def fetch_set(
    name: Annotated[str, typer.Argument(help="Name of the data set: deeptmhmm.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Path to the folder to write to.")
    ] = ".",
    url: Annotated[str | None, typer.Option(help="Alternative address of the same file.")] = None,
    sha256: Annotated[
        str | None, typer.Option(help="Expected SHA-256, instead of the known one.")
    ] = None,
) -> None:
    """Download a published data set and check its SHA-256."""
    from topo.curation.fetch import SOURCES, fetch

    path = fetch(name, output, url, sha256)
    report(f"{path}: {SOURCES[name].terms}")
