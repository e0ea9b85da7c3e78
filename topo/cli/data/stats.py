"""``topo data stats``: number of proteins, types, labels and lengths of a data set."""

from __future__ import annotations

from typing import Annotated

import typer


def stats(
    file: Annotated[
        str,
        typer.Argument(help="Proteins in any format topo reads; FILE.json:cv0,cv1 selects folds."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count proteins per type and fold, labels, and lengths of proteins and segments."""
    import json

    from rich.console import Console

    from topo.cli.data.tables import labels_table, lengths_table, types_table
    from topo.curation.stats import describe_set
    from topo.io import read_proteins
    from topo.io.files import source_name

    found = describe_set(read_proteins(file))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console()
    summary = f"{source_name(file)}: {found['proteins']:,} proteins, {found['residues']:,} residues"
    console.print(summary, markup=False, highlight=False, soft_wrap=True)
    for table in (types_table(found["types"]), labels_table(found), lengths_table(found)):
        if table.row_count:
            console.print(table)
