"""Clock that measures the seconds of each stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


class StageClock:
    """Clock that sums the seconds of each stage; an inner stage does not count for the outer one.

    Attributes
    ----------
    seconds
        Seconds by name of the stage, in the order in which the stages first started.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    @property
    def total(self) -> float:
        """Sum of the seconds of all stages."""
        return sum(self.seconds.values())

    def begin(self, name: str) -> None:
        """Start a stage."""
        self._book()
        self.seconds.setdefault(name, 0.0)
        self._open.append(name)

    def end(self) -> None:
        """End the stage that was started last."""
        self._book()
        self._open.pop()

    def _book(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as a stage."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls are timed as a stage."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **named)

        return timed

    def watch(self, name: str, module: nn.Module) -> None:
        """Time all further forward passes of a module as a stage."""
        module.register_forward_pre_hook(lambda *_: self.begin(name))
        module.register_forward_hook(lambda *_: self.end())

    def report(self) -> dict[str, dict[str, float]]:
        """Return the ``seconds`` of each stage and its ``share`` of the total."""
        return {
            name: {"seconds": seconds, "share": seconds / self.total}
            for name, seconds in self.seconds.items()
        }
