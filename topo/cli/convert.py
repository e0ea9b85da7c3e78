"""``topo convert``: proteins and predictions from one file format to another."""

from __future__ import annotations

from typing import Annotated

import typer


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="FASTA, 3-line, partitions JSON, Swiss-Prot, TMRs.gff3, GFF3, TMbed or JSON "
            "lines, plain or gzip; - for standard input; FILE.json:cv0,cv1 for some folds.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="The suffix tells the format; - for standard output, with --to."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help="Format to write: fasta, 3line, partitions, or a format of one file that topo "
            "predict writes (tmrs, gff3, summary, tmbed0, tmhmm, phobius, jsonl, ...)."
        ),
    ] = None,
) -> None:
    """Convert a file of proteins or predictions to another format.

    Records without labels are left out of formats that need them, and their number is told. The
    order is kept, save that partitions JSON puts a fold's records together. Ids that the format
    spells otherwise are listed in OUT.ids.tsv.
    """
    from topo.io.convert import convert as run
    from topo.io.convert import format_of

    converted = run(source, target, to or format_of(target))
    if converted.left_out:
        total = converted.written + converted.left_out
        typer.echo(f"{converted.left_out} of {total} records have no labels: left out", err=True)
