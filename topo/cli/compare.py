"""``topo compare``: predictors side by side, with a paired bootstrap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.errors import TopoError


def compare(
    predictions: Annotated[
        list[str], typer.Argument(help="Two or more files of predictions, in any format we read.")
    ],
    truth: Annotated[
        str,
        typer.Option(help="Labelled proteins; FILE.json:cv4 for one fold of a partitions file."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for comparison.json and differences.tsv."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    show: Annotated[int, typer.Option(min=0, help="Differing proteins to print.")] = 20,
) -> None:
    """Compare predictors on the proteins that all of them predict, and say where they differ."""
    from rich.console import Console

    from topo.io import read_predictions, read_proteins
    from topo.metrics import comparison
    from topo.report.evaluation_files import file_record, write_comparison
    from topo.report.evaluation_tables import alignment_lines, comparison_tables
    from topo.report.table import rich_table

    if len(predictions) < 2 or len(set(predictions)) < len(predictions):
        raise TopoError(f"found {len(set(predictions))} different files, expected two or more")
    true = list(read_proteins(truth))
    names = _short_names(predictions)
    given = {
        name: list(read_predictions(path, any_letter=True))
        for name, path in zip(names, predictions, strict=True)
    }
    result = comparison.compare(true, given, resamples=resamples, seed=seed)
    console = Console()
    for name, alignment in result.metrics["alignment"].items():
        for line in alignment_lines(alignment):
            console.print(f"{name}: {line}", markup=False, highlight=False)
    for table in comparison_tables(result.metrics):
        console.print(rich_table(table))
    differing = result.differing
    console.print(f"{len(differing)} proteins on which the predictors differ", highlight=False)
    for protein, outcomes in differing[:show]:
        console.print(f"  {protein}: {' | '.join(outcomes)}", markup=False, highlight=False)
    if len(differing) > show:
        where = "differences.tsv" if output else "-o FOLDER writes them all"
        console.print(f"  and {len(differing) - show} more ({where})", highlight=False)
    if output:
        records = dict(zip(names, map(file_record, predictions), strict=True))
        source = {"truth": file_record(truth), "predictions": records}
        write_comparison(result, output, source=source)


def _short_names(paths: list[str]) -> list[str]:
    """File names where they tell the files apart, else the paths."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else paths
