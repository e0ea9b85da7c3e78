"""``topo data``: what a set of proteins holds, and published sets to download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.further import consensus, sample, transfer
from topo.cli.homology import filter_similar, split

if TYPE_CHECKING:
    from rich.table import Table

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

    from topo.data.stats import describe_set
    from topo.io import read_proteins
    from topo.io.files import source_name

    found = describe_set(read_proteins(file))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console()
    summary = f"{source_name(file)}: {found['proteins']:,} proteins, {found['residues']:,} residues"
    console.print(summary, markup=False, highlight=False, soft_wrap=True)
    for table in (types_table(found["types"]), _labels(found), _lengths(found)):
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
    from topo.data.fetch import SOURCES, fetch

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

    from topo.data.alphafold import API, fetch_structures, read_accessions
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


def types_table(folds: dict[str, dict[str, int]]) -> Table:
    """Lay out how many proteins of each type each fold has."""
    from rich.markup import escape
    from rich.table import Table

    names = list(dict.fromkeys(name for counts in folds.values() for name in counts))
    table = Table("type", *map(escape, folds), title="Proteins", title_justify="left")
    _right(table)
    for name in names:
        table.add_row(name, *(f"{counts.get(name, 0):,}" for counts in folds.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(counts.values()):,}" for counts in folds.values()))
    return table


def _labels(found: dict[str, Any]) -> Table:
    from rich.table import Table

    from topo.labels import LABEL_NAMES

    total = sum(found["labels"].values())
    table = Table("label", "residues", "share", title="Residue labels", title_justify="left")
    _right(table)
    for letter, count in found["labels"].items():
        table.add_row(f"{letter} {LABEL_NAMES[letter]}", f"{count:,}", f"{count / total:.1%}")
    return table


def _lengths(found: dict[str, Any]) -> Table:
    from rich.table import Table

    from topo.data.stats import QUANTILES
    from topo.labels import LABEL_NAMES

    table = Table("length of", "count", *QUANTILES, title="Lengths", title_justify="left")
    _right(table)
    rows = {"proteins": {"count": found["proteins"], **found["length"]}} | {
        f"{letter} {LABEL_NAMES[letter]}": row for letter, row in found["segments"].items()
    }
    for name, row in rows.items():
        table.add_row(name, *(f"{row[key]:,}" for key in ("count", *QUANTILES)))
    return table


def _right(table: Table) -> None:
    """Align all columns but the first to the right, as numbers are read."""
    for column in table.columns[1:]:
        column.justify = "right"
