"""When bfloat16 pays."""

from __future__ import annotations

from typing import Protocol

import torch

from topo.errors import ConfigError

PRECISIONS = ("auto", "32", "bf16")


class _Wishes(Protocol):
    precision: str
    accelerator: str


def bfloat16_pays(device: str) -> bool:
    """Tell whether the device multiplies bfloat16 in hardware (AMX or AVX-512 BF16; Ampere on)."""
    if device.startswith(("cuda", "gpu")) or (device == "auto" and torch.cuda.is_available()):
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


def autocast_precision(wishes: _Wishes) -> str:
    """Resolve ``auto`` to ``bf16`` or ``32`` for the accelerator that is asked for."""
    return resolve_precision(wishes.precision, wishes.accelerator)


def resolve_precision(precision: str, device: str) -> str:
    """Resolve ``auto`` to ``bf16`` where that pays on the device, else to ``32``.

    Raises
    ------
    ConfigError
        If the precision is none of :data:`PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"found precision {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bf16" if bfloat16_pays(device) else "32"
