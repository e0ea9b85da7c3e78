"""``topo runs``: finished runs in a table, and their curves over each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import split_names
from topo.errors import TopoError

_WIDE = 200  # columns where the table goes to a file or another program

runs_app = typer.Typer(help="List finished runs; compare their curves.")


@runs_app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    folder: Annotated[
        list[Path] | None,
        typer.Option("--folder", "-f", help="Folder of runs, runs by default; several allowed."),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Column to sort by, best first.")
    ] = "val_topology_accuracy_macro",
    reverse: Annotated[bool, typer.Option("--reverse", help="Worst first.")] = False,
    columns: Annotated[
        str | None, typer.Option(help="Columns to show, separated by commas.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option(help="Write all columns to a CSV file; - for standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(help="Write Markdown to a file; - for standard output.")
    ] = None,
) -> None:
    """List finished runs: size, best epoch, time and headline figures of the best epoch."""
    if context.invoked_subcommand:
        return
    from rich.console import Console

    from topo.io.files import output_text
    from topo.report import run_table

    shown = split_names(columns) if columns else list(run_table.SHOWN)
    run_table.check_columns(shown)
    folders = folder or [Path("runs")]
    rows = [run_table.run_row(run) for run in run_table.find_runs(folders)]
    if not rows:
        names = ", ".join(map(str, folders))
        raise TopoError(f"{names}: no finished run here, expected some of topo train")
    rows = run_table.sort_rows(rows, sort, reverse)
    if csv:
        with output_text(csv) as file:
            run_table.write_csv(rows, file)
    if markdown:
        with output_text(markdown) as file:
            run_table.write_markdown(rows, shown, file)
    if not csv and not markdown:
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDE)
        console.print(run_table.terminal_table(rows, shown))


@runs_app.command("compare")
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for comparison.png and comparison.html.")
    ] = Path(),
) -> None:
    """Draw the curves of runs over each other, and say what differs between them."""
    from topo.report.run_comparison import write_comparison
    from topo.runs import Run

    if len(folders) < 2:
        raise TopoError(f"found {len(folders)} run, expected two or more")
    found = [Run(folder) for folder in folders]
    for run in found:
        run.config(), run.history()  # complain before anything is drawn
    for path in write_comparison(found, output):
        print(path)
