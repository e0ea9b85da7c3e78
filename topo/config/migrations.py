"""Configuration keys and weight names of older versions, and their present names."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

RENAMED_KEYS: dict[str, str] = {}
"""Present dotted key of a configuration by its old one, e.g. ``model.old: model.heads.new``."""

RENAMED_WEIGHTS: dict[str, str] = {}
"""Replacement (as of :func:`re.sub`) of each regular expression that matches old weight names."""


def current_keys(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration tree with its old keys renamed; the argument is not modified."""
    for old, new in RENAMED_KEYS.items():
        tree = _renamed(tree, old, new)
    return tree


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
