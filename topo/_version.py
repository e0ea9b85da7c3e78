"""Version of the package."""

__version__ = "0.1.0"

DISTRIBUTION = "topo-membrane"
"""Name of the distribution that pip installs; the import and the command are ``topo``."""
