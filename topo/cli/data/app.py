"""``topo data``: what a set of proteins holds, and published sets to download."""

from __future__ import annotations

from typing import Annotated

import typer

from topo.cli.data.homology import filter_similar, split
from topo.cli.data.labels import consensus, sample, transfer

data_app = typer.Typer(no_args_is_help=True, help="Look into data sets, download and divide them.")
data_app.command("split")(split)
data_app.command("filter")(filter_similar)
data_app.command("transfer")(transfer)
data_app.command("consensus")(consensus)
data_app.command("sample")(sample)


@data_app.command("stats")
def stats(
    file: Annotated[
        str, typer.Argument(help="Proteins in any format topo reads; FILE.json:cv0,cv1 for folds.")
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


@data_app.command("fetch")
def fetch_set(
    name: Annotated[str, typer.Argument(help="Name of the set: deeptmhmm.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder to put it in.")] = ".",
    url: Annotated[str | None, typer.Option(help="Another address of the same file.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Another checksum to hold it to.")] = None,
) -> None:
    """Download a published data set and check its SHA-256."""
    from topo.curation.fetch import SOURCES, fetch

    path = fetch(name, output, url, sha256)
    typer.echo(f"{path}: {SOURCES[name].terms}")


@data_app.command("structures")
def structures(
    ids: Annotated[
        list[str], typer.Argument(help="UniProt accessions, or files of them (list or FASTA).")
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder to put them in.")],
    form: Annotated[str, typer.Option("--format", help="Format of the files: cif or pdb.")] = "cif",
    api: Annotated[
        str | None, typer.Option(help="Another address of the prediction service.")
    ] = None,
) -> None:
    """Download predicted structures from the AlphaFold database; what is there is kept."""
    from collections import Counter

    from topo.curation.alphafold import API, fetch_structures, read_accessions
    from topo.errors import TopoError

    if form not in ("cif", "pdb"):
        raise TopoError(f"found format {form!r}, expected cif or pdb")
    counts: Counter[str] = Counter()
    for found in fetch_structures(read_accessions(ids), output, form=form, api=api or API):
        counts[found.status] += 1
        if found.path is None:
            typer.echo(f"{found.accession}: no model in the database")
    typer.echo(
        f"{output}: {counts['fetched']} fetched, {counts['kept']} there already, "
        f"{counts['no model']} without a model"
    )
