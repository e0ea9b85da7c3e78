"""Ctrl-C that never cuts a record in two."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Raises KeyboardInterrupt on Ctrl-C at once, or after what is :meth:`held`.

    A context manager, in whose block it holds; a second Ctrl-C is never held back. Where another
    handler than Python's own is installed, it stays.
    """

    def __init__(self) -> None:
        self._holding = self._came = self._installed = False

    def __enter__(self) -> Interrupt:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._handle)
                self._installed = True
            except ValueError:  # not in the main thread, which alone has signals
                pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block end before an interrupt is raised."""
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
