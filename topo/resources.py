"""Where the files that travel with the package are: example data and the default checkpoint."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PLACES = {"example": "data/example", "topo-base": "checkpoints/topo-base"}


def bundled(name: str) -> Path:
    """Return the folder of a bundled resource (``example`` or ``topo-base``).

    An installed package carries them inside itself; a checkout has them in its top level.
    """
    installed = _PACKAGE / "bundled" / name
    return installed if installed.exists() else _PACKAGE.parent / _PLACES[name]
