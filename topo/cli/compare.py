"""``topo compare``: comparison of predictors with a paired bootstrap."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import TRUTH, BootstrapSeed, PredictionFormat
from topo.errors import TopoError, printable


def compare(
    predictions: Annotated[
        list[str],
        typer.Argument(help="Two or more files of predictions in any format that topo reads."),
    ],
    truth: Annotated[str, TRUTH],
    input_format: PredictionFormat = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Path to a folder for comparison.json and differences.tsv."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Number of bootstrap resamples.")] = 1000,
    seed: BootstrapSeed = 0,
    show: Annotated[
        int, typer.Option(min=0, help="Maximum number of differing proteins to print.")
    ] = 20,
    grammar: Annotated[
        str | None,
        typer.Option(help="Grammar file whose labels the files have. By default the six labels."),
    ] = None,
) -> None:
    """Compare predictors on the proteins that all of them predict, and list the differences."""
    from rich.console import Console

    from topo.io import read_predictions, read_proteins
    from topo.io.grammar import find_grammar
    from topo.metrics import comparison
    from topo.metrics.own_labels import in_common_labels
    from topo.report.evaluation_files import file_record, write_comparison
    from topo.report.evaluation_tables import alignment_lines, comparison_tables
    from topo.report.table import rich_table

    if len(predictions) < 2 or len(set(predictions)) < len(predictions):
        raise TopoError(f"found {len(set(predictions))} different files, expected two or more")
    scheme = find_grammar(grammar).scheme
    true = list(read_proteins(truth, scheme=scheme))
    names = _short_names(predictions)
    read = partial(read_predictions, any_letter=True, form=input_format, scheme=scheme)
    given = {name: list(read(path)) for name, path in zip(names, predictions, strict=True)}
    true, given = in_common_labels(true, given, scheme)
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
        line = printable(f"  {protein}: {' | '.join(outcomes)}")
        console.print(line, markup=False, highlight=False)
    if len(differing) > show:
        where = "differences.tsv" if output else "-o FOLDER writes them all"
        console.print(f"  and {len(differing) - show} more ({where})", highlight=False)
    if output:
        records = dict(zip(names, map(file_record, predictions), strict=True))
        source = {"truth": file_record(truth), "predictions": records}
        write_comparison(result, output, source=source)


def _short_names(paths: list[str]) -> list[str]:
    """Return the file names if they are unique, else the paths."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else paths
