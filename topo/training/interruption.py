"""End of a training by Ctrl-C or SIGTERM: exit code and the command that resumes it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from topo.runs import Run

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN = 0.05  # seconds


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
    signal has its usual effect. Of nested blocks the outer one handles the signal. A signal that
    comes where Python ignores exceptions, such as the deletion of an object, is repeated.

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

    report = sys.unraisablehook

    def restore() -> None:
        for number in replaced:
            signal.signal(number, before[number])

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        raise _Came(number)

    def repeat(lost: sys.UnraisableHookArgs) -> None:
        if not isinstance(lost.exc_value, _Came):
            report(lost)
            return
        for number in replaced:
            signal.signal(number, handle)
        threading.Timer(_AGAIN, signal.raise_signal, [lost.exc_value.number]).start()

    replaced = _replace(handle, before)
    if replaced:
        sys.unraisablehook = repeat
    try:
        yield
    except BaseException as end:
        came = _signal_of(end)
        if came is None:
            raise
        if isinstance(came, _Came) and not replaced:  # that of an outer block
            raise came from None
        number = getattr(came, "number", None)
        if number is None:  # not by our handler
            number = signal.SIGINT if isinstance(came, KeyboardInterrupt) else signal.SIGTERM
        _say(run, number)
        raise Interrupted(number) from None
    finally:
        restore()
        if replaced:
            sys.unraisablehook = report


def _signal_of(end: BaseException) -> BaseException | None:
    """Return the signal that an exception is, or that led to it while things were cleaned up."""
    if isinstance(end, (SIGTERMException, KeyboardInterrupt)):
        return end
    earlier: BaseException | None = end
    while earlier is not None and not isinstance(earlier, _Came):
        earlier = earlier.__context__
    return earlier


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
