"""Checks of weights before a model is built from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

POSITIVE = ("label_temperature",)
"""Names of weights that must be above zero."""

_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)
_SPARE = 10_000_000
"""Values that a model may allocate beside its weights."""


def first_bad_value(weights: Mapping[str, Tensor]) -> str | None:
    """Describe the first weight whose values no model can have: not finite, or not positive.

    Parameters
    ----------
    weights
        Weights by name.

    Returns
    -------
    str or None
        What was found and expected; None if all values are usable.
    """
    for name, weight in weights.items():
        bad = ~weight.isfinite()
        if bad.any():
            return f"found {float(weight[bad][0])} in {name}, expected finite numbers"
        if name in POSITIVE and (weight <= 0).any():
            return f"found {float(weight.min())} in {name}, expected a number above 0"
    return None


def first_misfit(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> str | None:
    """Describe the first weight that does not fit an architecture, whatever its size.

    The architecture is built once for its shapes. If that takes much more memory than the weights,
    it is built again without memory, so that one of terabytes is refused as fast as any other.

    Parameters
    ----------
    build
        Function that builds the model.
    weights
        Weights by name.

    Returns
    -------
    str or None
        What was found and expected; None if all weights fit.
    """
    try:
        expected = _shapes(build, sum(weight.numel() for weight in weights.values()))
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError):
        return "the architecture is too large"
    for name in [*expected, *weights]:
        found, wanted = (
            "none" if name not in tree else "x".join(map(str, tree[name])) or "one number"
            for tree in ({key: weight.shape for key, weight in weights.items()}, expected)
        )
        if found != wanted:
            return f"found {name} of shape {found}, expected {wanted}"
    return None


def _shapes(build: Callable[[], nn.Module], size: int) -> dict[str, torch.Size]:
    """Return the shapes of a model's weights, by name."""
    with torch.random.fork_rng(devices=[]):  # a draw would change those of a training
        try:
            with _Limited(2 * size + _SPARE):
                model = build()
        except _TooLargeError:
            # torch imports its compiler for this, which takes a second
            with torch.device("meta"), _ConstantsWithMemory():
                model = build()
    return {name: weight.shape for name, weight in model.state_dict().items()}


class _TooLargeError(Exception):
    """Raised within :class:`_Limited`."""


class _Limited(TorchFunctionMode):
    """Raises before more than a number of values are allocated, and draws no initial weights."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs.get("tensor", args[0] if args else None)
        if func in _FACTORIES:
            size = kwargs.get("size", args[:1] if func is torch.full else args)
            self._left -= math.prod(chain.from_iterable(map(_sizes, size)))
            if self._left < 0:
                raise _TooLargeError
        return func(*args, **kwargs)


def _sizes(size: int | Sequence[int]) -> Sequence[int]:
    return (size,) if isinstance(size, int) else size


class _ConstantsWithMemory(TorchFunctionMode):
    """Makes small constants on the CPU, because constructors of modules read their values."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (torch.tensor, torch.linspace):
            kwargs = {"device": "cpu", **(kwargs or {})}
        return func(*args, **(kwargs or {}))
