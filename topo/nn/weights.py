"""Checks of weights before a model is built from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

POSITIVE = ("label_temperature",)
"""Names of weights that must be above zero."""


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

    The architecture is built without memory for its weights, so that one of terabytes is refused
    as fast as any other.

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
        with torch.device("meta"), _ConstantsWithMemory():
            expected = build().state_dict()
    except (RuntimeError, TypeError, ValueError, OverflowError, MemoryError):
        return "the architecture is too large"
    for name in [*expected, *weights]:
        found, wanted = (
            "none" if name not in tree else "x".join(map(str, tree[name].shape)) or "one number"
            for tree in (weights, expected)
        )
        if found != wanted:
            return f"found {name} of shape {found}, expected {wanted}"
    return None


class _ConstantsWithMemory(TorchFunctionMode):
    """Makes small constants on the CPU, because constructors of modules read their values."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (torch.tensor, torch.linspace):
            kwargs = {"device": "cpu", **(kwargs or {})}
        return func(*args, **(kwargs or {}))
