"""``topo convert``: conversion between file formats of proteins and predictions."""

from __future__ import annotations

from typing import Annotated

import typer


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="Input file: FASTA, 3-line, partitions JSON, Swiss-Prot, TMRs.gff3, GFF3, "
            "InterProScan, TMHMM, Phobius long, TMbed, DeepTMHMM2's JSON or JSON lines, plain or "
            "gzip-compressed; - for standard input. FILE.json:cv0,cv1 selects folds.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Output file; its suffix sets the format. - for standard output, with --to.",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help="Output format: fasta, biotrainer, 3line, partitions, or a single-file format of "
            "topo predict (tmrs, gff3, summary, tmbed0, tmhmm, phobius, jsonl, ...)."
        ),
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            help="Format of the input: fasta, 3line, partitions, swissprot, gff3, interproscan, "
            "tmrs (also TMHMM's long format), tmhmm, phobius, deeptmhmm2, tmbed or jsonl. By "
            "default the content decides."
        ),
    ] = None,
    grammar: Annotated[
        str | None,
        typer.Option(help="Grammar file whose labels the files have. By default the six labels."),
    ] = None,
) -> None:
    """Convert a file of proteins or predictions to another format.

    Records without labels are left out of formats that need labels; their number is reported. The
    order of the records is kept, except that partitions JSON groups them by fold. OUT.ids.tsv lists
    ids that the format changes.
    """
    from topo.io.convert import convert as run
    from topo.io.convert import format_of
    from topo.io.grammar import find_grammar

    form, scheme = to or format_of(target), find_grammar(grammar).scheme
    converted = run(source, target, form, input_format=input_format, scheme=scheme)
    if converted.left_out:
        total = converted.written + converted.left_out
        typer.echo(f"{converted.left_out} of {total} records have no labels: left out", err=True)
