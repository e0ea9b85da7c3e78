"""``topo convert``: proteins from one file format to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from topo.errors import TopoError

if TYPE_CHECKING:
    from topo.protein import Protein


class Format(str, Enum):
    """Formats that can be written."""

    FASTA = "fasta"
    THREE_LINE = "3line"
    PARTITIONS = "partitions"


_SUFFIXES = {
    Format.FASTA: (".fasta", ".fa", ".faa", ".fas"),
    Format.THREE_LINE: (".3line",),
    Format.PARTITIONS: (".json",),
}


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="FASTA, 3-line, partitions JSON or Swiss-Prot, plain or gzip; - for standard "
            "input; FILE.json:cv0,cv1 for some folds.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="The suffix tells the format; - for standard output, with --to."
        ),
    ],
    to: Annotated[Format | None, typer.Option(help="Format to write.")] = None,
) -> None:
    """Convert a file of proteins to another format.

    Records without labels are left out of 3-line files, and their number is told. The order of
    records is kept, save that partitions JSON puts a fold's records together.
    """
    from topo.io import read_proteins

    form = to or _format_of(target)
    write, proteins = _writer(form), read_proteins(source)
    if form is not Format.THREE_LINE:
        write(proteins, target)
        return
    counts = {True: 0, False: 0}
    write(_labelled(proteins, counts, source), target)
    if counts[False]:
        typer.echo(f"{counts[False]} of {sum(counts.values())} records have no labels", err=True)


def _writer(form: Format) -> Callable[[Iterable[Protein], str], None]:
    from topo import io

    return {
        Format.FASTA: io.write_fasta,
        Format.THREE_LINE: io.write_three_line,
        Format.PARTITIONS: io.write_partitions,
    }[form]


def _labelled(
    proteins: Iterable[Protein], counts: dict[bool, int], source: str
) -> Iterator[Protein]:
    """Pass on the proteins with labels, and count both kinds; complain if there are none."""
    for protein in proteins:
        labelled = protein.labels is not None
        counts[labelled] += 1
        if labelled:
            yield protein
    if not counts[True]:
        raise TopoError(f"{source}: no record has labels, which 3-line records need")


def _format_of(target: str) -> Format:
    name = target.lower().removesuffix(".gz")
    for form, suffixes in _SUFFIXES.items():
        if name.endswith(suffixes):
            return form
    known = ", ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
    raise TopoError(f"{target}: the suffix tells no format; expected one of {known}, or --to")
