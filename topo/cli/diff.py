"""``topo diff``: comparison of the topologies of related proteins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.options import ModelName, TorchThreads
from topo.cli.prediction_options import STANDARD_OUTPUT
from topo.cli.progress import residues_progress
from topo.cli.verbosity import report

if TYPE_CHECKING:
    from topo.protein import Prediction


def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="FIRST",
            help="Path to topologies (3-line, JSON lines, GFF3, ...) or to sequences, which are "
            "predicted.",
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="SECOND",
            help="Path to the topologies or sequences to compare with, by id. By default all "
            "proteins of FIRST are compared with each other.",
        ),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(help="Path to a table of pairs: two ids per line, separated by a tab."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Path to the output folder, or - for the table of segments on standard output.",
        ),
    ] = Path("diff"),
    model: ModelName = None,
    threads: TorchThreads = 0,
) -> None:
    """Compare topologies of isoforms, orthologues or two predictions, segment by segment.

    The sequences are aligned. Output files: segment_differences.tsv, pairs.tsv and diff.html.
    """
    from topo.differences import compare, mean_consistency
    from topo.differences.pairs import all_pairs, pairs_by_id, read_pairs
    from topo.differences.table import PAIRS, SEGMENTS, write_pairs, write_segments
    from topo.inference import set_threads
    from topo.io.files import atomic_text, remove_temporary
    from topo.report.differences_page import differences_page

    set_threads(threads)
    ours = _topologies(first, model)
    theirs = ours if second is None else _topologies(second, model)
    if pairs is not None:
        chosen = read_pairs(pairs, ours, theirs)
    else:
        chosen = all_pairs(ours) if second is None else pairs_by_id(ours, theirs)
    found = [compare(*pair) for pair in chosen]
    if str(output) == STANDARD_OUTPUT:
        write_segments(found, STANDARD_OUTPUT)
        return
    remove_temporary(output, (SEGMENTS, PAIRS, "diff.html"))  # of a process that was killed
    write_segments(found, output / SEGMENTS)
    write_pairs(found, output / PAIRS)
    source = first if second is None else f"{first} and {second}"
    with atomic_text(output / "diff.html") as stream:
        stream.write(differences_page(found, source))
    same = sum(difference.same_topology for difference in found)
    mean = mean_consistency(found)
    report(f"{len(found):,} pairs, {same:,} with the same topology; mean consistency {mean:.3f}")
    for name in (SEGMENTS, PAIRS, "diff.html"):
        report(output / name)


def _topologies(path: str, model: str | None) -> list[Prediction]:
    """Read topologies; predict the proteins that have none."""
    from topo.inference import predict
    from topo.io.readers import read_any
    from topo.io.streams import keep_standard_input
    from topo.io.three_line import as_prediction
    from topo.protein import Prediction

    if path == STANDARD_OUTPUT:
        keep_standard_input()
    records = list(read_any(path))
    found = {
        index: record if isinstance(record, Prediction) else as_prediction(record)
        for index, record in enumerate(records)
        if record.labels is not None
    }
    missing = [
        (index, record)
        for index, record in enumerate(records)
        if index not in found and not isinstance(record, Prediction)
    ]
    if missing:
        proteins = [record for _, record in missing]
        with residues_progress(sum(map(len, proteins))) as advance:
            for (index, protein), prediction in zip(missing, predict(proteins, model), strict=True):
                found[index] = prediction
                advance(len(protein))
    return [found[index] for index in range(len(records))]
