"""The ``topo`` command: its verbs, warnings and errors."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from topo._version import DISTRIBUTION, __version__
from topo.caches.folders import redirect_libraries
from topo.cli.bench import bench
from topo.cli.compare import compare
from topo.cli.config_options import ConfigCommand
from topo.cli.convert import convert
from topo.cli.cv import CrossValidationCommand, cv
from topo.cli.data.app import data_app
from topo.cli.diff import diff
from topo.cli.embed import embed
from topo.cli.ensemble import ensemble
from topo.cli.evaluate import evaluate
from topo.cli.failures import FAILURES, accept_any_letter, flush_output
from topo.cli.grammar import grammar
from topo.cli.interrupt import repeated_interrupts
from topo.cli.models import models_app
from topo.cli.options import Verbs
from topo.cli.predict import predict
from topo.cli.pretrain import PretrainingCommand, pretrain
from topo.cli.runs import runs_app
from topo.cli.scan import scan
from topo.cli.serve import serve
from topo.cli.shards import shards_app
from topo.cli.sweep import SweepCommand, sweep
from topo.cli.train import train
from topo.cli.verbosity import logged
from topo.cli.warm_up import warm_up
from topo.errors import InputWarning

app = typer.Typer(
    name="topo",
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"topo {__version__} (distribution {DISTRIBUTION})")
        raise typer.Exit


@app.callback()
def _topo(
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error before its message.")
    ] = False,
) -> None:
    """Protein membrane topology from sequence: train, evaluate, predict."""
    FAILURES.debug = debug


app.command("bench")(bench)
app.command("compare")(compare)
app.command("convert")(convert)
app.command("cv", cls=CrossValidationCommand)(cv)
app.command("diff")(diff)
app.command("embed")(embed)
app.command("ensemble")(ensemble)
app.command("evaluate")(evaluate)
app.command("grammar")(grammar)
app.command("predict")(predict)
app.command("pretrain", cls=PretrainingCommand)(pretrain)
app.command("scan")(scan)
app.command("serve")(serve)
app.command("sweep", cls=SweepCommand)(sweep)
app.command("train", cls=ConfigCommand)(train)
app.command("warm-up")(warm_up)
app.add_typer(models_app, name="models", cls=Verbs)
app.add_typer(data_app, name="data", cls=Verbs)
app.add_typer(runs_app, name="runs", cls=Verbs)
app.add_typer(shards_app, name="shards", cls=Verbs)


def _show_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    if issubclass(category, InputWarning):
        print(f"topo: warning: {message}", file=sys.stderr)
    else:
        _python_shows(message, category, *place)


_python_shows = warnings.showwarning


def main() -> None:
    """Run the command line."""
    warnings.showwarning = _show_warning
    redirect_libraries()
    accept_any_letter()
    try:
        with logged(), repeated_interrupts():
            try:
                app()
            finally:
                flush_output()
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(FAILURES.report(error))
