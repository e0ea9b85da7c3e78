"""Files that are distributed with the package: example data and the default checkpoint."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PLACES = {"example": "data/example", "topo-base": "checkpoints/topo-base"}


def bundled(name: str) -> Path:
    """Return the folder of a bundled resource (``example`` or ``topo-base``).

    They are inside an installed package, and at the top level of a source checkout.
    """
    installed = _PACKAGE / "bundled" / name
    return installed if installed.exists() else _PACKAGE.parent / _PLACES[name]
