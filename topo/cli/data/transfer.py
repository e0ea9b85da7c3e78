"""``topo data transfer``: an extra set with labels of homologous proteins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.data.options import (
    Identity,
    Labelled,
    Sensitivity,
    SimilarIds,
    SimilarTo,
    Threads,
    ThreeLine,
    read_types,
)
from topo.cli.verbosity import report

if TYPE_CHECKING:
    from topo.protein import Protein


def transfer(
    file: Labelled,
    to: Annotated[str, typer.Option(help="Proteins that receive the labels of their relatives.")],
    output: ThreeLine,
    similar_from: Annotated[
        str | None,
        typer.Option(help="TSV of the folds that each labelled protein is similar to, in order."),
    ] = None,
    similar_to: SimilarTo = None,
    types: Annotated[
        str, typer.Option(help="Types whose labels are transferred.")
    ] = "TM,SP+TM,BETA",
    identity: Identity = 0.25,
    coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Minimum share of both chains in an alignment.")
    ] = 0.7,
    expectation: Annotated[float, typer.Option(help="Maximum expectation value.")] = 1e-8,
    limit: Annotated[
        int, typer.Option(min=1, help="Maximum number of relatives of one protein.")
    ] = 25,
    sensitivity: Sensitivity = 5.7,
    threads: Threads = 1,
) -> None:
    """Label proteins by the labelled ones they align with, as an extra set. Needs MMseqs2.

    A table beside the output, whose name ends in _similar_folds.tsv, lists the folds that each
    record is similar to (topo train --exclude-similar), with the fold of the protein whose labels
    it has.
    """
    from topo.curation.transfer import transfer_labels
    from topo.homology.search import Similarity
    from topo.io import read_labelled, read_proteins
    from topo.io.ids import plain_id
    from topo.io.similar_folds import LabelledRow, write_extra_set

    wanted = read_types(types)
    labelled = list(read_labelled(file))
    folds = _source_folds(labelled, file, similar_from)
    similar = SimilarIds.of(similar_to).folds
    found = transfer_labels(
        labelled,
        read_proteins(to),
        Similarity(identity, coverage, expectation, sensitivity),
        types=wanted,
        limit=limit,
        threads=threads,
    )
    rows = (
        LabelledRow(
            row.protein, (plain_id(row.source.id), f"{row.identity:.3f}"), folds[id(row.source)]
        )
        for row in found
    )
    write_extra_set(output, ("source", "identity"), rows, similar)
    report(f"{output}: {len(found)} proteins, labels of {len({id(r.source) for r in found})}")


def _source_folds(
    labelled: list[Protein], file: str, similar_from: str | None
) -> dict[int, set[str]]:
    """Return the folds of each labelled protein and those that it is similar to, by ``id()``."""
    from topo.io.similar_folds import read_similar_folds

    folds = [{protein.fold} if protein.fold else set[str]() for protein in labelled]
    if similar_from:
        rows = read_similar_folds(similar_from, file, len(labelled))
        folds = [own | row.folds for own, row in zip(folds, rows, strict=True)]
    return {id(protein): own for protein, own in zip(labelled, folds, strict=True)}
