"""``topo data filter``: removal of proteins that are similar to another set."""

from __future__ import annotations

from typing import Annotated

import typer

from topo.cli.data.options import Coverage, Identity, Sensitivity, Threads
from topo.cli.data.split import pieces_note
from topo.cli.verbosity import report


def filter_similar(
    file: Annotated[str, typer.Argument(help="Proteins to filter, in any format topo reads.")],
    against: Annotated[str, typer.Option(help="Proteins that no kept protein is similar to.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File to write; its suffix selects the format.")
    ],
    identity: Identity = 0.3,
    coverage: Coverage = 0.5,
    sensitivity: Sensitivity = 7.5,
    threads: Threads = 1,
) -> None:
    """Drop the proteins that are similar to one of another set. Needs MMseqs2.

    OUTPUT.dropped.tsv lists each dropped protein with the one that it is similar to.
    """
    from topo.curation.partition import without_similar
    from topo.homology.search import Similarity
    from topo.io import read_proteins
    from topo.io.convert import format_of, write_records
    from topo.io.files import atomic_text, beside
    from topo.io.ids import plain_id

    form = format_of(output)
    proteins, others = list(read_proteins(file)), list(read_proteins(against))
    similarity = Similarity(identity, coverage, sensitivity=sensitivity)
    kept, dropped = without_similar(proteins, others, similarity, threads)
    write_records(kept, output, form)
    if (listed := beside(output, ".dropped.tsv")) is not None:
        with atomic_text(listed) as table:
            table.write("id\tsimilar_to\tidentity\tcoverage\n")
            for protein, other, hit in dropped:
                names = f"{plain_id(protein.id)}\t{plain_id(other.id)}"
                table.write(f"{names}\t{hit.identity:.3f}\t{hit.coverage:.3f}\n")
    report(f"{output}: {len(kept)} proteins kept, {len(dropped)} dropped")
    if note := pieces_note([*proteins, *others], similarity):
        report(f"{output}: {note}")
