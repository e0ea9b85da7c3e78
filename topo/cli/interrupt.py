"""Handling of Ctrl-C between records, and where Python ignores exceptions."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.05  # seconds


@contextmanager
def repeated_interrupts() -> Iterator[None]:
    """Repeat a Ctrl-C that came where Python ignores exceptions, as when an object is deleted."""
    report = sys.unraisablehook

    def repeat(lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            threading.Timer(_AGAIN, signal.raise_signal, [signal.SIGINT]).start()
        else:
            report(lost)

    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = report


class Interrupt:
    """Context manager that raises KeyboardInterrupt on Ctrl-C, but not inside :meth:`held`.

    A second Ctrl-C is raised at once. A signal handler other than Python's default stays in place.
    """

    def __init__(self) -> None:
        self._holding = self._came = self._installed = False

    def __enter__(self) -> Interrupt:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._handle)
                self._installed = True
            except ValueError:  # only the main thread handles signals
                pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay an interrupt to the end of the block."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._holding and not self._came:
            self._came = True
        else:
            raise KeyboardInterrupt
