"""Read, override, compare and write configurations as YAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from topo.config.migrations import current_keys
from topo.config.schema import Config, config_fields
from topo.config.yaml_files import dump_yaml, parse_yaml, problem, read_yaml
from topo.errors import ConfigError


def load_config(
    path: str | PathLike[str] | None,
    overrides: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Config:
    """Read a configuration from a YAML file, then apply fields, then overrides.

    Parameters
    ----------
    path
        Path to a YAML file with any part of the tree; None starts from the defaults.
    overrides
        Assignments ``section.field=value``; the value is parsed as YAML.
    fields
        Values by dotted key.

    Returns
    -------
    Config
        Validated configuration.

    Raises
    ------
    ConfigError
        If the file is missing or malformed, a key is unknown (the message names the nearest valid
        key) or a value is invalid.
    """
    tree = _read_yaml(path) if path is not None else {}
    for key, value in (fields or {}).items():
        _assign(tree, key.split("."), value)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {override}: expected section.field=value")
        try:
            _assign(tree, key.split("."), parse_yaml(value))
        except yaml.YAMLError as error:
            raise ConfigError(
                f"--set {override}: the value is not valid YAML ({problem(error)})"
            ) from None
    return parse_config(tree, str(path) if path is not None else "configuration")


def parse_config(tree: Mapping[str, Any], source: str = "configuration") -> Config:
    """Validate a nested mapping.

    Parameters
    ----------
    tree
        Sections and fields; keys of earlier versions (:mod:`topo.config.migrations`) are left out.
    source
        Name of the mapping in errors.

    Raises
    ------
    ConfigError
        If a key is unknown or a value is invalid.
    """
    try:
        return Config.model_validate(current_keys(tree, source))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}") from None


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten a nested mapping to one level with dotted keys."""
    level: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            level |= flat(value, f"{prefix}{key}.")
        else:
            level[prefix + key] = value
    return level


def first_difference(
    found: Config, expected: Config, parts: Sequence[str] = ("",), besides: str | None = None
) -> str | None:
    """Describe the first field that differs between two configurations.

    Parameters
    ----------
    found, expected
        Configurations to compare.
    parts
        Prefixes of the dotted keys to compare.
    besides
        Suffix of the dotted keys to ignore.

    Returns
    -------
    str or None
        Key and both values; None if the configurations agree.
    """
    ours, theirs = (flat(config.model_dump(mode="json")) for config in (found, expected))
    for key, value in theirs.items():
        counts = key.startswith(tuple(parts)) and not (besides and key.endswith(besides))
        if counts and ours.get(key) != value:
            return f"found {key} {ours.get(key)}, expected {value}"
    return None


def dump_config(config: Config) -> str:
    """Format a configuration as YAML, each field with its description as a comment."""
    return "\n".join(_commented(config, 0)) + "\n"


def _read_yaml(path: str | PathLike[str]) -> dict[str, Any]:
    tree = read_yaml(path)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: found {type(tree).__name__}, expected a mapping of sections")
    return tree


def _assign(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for depth, key in enumerate(keys[:-1]):
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            raise ConfigError(f"{'.'.join(keys[: depth + 1])}: found a value, expected a section")
        tree = child
    tree[keys[-1]] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(where)}; did you mean {_nearest_key(where)}?"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if isinstance(first["input"], dict) else f", found {first['input']!r}"
    return f"{'.'.join(where)}: {message}{found}" if where else message


def _nearest_key(where: list[str]) -> str:
    valid, section = list(config_fields()), ".".join(where[:-1])
    siblings = [key for key in valid if section and key.rpartition(".")[0] == section]
    key = ".".join(where)
    far = difflib.get_close_matches(key, valid, n=1, cutoff=0.75)
    return (far or difflib.get_close_matches(key, siblings or valid, n=1, cutoff=0.0))[0]


def _commented(section: BaseModel, depth: int) -> Iterable[str]:
    pad = "  " * depth
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield f"{pad}# {field.description}"
        if isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _commented(value, depth + 1)
        else:
            plain = section.model_dump(mode="json")[name]
            yield f"{pad}{name}: {dump_yaml(plain)}"
