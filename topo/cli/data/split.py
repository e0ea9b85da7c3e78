"""``topo data split``: homology-separated folds of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.data.options import Coverage, Identity, Labelled, Sensitivity, Threads
from topo.cli.verbosity import report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topo.curation.partition import FoldFile
    from topo.homology.search import Similarity
    from topo.protein import Protein


def split(
    file: Labelled,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Partitions JSON to write, with folds cv0, ...")
    ],
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
    identity: Identity = 0.3,
    coverage: Coverage = 0.5,
    sensitivity: Sensitivity = 7.5,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the order of groups of the same size.")
    ] = 0,
    threads: Threads = 1,
) -> None:
    """Divide a set into folds with no similar proteins across two of them, types spread evenly.

    Needs MMseqs2. The folds are searched against each other until no pair is found.
    """
    from topo.curation.partition import write_folds
    from topo.homology.search import Similarity

    similarity = Similarity(identity, coverage, sensitivity=sensitivity)
    show_folds(write_folds(file, output, folds, similarity, seed=seed, threads=threads))


def show_folds(found: FoldFile) -> None:
    """Print the number of proteins of each type in each fold, and the guarantee."""
    from rich.console import Console

    from topo.cli.data.tables import types_table
    from topo.curation.stats import describe_set

    Console().print(types_table(describe_set(found.proteins)["types"]))
    report(
        f"{found.path}: {len(found.proteins)} proteins in {found.groups} groups; no pair across "
        f"folds at {found.similarity.identity:.0%} identity or more over "
        f"{found.similarity.coverage:.0%} of the shorter chain"
    )
    if note := pieces_note(found.proteins, found.similarity):
        report(f"{found.path}: {note}")


def pieces_note(proteins: Iterable[Protein], similarity: Similarity) -> str:
    """Return a note on the chains that MMseqs2 cannot align as a whole; empty without any."""
    from topo.homology.overlaps import longest_whole
    from topo.homology.search import number_in_pieces

    count = number_in_pieces(proteins, similarity)
    longest = longest_whole(similarity.coverage)
    chains = "1 chain" if count == 1 else f"{count:,} chains"
    return f"{chains} of more than {longest:,} residues compared in pieces" if count else ""
