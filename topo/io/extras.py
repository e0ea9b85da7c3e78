"""Packages of the optional extras, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from topo._version import DISTRIBUTION
from topo.errors import TopoError


def import_extra(module: str, need: str, extra: str) -> Any:
    """Import a module of a package that an extra installs.

    Parameters
    ----------
    module
        Name of the module.
    need
        What needs the package, the beginning of the message.
    extra
        Name of the extra.

    Raises
    ------
    TopoError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError:
        raise TopoError(f"{need}: pip install '{DISTRIBUTION}[{extra}]'") from None
