"""Configuration keys and weight names of older versions, and their present names."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

from topo.errors import InputWarning

T = TypeVar("T")

RENAMED_KEYS: dict[str, str] = {}
"""Present dotted key of a configuration by its old one, e.g. ``model.old: model.heads.new``."""

REMOVED_KEYS: dict[str, Any] = {
    "model.recurrent.layer_norm": True,
    "training.schedule": "cosine",
    "tracking.examples": 8,
}
"""Dotted keys that no longer exist, with the value that is built in since."""

RENAMED_WEIGHTS: dict[str, str] = {}
"""Replacement (as of :func:`re.sub`) of each regular expression that matches old weight names."""


def current_keys(tree: Mapping[str, Any], source: str = "configuration") -> Mapping[str, Any]:
    """Return a configuration tree with old keys renamed or removed.

    A removed key with another value than the built-in one gives a warning that names ``source``.
    The argument is not modified.
    """
    for old, new in RENAMED_KEYS.items():
        tree = _renamed(tree, old, new)
    return _without_removed(tree, source)


def current_weights(weights: Mapping[str, T]) -> dict[str, T]:
    """Return weights with their old names replaced."""
    found = {}
    for name, weight in weights.items():
        for old, new in RENAMED_WEIGHTS.items():
            name = re.sub(old, new, name)
        found[name] = weight
    return found


def _renamed(tree: Mapping[str, Any], old: str, new: str) -> Mapping[str, Any]:
    renamed = copy.deepcopy(dict(tree))
    *path, key = old.split(".")
    place: Any = renamed
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    if not isinstance(place, dict) or key not in place:
        return tree
    value = place.pop(key)
    *path, key = new.split(".")
    place = renamed
    for name in path:
        place = place.setdefault(name, {})
    place[key] = value
    return renamed


def _without_removed(tree: Mapping[str, Any], source: str, prefix: str = "") -> dict[str, Any]:
    kept = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if key in REMOVED_KEYS:
            if value != REMOVED_KEYS[key]:
                message = (
                    f"{source}: {key}: {value} is no longer supported, using {REMOVED_KEYS[key]}"
                )
                warnings.warn(message, InputWarning, stacklevel=4)
        elif isinstance(value, Mapping) and any(old.startswith(f"{key}.") for old in REMOVED_KEYS):
            kept[name] = _without_removed(value, source, f"{key}.")
        else:
            kept[name] = value
    return kept
