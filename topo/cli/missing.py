"""Packages that an installation for prediction alone lacks.

``requirements-predict.txt`` lists what such an installation has. Everything else is imported where
it is needed, and a missing package becomes one line.
"""

from __future__ import annotations

from importlib.util import find_spec

from topo._version import DISTRIBUTION
from topo.errors import TopoError

PACKAGES = {
    "Bio": "biopython",
    "lightning": "lightning",
    "matplotlib": "matplotlib",
    "optuna": "optuna",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch_geometric": "torch-geometric",
    "wandb": "wandb",
}
"""Dependencies that prediction from sequences does without: name of the import, of the package."""


def require(module: str, what: str) -> None:
    """Check that a package is installed, before any work.

    Parameters
    ----------
    module
        Name of the import, a key of :data:`PACKAGES`.
    what
        What needs it, for example an option.

    Raises
    ------
    TopoError
        If it is not installed.
    """
    if find_spec(module) is None:
        raise TopoError(_line(module, what))


def missing_line(error: ModuleNotFoundError) -> str | None:
    """Return the message for a missing dependency; None for any other module."""
    module = (error.name or "").partition(".")[0]
    return _line(module, "this command") if module in PACKAGES else None


def _line(module: str, what: str) -> str:
    package = PACKAGES[module]
    return (
        f"{package} is not installed, which {what} needs: pip install {package}, or "
        f"pip install {DISTRIBUTION} for everything"
    )
