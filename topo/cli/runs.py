"""``topo runs``: table of runs, and comparison of their curves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import split_names
from topo.errors import TopoError

_WIDE = 200  # columns of a table written to a file or another program

runs_app = typer.Typer(help="List runs and compare their curves.")


@runs_app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            "--folder", "-f", help="Path to a folder of runs. By default runs. May be repeated."
        ),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Column to sort by, best value first.")
    ] = "val_topology_accuracy_macro",
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Sort with the worst value first.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to show, separated by commas. By default the main ones."),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(help="Path to a CSV file of all columns; - for standard output.")
    ] = None,
    markdown: Annotated[
        str | None,
        typer.Option(help="Path to a Markdown file of the table; - for standard output."),
    ] = None,
) -> None:
    """List runs: size, best epoch, time and main validation metrics of the written model.

    Unfinished runs are listed below, with the command that continues them; CSV has both.
    """
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from topo.io.files import output_text
    from topo.report import run_table

    shown = split_names(columns) if columns else list(run_table.SHOWN)
    run_table.check_columns(shown)
    folders = folder or [Path("runs")]
    found, unfinished = run_table.find_runs(folders), run_table.find_unfinished(folders)
    rows = run_table.sort_rows([run_table.run_row(run) for run in found], sort, reverse)
    if not rows and not unfinished:
        names = ", ".join(map(str, folders))
        raise TopoError(f"{names}: no finished run here, expected some of topo train")
    if csv:
        with output_text(csv) as file:
            run_table.write_csv([*rows, *map(run_table.run_row, unfinished)], file)
    if markdown:
        with output_text(markdown) as file:
            run_table.write_markdown(rows, shown, file)
    to_file = bool(csv or markdown)
    if rows and not to_file:
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDE)
        console.print(run_table.terminal_table(rows, shown))
    for line in run_table.unfinished_lines(unfinished):
        print(line, file=sys.stderr if to_file else sys.stdout)


@runs_app.command("compare")
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Paths to two or more run folders.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Path to a folder for comparison.png and comparison.html."
        ),
    ] = Path(),
) -> None:
    """Plot the curves of runs together, and list how their configurations differ."""
    from topo.report.run_comparison import write_comparison
    from topo.runs import Run

    if len(folders) < 2:
        raise TopoError(f"found {len(folders)} run, expected two or more")
    found = [Run(folder) for folder in folders]
    for run in found:  # raises their errors before anything is drawn
        run.config()
        run.history()
    for path in write_comparison(found, output):
        print(path)


@runs_app.command("models")
def models(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="CV...", help="Paths to output folders of topo cv."),
    ],
    markdown: Annotated[
        str | None, typer.Option(help="Path to a Markdown file of the table; - for output.")
    ] = None,
) -> None:
    """Compare cross-validations of models of numeric sequences on the same folds.

    The table has mean and deviation of the accuracy over the folds, McNemar's exact test against
    the best model, and the seconds per epoch.
    """
    from rich.console import Console

    from topo.io.files import output_text
    from topo.io.markdown import plain_markdown
    from topo.report.sequence_models import models_table
    from topo.report.table import rich_table

    table = models_table(folders)
    if markdown is None:
        Console().print(rich_table(table))
        return
    head = [column.title for column in table.columns]
    with output_text(markdown) as file:
        for row in (head, ["---"] * len(head), *table.rows):
            cells = row if set(row) == {"---"} else [plain_markdown(cell) for cell in row]
            file.write(f"| {' | '.join(cells)} |\n")
