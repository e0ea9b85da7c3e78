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


def model_folders(name: str) -> list[Path]:
    """Return the folders of a published model in the package and in a source checkout."""
    checkout = _PACKAGE.parent / "checkpoints"
    own = [_PACKAGE / "bundled" / name] if name in _PLACES else []
    return [*own, checkout / name] if (checkout / "list_models.py").is_file() else own
