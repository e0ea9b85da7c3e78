"""Grammar files: YAML with one entry per state, and the labels and types if they are own ones.

::

    states:
      inside: {letter: I, start: true, end: true, successors: [helix_out]}
      helix_out: {letter: M, minimum: 8, maximum: 45, end: true, successors: [outside]}
      outside: {letter: O, end: true}

:mod:`topo.io.label_scheme` describes the entries ``labels`` and ``types``.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

from topo.config import YamlError, read_yaml
from topo.errors import ConfigError, InputError
from topo.grammar.table import Grammar, State, default_grammar
from topo.io.label_scheme import parse_scheme, scheme_tree
from topo.labels.scheme import SIX

_PARTS = ("labels", "types", "states")
_KEYS: dict[str, tuple[type | tuple, str]] = {
    "letter": (str, "a letter"),
    "channel": ((str, type(None)), "a name"),
    "minimum": (int, "a whole number"),
    "maximum": ((int, type(None)), "a whole number or null"),
    "start": (bool, "true or false"),
    "end": (bool, "true or false"),
    "successors": (list, "a list of state names"),
}


def load_grammar(path: str | os.PathLike[str]) -> Grammar:
    """Read a grammar file.

    Raises
    ------
    InputError
        If the file cannot be read, is not YAML of this form, or its table is invalid; the
        message names the file, the state, the key and what was expected.
    """
    try:
        tree = read_yaml(path)
    except YamlError as error:
        raise InputError(path, error.message, error.line) from None
    try:
        return parse_grammar(tree)
    except ConfigError as error:
        raise InputError(path, str(error)) from None


def find_grammar(source: str | dict[str, Any] | None) -> Grammar:
    """Return the grammar that a configuration specifies: a file, its content, or the default."""
    if source is None:
        return default_grammar()
    return load_grammar(source) if isinstance(source, str) else parse_grammar(source)


def parse_grammar(tree: Any) -> Grammar:
    """Build a grammar from plain data, as :func:`grammar_tree` returns it.

    Raises
    ------
    ConfigError
        As for :func:`load_grammar`, without the file.
    """
    states = tree.get("states") if isinstance(tree, dict) else None
    if not isinstance(states, dict):
        raise ConfigError("expected a mapping 'states' of state names to their entries")
    if other := sorted(str(key) for key in tree if key not in _PARTS):
        raise ConfigError(f"found key {other[0]!r}, expected some of {', '.join(_PARTS)}")
    scheme = parse_scheme(tree.get("labels"), tree.get("types"))
    return Grammar(tuple(_state(name, entry) for name, entry in states.items()), scheme)


def grammar_tree(grammar: Grammar, full: bool = False) -> dict[str, dict[str, dict[str, Any]]]:
    """Convert a grammar to plain data for YAML or JSON.

    Defaults are left out; the labels and types of the built-in scheme too, unless ``full``.
    """
    scheme = scheme_tree(grammar.scheme) if full or grammar.scheme != SIX else {}
    return {**scheme, "states": {state.name: _entry(state) for state in grammar.states}}


def _state(name: Any, entry: Any) -> State:
    where = f"state {name!r}"
    if not isinstance(name, str):
        raise ConfigError(f"{where}: found a name that is not text, expected e.g. 'inside'")
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: expected a mapping of {', '.join(_KEYS)}")
    for key, value in entry.items():
        _check(where, key, value)
    if "letter" not in entry:
        raise ConfigError(f"{where}: no key 'letter', expected one")
    return State(name, **{**entry, "successors": tuple(entry.get("successors", ()))})


def _check(where: str, key: Any, value: Any) -> None:
    if key not in _KEYS:
        near = get_close_matches(str(key), _KEYS, 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(f"{where}: found key {key!r}, expected one of {', '.join(_KEYS)}{hint}")
    kind, expected = _KEYS[key]
    fits = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
    if key == "successors" and isinstance(value, list):
        fits = all(isinstance(item, str) for item in value)
    if not fits:
        raise ConfigError(f"{where}: found {key} {value!r}, expected {expected}")


def _entry(state: State) -> dict[str, Any]:
    default = State(state.name, state.letter)
    fields = {key: getattr(state, key) for key in _KEYS}
    kept = {k: v for k, v in fields.items() if k == "letter" or v != getattr(default, k)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}
