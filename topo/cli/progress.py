"""Progress bar of a prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from topo.cli.verbosity import is_quiet


@contextmanager
def residues_progress(residues: int) -> Iterator[Callable[[int], None]]:
    """Show the residues done and the time left, on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("predicting"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} residues"),
        TimeRemainingColumn(),
        console=console,
        disable=is_quiet() or not console.is_terminal,
    ) as bar:
        task = bar.add_task("predict", total=residues)
        yield lambda done: bar.advance(task, done)
