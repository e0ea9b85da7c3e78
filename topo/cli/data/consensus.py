"""``topo data consensus``: an extra set with labels of a model's averaged predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.cli.data.options import (
    Apart,
    Labelled,
    Sensitivity,
    SimilarIds,
    SimilarTo,
    Threads,
    ThreeLine,
    read_types,
)
from topo.cli.verbosity import report


def consensus(
    file: Labelled,
    output: ThreeLine,
    to: Annotated[
        str | None,
        typer.Option(
            help="Proteins to search for relatives; without it the labelled proteins themselves "
            "(e.g. predictions of topo predict) are labelled anew."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Path to a checkpoint or run; default: the bundled model."
        ),
    ] = None,
    similar_to: SimilarTo = None,
    apart: Apart = "",
    types: Annotated[str, typer.Option(help="Protein types of the families.")] = "BETA",
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Minimum probability of a certain label.")
    ] = 0.7,
    known: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Minimum share of certain labels in a protein.")
    ] = 0.5,
    segments: Annotated[int, typer.Option(min=1, help="Minimum number of membrane segments.")] = 1,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Keep the uncertain labels of the proteins that are kept."),
    ] = False,
    soft: Annotated[
        Path | None,
        typer.Option(
            help="Path to an HDF5 file of the averaged label probabilities, a teacher for topo "
            "train --teacher."
        ),
    ] = None,
    iterations: Annotated[
        int, typer.Option(min=1, help="Number of rounds of search for relatives.")
    ] = 3,
    sensitivity: Sensitivity = 5.7,
    threads: Threads = 1,
) -> None:
    """Label families of proteins by a model's averaged predictions, as an extra set.

    Searches for remote relatives of the labelled proteins (or takes these), keeps those to which
    the model assigns one of the types, aligns them with each other and averages the posteriors.
    Residues whose averaged posterior is certain are labelled; the others stay unknown, or receive
    the most probable label (--complete). A table beside the output, whose name ends in
    _similar_folds.tsv, lists the folds that each record is similar to (topo train
    --exclude-similar). The model must not have been trained on the folds to evaluate. Needs
    MMseqs2.
    """
    from topo.curation.consensus import Trust, label_families
    from topo.inference import load_model
    from topo.io import read_labelled, read_proteins
    from topo.io.similar_folds import LabelledRow, write_extra_set

    similar = SimilarIds.of(similar_to, apart)
    wanted, checkpoint = read_types(types), load_model(model)
    found = label_families(
        list(read_labelled(file) if to else similar.keep(read_labelled(file))),
        list(similar.keep(read_proteins(to))) if to else None,
        checkpoint,
        types=wanted,
        trust=Trust(least, known, segments, complete),
        iterations=iterations,
        sensitivity=sensitivity,
        threads=threads,
    )
    if soft is not None:
        from topo.training.distillation import write_soft_labels

        pairs = [(row.protein, row.soft) for row in found if row.soft is not None]
        write_soft_labels(soft, pairs)
    rows = (
        LabelledRow(row.protein, (str(row.relatives), f"{row.known:.3f}"), set()) for row in found
    )
    write_extra_set(output, ("relatives", "known"), rows, similar.folds)
    report(f"{output}: {len(found)} proteins")
