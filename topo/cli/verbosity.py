"""The options ``-q`` and ``-v`` of all verbs, and the lines that they select.

Errors, warnings and results are always printed. Notes are records of the loggers of ``topo``:
progress has the level INFO, details have DEBUG.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from topo.errors import ConfigError

QUIET, NORMAL, VERBOSE = logging.WARNING, logging.INFO, logging.DEBUG

_LOG = logging.getLogger("topo")


class _Lines(logging.Handler):
    """Handler that prints records to the current standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        start = "topo: warning: " if record.levelno >= logging.WARNING else ""
        print(start + record.getMessage(), file=sys.stderr, flush=True)


_HANDLER = _Lines()


@contextmanager
def logged() -> Iterator[None]:
    """Print the records of the loggers of ``topo`` during a command, and its time with ``-v``."""
    before, started = _LOG.level, time.monotonic()
    _LOG.setLevel(NORMAL)
    _LOG.addHandler(_HANDLER)
    try:
        yield
    finally:
        detail(f"finished in {time.monotonic() - started:.1f} s")
        _LOG.removeHandler(_HANDLER)
        _LOG.setLevel(before)


def is_quiet() -> bool:
    """Return whether ``-q`` is set."""
    return _LOG.level == QUIET


def shows_progress() -> bool:
    """Return whether progress bars are shown: on a terminal, without ``-q``."""
    return sys.stderr.isatty() and not is_quiet()


def note(line: str) -> None:
    """Print a line of progress to standard error, unless ``-q`` is set."""
    _LOG.info(line)


def detail(line: str) -> None:
    """Print a line to standard error if ``-v`` is set."""
    _LOG.debug(line)


def report(line: object) -> None:
    """Print what a command has written to standard output, unless ``-q`` is set."""
    if not is_quiet():
        typer.echo(line)


def add_options(verb: Any) -> None:
    """Add ``-q`` and ``-v`` to a verb, once."""
    if not any(parameter.name == "quiet" for parameter in verb.params):
        verb.params += [option for option in _options() if option.name in ("quiet", "verbose")]


def _options() -> list[Any]:
    """Return the options of a command that has only these two."""
    app = typer.Typer(add_completion=False)
    app.command()(_with_options)
    return typer.main.get_command(app).params


def _setter(level: int) -> Callable[[bool], None]:
    def set_level(given: bool) -> None:
        if not given:
            return
        if _LOG.level not in (NORMAL, level):
            raise ConfigError("found -q and -v, expected one of them")
        _LOG.setLevel(level)

    return set_level


def _with_options(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print only results, warnings and errors.",
            callback=_setter(QUIET),
            expose_value=False,
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Also print details of the work and its time.",
            callback=_setter(VERBOSE),
            expose_value=False,
        ),
    ] = False,
) -> None:
    pass
