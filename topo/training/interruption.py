"""End of a training by Ctrl-C or SIGTERM: exit code and the command that resumes it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from topo.runs import Run

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SystemExit):
    """End of the program by a signal; the exit code is 128 and its number, as in a shell."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class _Came(BaseException):
    """A signal, which is no KeyboardInterrupt: for that, Lightning ends with exit code 1."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible(run: Run | None = None) -> Iterator[None]:
    """Turn SIGINT and SIGTERM in the block into :class:`Interrupted`, after one line on stderr.

    Handlers of the calling program stay in place, and so does a signal that is ignored. A second
    signal has its usual effect. Of nested blocks the outer one handles the signal.

    Parameters
    ----------
    run
        Run that the block trains; the line names the command that resumes it. None for a verb
        that continues when it is called again.

    Raises
    ------
    Interrupted
        If a signal came.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number in replaced:
            signal.signal(number, before[number])

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        raise _Came(number)

    replaced = _replace(handle, before)
    try:
        yield
    except (_Came, SIGTERMException, KeyboardInterrupt) as end:
        if isinstance(end, _Came) and not replaced:  # that of an outer block
            raise
        number = getattr(end, "number", None)
        if number is None:  # not by our handler
            number = signal.SIGINT if isinstance(end, KeyboardInterrupt) else signal.SIGTERM
        _say(run, number)
        raise Interrupted(number) from None
    finally:
        restore()


def _replace(handle: Any, before: dict[signal.Signals, Any]) -> list[signal.Signals]:
    """Install a handler where Python's own is; return the signals for which it is installed."""
    replaced = []
    for number in _SIGNALS:
        if before[number] in (signal.default_int_handler, signal.SIG_DFL):
            try:
                signal.signal(number, handle)
            except ValueError:  # only the main thread handles signals
                return replaced
            replaced.append(number)
    return replaced


def stop_other_processes(trainer: pl.Trainer) -> None:
    """End the other processes of a training on several devices."""
    launcher = trainer.strategy.launcher
    if launcher is not None:
        launcher.kill(signal.SIGTERM)


def _say(run: Run | None, number: int) -> None:
    if rank_zero_only.rank:
        return
    what = "interrupted" if number == signal.SIGINT else "stopped by SIGTERM"
    if run is None:
        what += "; the same command continues"
    elif (run.path / "config.yaml").is_file():
        what += f" after {run.progress()}; to continue: {run.resume_command()}"
    print(f"topo: {what}", file=sys.stderr, flush=True)
