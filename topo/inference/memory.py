"""Batch size for the memory of this machine."""

from __future__ import annotations

import os
from pathlib import Path

FASTEST = 8_192
"""Number of padded residues per batch above which prediction is not faster.

Larger batches need more padding and exceed the processor's caches. Measured for topo-base on one
core with 238 proteins of the DeepTMHMM set sorted by length, in microseconds of CPU time per
residue in float32 and bfloat16, with the share of padding in brackets: 33 and 19 (.04) with 4,000
residues, 31 and 16 (.07) with 8,000, 33 and 19 (.17) with 16,000, 42 and 22 (.22) with 32,000.
"""

_BYTES = 40_000  # bytes per residue: five times the peak of topo-base, to allow for wider models
_SHARE = 4  # a quarter of the available memory is used for batches
_LEAST = 1024
_UNKNOWN = 4 << 30


def default_batch_residues(processes: int = 1) -> int:
    """Return the number of padded residues per batch, :data:`FASTEST` or what fits in memory.

    The processes share a quarter of the available memory, at 40 kB per residue. The number is
    rounded down to a power of two, so that it rarely depends on other programs.

    Parameters
    ----------
    processes
        Number of processes that predict at the same time.
    """
    residues = available_memory() // (_SHARE * _BYTES * max(processes, 1))
    return max(_LEAST, min(FASTEST, 1 << max(residues.bit_length() - 1, 0)))


def available_memory(root: Path = Path("/")) -> int:
    """Return the available memory in bytes, within the limit of the container if it has one."""
    found = [_free(root), _left_in_container(root / "sys/fs/cgroup")]
    return min((value for value in found if value is not None), default=_UNKNOWN)


def _free(root: Path) -> int | None:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # macOS, Windows
        return None


def _left_in_container(folder: Path) -> int | None:
    try:
        limit = int((folder / "memory.max").read_text())
        return max(limit - int((folder / "memory.current").read_text()), 0)
    except (OSError, ValueError):  # no control groups, or "max"
        return None
