"""Removal of the source files that torch-geometric writes to TMPDIR for its convolutions."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import tempfile
from pathlib import Path

_ENDINGS = ("_propagate", "_edge_updater")


def remove_templates() -> None:
    """Delete these files once their modules are loaded; each process writes its own."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:  # no folder can be written
        return
    for name, module in [*sys.modules.items()]:
        if not (name.startswith("torch_geometric.nn") and name.endswith(_ENDINGS)):
            continue
        path = Path(getattr(module, "__file__", None) or "")
        if path.parent == folder:
            for file in (path, Path(importlib.util.cache_from_source(str(path)))):
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
