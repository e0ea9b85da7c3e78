"""Fails if a file of the arguments is larger than 500 kB; weights and bundled data may be."""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 500_000
ALLOWED = (".safetensors", "3Dmol-min.js")


def large_files(names: list[str]) -> list[str]:
    """List the files over the limit."""
    paths = [Path(name) for name in names if not name.endswith(ALLOWED)]
    return [str(path) for path in paths if path.is_file() and path.stat().st_size > LIMIT]


if __name__ == "__main__":
    found = large_files(sys.argv[1:])
    for name in found:
        print(f"{name}: larger than {LIMIT // 1000} kB")
    sys.exit(bool(found))
