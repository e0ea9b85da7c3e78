"""Seconds by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


class StageClock:
    """Adds up the seconds spent in each stage; a stage within another counts for itself alone.

    Attributes
    ----------
    seconds
        By the name of the stage, in the order in which the stages first began.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    @property
    def total(self) -> float:
        """Seconds in all stages."""
        return sum(self.seconds.values())

    def begin(self, name: str) -> None:
        """Enter a stage."""
        self._book()
        self.seconds.setdefault(name, 0.0)
        self._open.append(name)

    def end(self) -> None:
        """Leave the stage entered last."""
        self._book()
        self._open.pop()

    def _book(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block as a stage."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls count as a stage."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **named)

        return timed

    def watch(self, name: str, module: nn.Module) -> None:
        """Count the forward passes of a module as a stage, from now on."""
        module.register_forward_pre_hook(lambda *_: self.begin(name))
        module.register_forward_hook(lambda *_: self.end())

    def report(self) -> dict[str, dict[str, float]]:
        """Return ``seconds`` and ``share`` (of all stages) of each stage."""
        return {
            name: {"seconds": seconds, "share": seconds / self.total}
            for name, seconds in self.seconds.items()
        }
