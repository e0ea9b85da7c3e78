"""``topo data structures``: download of structures from the AlphaFold database."""

from __future__ import annotations

from typing import Annotated

import typer

from topo.cli.verbosity import report


def structures(
    ids: Annotated[
        list[str],
        typer.Argument(help="UniProt accessions, or files of accessions (list or FASTA)."),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Path to the folder to write to.")],
    form: Annotated[str, typer.Option("--format", help="Format of the files: cif or pdb.")] = "cif",
    api: Annotated[
        str | None, typer.Option(help="Alternative address of the prediction service.")
    ] = None,
) -> None:
    """Download predicted structures from the AlphaFold database; existing files are kept."""
    from collections import Counter

    from topo.curation.alphafold import API, fetch_structures, read_accessions
    from topo.errors import TopoError

    if form not in ("cif", "pdb"):
        raise TopoError(f"found format {form!r}, expected cif or pdb")
    counts: Counter[str] = Counter()
    for found in fetch_structures(read_accessions(ids), output, form=form, api=api or API):
        counts[found.status] += 1
        if found.path is None:
            report(f"{found.accession}: no model in the database")
    report(
        f"{output}: {counts['fetched']} fetched, {counts['kept']} there already, "
        f"{counts['no model']} without a model"
    )
