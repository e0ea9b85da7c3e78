"""Choice of float32 or bfloat16 for a device."""

from __future__ import annotations

import torch

from topo.config import Config
from topo.errors import ConfigError

PRECISIONS = ("auto", "32", "bf16")


def bfloat16_pays(device: str) -> bool:
    """Return whether a device multiplies bfloat16 in hardware (AMX, AVX-512 BF16; Ampere on)."""
    if device.startswith(("cuda", "gpu")) or (device == "auto" and torch.cuda.is_available()):
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def training_precision(config: Config) -> str:
    """Resolve the precision of a training: ``bf16`` or ``32``."""
    training = config.training
    return resolve_precision(training.precision, training.accelerator, config.model.recurrent.cell)


def lightning_precision(config: Config) -> str:
    """Name the precision of a training as Lightning does."""
    return {"bf16": "bf16-mixed", "32": "32-true"}[training_precision(config)]


def resolve_precision(precision: str, device: str, cell: str) -> str:
    """Resolve ``auto`` to ``bf16`` where it is faster on the device, otherwise to ``32``.

    Torch has no quick GRU for CPUs, and what it has takes twice as long in bfloat16 as in float32
    (250 against 121 microseconds a residue, two layers of 64, forward and backward).

    Parameters
    ----------
    precision
        ``auto``, ``32`` or ``bf16``.
    device
        Torch device, or accelerator of a training.
    cell
        Recurrent cell, ``lstm`` or ``gru``.

    Raises
    ------
    ConfigError
        If the precision is none of :data:`PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"found precision {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    slow = cell == "gru" and not device.startswith(("cuda", "gpu"))
    return "bf16" if bfloat16_pays(device) and not slow else "32"
