"""``topo data split``, ``filter``: what similar proteins ask for."""

from __future__ import annotations

from typing import Annotated

import typer

IDENTITY = typer.Option(min=0.0, max=1.0, help="Share of equal residues that is similar.")
COVERAGE = typer.Option(min=0.0, max=1.0, help="Share of the shorter chain it must cover.")

SENSITIVITY = typer.Option(min=1.0, max=7.5, help="Of MMseqs2; larger finds more, and is slower.")
THREADS = typer.Option(min=1, help="Threads of MMseqs2.")


def split(
    file: Annotated[str, typer.Argument(help="Labelled proteins in any format topo reads.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Partitions JSON to write, with folds cv0, ...")
    ],
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
    identity: Annotated[float, IDENTITY] = 0.3,
    coverage: Annotated[float, COVERAGE] = 0.5,
    sensitivity: Annotated[float, SENSITIVITY] = 7.5,
    seed: Annotated[int, typer.Option(min=0, help="Order of groups of the same size.")] = 0,
    threads: Annotated[int, THREADS] = 1,
) -> None:
    """Divide a set into folds with no similar proteins across two of them, types spread evenly.

    Needs MMseqs2. The folds are searched against each other until no pair is found.
    """
    from dataclasses import replace

    from rich.console import Console

    from topo.cli.data.tables import types_table
    from topo.curation.homology import Similarity
    from topo.curation.partition import partition
    from topo.curation.stats import describe_set
    from topo.io import read_labelled, write_partitions

    proteins = list(read_labelled(file))
    similarity = Similarity(identity, coverage, sensitivity=sensitivity)
    found = partition(proteins, folds, similarity, seed=seed, threads=threads)
    placed = [
        replace(protein, metadata={**protein.metadata, "partition": f"cv{fold}"})
        for protein, fold in sorted(zip(proteins, found.folds, strict=True), key=lambda x: x[1])
    ]
    write_partitions(placed, output)
    console = Console()
    console.print(types_table(describe_set(placed)["types"]))
    typer.echo(
        f"{output}: {len(placed)} proteins in {found.groups.max() + 1} groups; no pair across "
        f"folds at {identity:.0%} identity or more over {coverage:.0%} of the shorter chain"
    )


def filter_similar(
    file: Annotated[str, typer.Argument(help="Proteins to filter, in any format topo reads.")],
    against: Annotated[str, typer.Option(help="Proteins that nothing kept may be similar to.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="File to write; the suffix tells the format.")
    ],
    identity: Annotated[float, IDENTITY] = 0.3,
    coverage: Annotated[float, COVERAGE] = 0.5,
    sensitivity: Annotated[float, SENSITIVITY] = 7.5,
    threads: Annotated[int, THREADS] = 1,
) -> None:
    """Drop the proteins that are similar to one of another set. Needs MMseqs2.

    Beside the output, OUTPUT.dropped.tsv names what was dropped and why.
    """
    from topo.curation.homology import Similarity
    from topo.curation.partition import without_similar
    from topo.io import read_proteins
    from topo.io.convert import format_of, write_records
    from topo.io.files import atomic_text

    form = format_of(output)
    proteins, others = list(read_proteins(file)), list(read_proteins(against))
    similarity = Similarity(identity, coverage, sensitivity=sensitivity)
    kept, dropped = without_similar(proteins, others, similarity, threads)
    write_records(kept, output, form)
    with atomic_text(f"{output}.dropped.tsv") as table:
        table.write("id\tsimilar_to\tidentity\tcoverage\n")
        for protein, other, hit in dropped:
            table.write(f"{protein.id}\t{other.id}\t{hit.identity:.3f}\t{hit.coverage:.3f}\n")
    typer.echo(f"{output}: {len(kept)} proteins kept, {len(dropped)} dropped")
