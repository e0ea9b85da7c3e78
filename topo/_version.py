"""Version of the package, and of the packages that results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"

DISTRIBUTION = "topo-membrane"
"""Name of the distribution that pip installs; the import and the command are ``topo``."""

REPOSITORY = "topo-membrane/topo"
"""Owner and name of the public repository, which the models are downloaded from."""


def environment() -> dict[str, str]:
    """Return the versions of Python, this package and the packages that results depend on."""
    found = {"python": platform.python_version(), "topo": __version__}
    for package in ("torch", "torch-geometric", "lightning", "numpy", "numba"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
