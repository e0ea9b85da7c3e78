"""Protein membrane topology: a graph-convolution and LSTM tagger with a grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topo._version import __version__

if TYPE_CHECKING:
    from topo.inference import load_model, predict
    from topo.variants import scan

__all__ = ["__version__", "load_model", "predict", "scan"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: they import torch, which the command line's help can do without.
    if name in ("load_model", "predict"):
        from topo import inference

        return getattr(inference, name)
    if name == "scan":
        from topo import variants

        return variants.scan
    raise AttributeError(f"module 'topo' has no attribute {name!r}")
