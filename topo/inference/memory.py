"""How large a batch may be on this machine."""

from __future__ import annotations

import os
from pathlib import Path

FASTEST = 8_192
"""Padded residues in a batch beyond which prediction gets no faster.

Larger batches pad more and outgrow the processor's caches. Measured for topo-base on one core, 238
proteins of the DeepTMHMM set sorted by length, microseconds of CPU time a residue in float32 and
bfloat16, and share of padding: 33 and 19 (.04) with 4,000 residues, 31 and 16 (.07) with 8,000, 33
and 19 (.17) with 16,000, 42 and 22 (.22) with 32,000.
"""

_BYTES = 40_000  # five times what a residue takes at the peak of topo-base, for wider models
_SHARE = 4  # a quarter of the free memory goes to batches
_LEAST = 1024
_UNKNOWN = 4 << 30


def default_batch_residues(processes: int = 1) -> int:
    """Choose the padded residues in a batch: :data:`FASTEST`, fewer where memory is short.

    A quarter of the memory at hand is shared by the processes, at 40 kB a residue, and the number
    rounded down to a power of two, so that it seldom depends on what else the machine does.
    """
    residues = available_memory() // (_SHARE * _BYTES * max(processes, 1))
    return max(_LEAST, min(FASTEST, 1 << max(residues.bit_length() - 1, 0)))


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that can be used: of the machine, and of this container where it has a limit."""
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
