"""Label schemes in grammar files: the entries ``labels`` and ``types``.

::

    labels:
      I: {name: inside, color: "#CC79A7", term: cytoplasmic_polypeptide_region, six: I}
      M: {name: membrane helix, six: M}
      R: {name: re-entrant segment, six: side, feature: INTRAMEM}
    types:
      TM: {has: [M]}
      GLOB: {only: [I]}
"""

from __future__ import annotations

from typing import Any

from topo.errors import ConfigError
from topo.labels.scheme import SIX, Label, LabelScheme, TypeRule

_LABEL_KEYS = ("name", "color", "term", "six", "feature")
_TYPE_KEYS = ("has", "lacks", "only")


def parse_scheme(labels: Any, types: Any) -> LabelScheme:
    """Build a label scheme from the entries of a grammar file.

    Parameters
    ----------
    labels
        Entry ``labels``; None for the built-in scheme, which then must have its own types.
    types
        Entry ``types``; None for one type, ``ANY``.

    Raises
    ------
    ConfigError
        If an entry is not of this form, or the scheme is not valid.
    """
    if labels is None:
        if types is not None:
            raise ConfigError("found 'types' without 'labels', expected both")
        return SIX
    declared = tuple(_label(letter, entry) for letter, entry in _entries("labels", labels))
    if types is None:
        return LabelScheme(declared)
    return LabelScheme(
        declared, tuple(_type(name, entry) for name, entry in _entries("types", types))
    )


def scheme_tree(scheme: LabelScheme) -> dict[str, dict[str, dict[str, Any]]]:
    """Convert a label scheme to plain data, as :func:`parse_scheme` reads it."""
    labels = {
        label.letter: {
            key: getattr(label, key) for key in _LABEL_KEYS if getattr(label, key) is not None
        }
        for label in scheme.labels
    }
    types = {
        rule.name: {
            key: [letter for letter in scheme.letters if letter in getattr(rule, key)]
            for key in _TYPE_KEYS
            if getattr(rule, key)
        }
        for rule in scheme.types
    }
    return {"labels": labels, "types": types}


def _entries(key: str, tree: Any) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(tree, dict) or not tree:
        raise ConfigError(f"{key}: found {tree!r}, expected a mapping of names to their entries")
    for name, entry in tree.items():
        if not isinstance(name, str):
            raise ConfigError(
                f"{key}: found {name!r}, expected text (quote what YAML reads as something else)"
            )
        if not isinstance(entry, dict):
            raise ConfigError(f"{key}: {name!r}: found {entry!r}, expected a mapping")
    return list(tree.items())


def _label(letter: str, entry: dict[str, Any]) -> Label:
    where = f"label {letter!r}"
    _check_keys(where, entry, _LABEL_KEYS)
    for key, value in entry.items():
        if not isinstance(value, str):
            raise ConfigError(f"{where}: found {key} {value!r}, expected text")
    return Label(letter, **{"name": letter, **entry})


def _type(name: str, entry: dict[str, Any]) -> TypeRule:
    where = f"type {name!r}"
    _check_keys(where, entry, _TYPE_KEYS)
    for key, value in entry.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{where}: found {key} {value!r}, expected a list of labels")
    return TypeRule(name, **{key: frozenset(value) for key, value in entry.items()})


def _check_keys(where: str, entry: dict[str, Any], keys: tuple[str, ...]) -> None:
    for key in entry:
        if key not in keys:
            raise ConfigError(f"{where}: found key {key!r}, expected one of {', '.join(keys)}")
