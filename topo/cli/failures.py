"""Handling of errors at the top: one line on standard error and exit code 2."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import tempfile
import traceback

from topo.cli.missing import missing_line
from topo.errors import TopoError

_LITTLE = 1 << 16  # bytes

_DEBUG_HINT = "(topo --debug shows the traceback)"


class Failures:
    """How the command line reports errors.

    Attributes
    ----------
    debug
        Whether to print the traceback before the line; set by ``--debug``.
    """

    debug = False

    def report(self, error: BaseException) -> int:
        """Print an error as one line, and return the exit code."""
        if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) == errno.EPIPE:
            _discard_output()
            return 1
        if isinstance(error, KeyboardInterrupt):
            _print("topo: interrupted")
            return 130
        if self.debug:
            with contextlib.suppress(OSError, ValueError):
                traceback.print_exception(error)
        _print(f"topo: {_line(error)}")
        _discard_output()
        return 2


FAILURES = Failures()


def flush_output() -> None:
    """Write what standard output holds back, so that its errors are raised here."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def accept_any_letter() -> None:
    """Escape letters that the encoding of standard output lacks, instead of raising."""
    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:
        reconfigure(errors="backslashreplace")


def _line(error: BaseException) -> str:
    if isinstance(error, TopoError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (line := missing_line(error)):
        return line
    if isinstance(error, OSError) and error.strerror:
        names = [name for name in (error.filename, error.filename2) if name is not None]
        what = os.fsdecode(names[0]) if names and not isinstance(names[0], int) else None
        if what is None and error.errno == errno.ENOSPC:
            what = _full_folder()
        return str(TopoError(f"{what}: {error.strerror}" if what else error.strerror))
    if isinstance(error, MemoryError):
        return "not enough memory; try smaller batches, fewer processes or shorter chains"
    if isinstance(error, RecursionError):
        return f"an input is nested too deeply {_DEBUG_HINT}"
    text = " ".join(str(error).split())
    if len(text) > 300:
        text = text[:297] + "..."
    return str(TopoError(f"{type(error).__name__}: {text} {_DEBUG_HINT}".replace(":  (", " (")))


def _full_folder() -> str:
    """Name TMPDIR where its file system is full; which output is full is not known here."""
    with contextlib.suppress(OSError):
        folder = tempfile.gettempdir()
        if shutil.disk_usage(folder).free < _LITTLE:
            return f"{folder} (TMPDIR)"
    return "an output or TMPDIR"


def _print(line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)


def _discard_output() -> None:
    """Send what standard output still holds to the null device, which Python flushes at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
