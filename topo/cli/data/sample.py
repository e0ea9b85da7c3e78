"""``topo data sample``: an extra set drawn by protein type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.data.options import Apart, Labelled, SimilarIds, SimilarTo, ThreeLine
from topo.cli.options import split_names
from topo.cli.verbosity import report

if TYPE_CHECKING:
    from topo.protein import Protein


def sample(
    file: Labelled,
    output: ThreeLine,
    share: Annotated[
        str,
        typer.Option(
            help="Share of each type to draw, e.g. GLOB=0.06,SP=0.25; other types are kept whole."
        ),
    ] = "",
    similar_to: SimilarTo = None,
    apart: Apart = "",
    shortest: Annotated[int, typer.Option(min=1, help="Minimum number of residues.")] = 1,
    longest: Annotated[int | None, typer.Option(min=1, help="Maximum number of residues.")] = None,
    confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Minimum confidence of a prediction; needs --summary."),
    ] = 0.0,
    summary: Annotated[
        str | None, typer.Option(help="Path to the summary.tsv of the predictions.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Draw proteins by type, such as a model's predictions, as an extra set.

    A table beside the output, whose name ends in _similar_folds.tsv, lists the folds that each
    record is similar to (topo train --exclude-similar). The model that labelled the proteins must
    not have been trained on the folds to evaluate.
    """
    import math
    from collections import Counter

    from topo.curation.draw import draw_by_type
    from topo.io import read_labelled
    from topo.io.similar_folds import LabelledRow, write_extra_set
    from topo.labels import TYPES, protein_type

    similar = SimilarIds.of(similar_to, apart)
    drawn = list(
        draw_by_type(
            _confident(confidence, summary, similar.keep(read_labelled(file))),
            _shares(share),
            shortest,
            longest or math.inf,
            seed,
        )
    )
    rows = (LabelledRow(protein, (), set()) for protein in drawn)
    write_extra_set(output, (), rows, similar.folds)
    counts = Counter(protein_type(protein.labels or "") for protein in drawn)
    types = ", ".join(f"{counts[kind]} {kind}" for kind in TYPES if counts[kind])
    report(f"{output}: {len(drawn)} proteins ({types or 'none'})")


def _shares(text: str) -> dict[str, float]:
    """Read ``GLOB=0.06,SP=0.25``."""
    from topo.errors import TopoError
    from topo.labels import TYPES

    shares = {}
    for part in split_names(text) if text else []:
        kind, _, number = part.partition("=")
        try:
            shares[kind] = float(number)
        except ValueError:
            shares[kind] = -1.0
        if kind not in TYPES or not 0 <= shares[kind] <= 1:
            raise TopoError(
                f"--share: found {part!r}, expected TYPE=SHARE with one of {', '.join(TYPES)} "
                "and a share from 0 to 1"
            )
    return shares


def _confident(least: float, summary: str | None, proteins: Iterable[Protein]) -> Iterator[Protein]:
    """Yield the proteins of a minimum confidence in ``--summary``; all proteins without it."""
    from topo.errors import TopoError
    from topo.io.summary import read_confidences

    if bool(least) != bool(summary):
        raise TopoError("found one of --confidence and --summary, expected both")
    found = read_confidences(summary) if summary else {}
    return (protein for protein in proteins if found.get(protein.id, 0.0) >= least)
