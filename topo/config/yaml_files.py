"""Reading of YAML that may be broken or hostile, as plain data.

Files are bounded in size and depth before values are built, anchors and aliases are refused (a few
hundred bytes of them can stand for gigabytes), and ``1e-4`` is a number as in YAML 1.2.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import yaml

from topo.errors import ConfigError

LARGEST = 2_000_000
"""Largest number of bytes of a YAML file."""

DEEPEST = 40
"""Largest number of nested lists and mappings."""

_SCIENTIFIC = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+\Z")
_ENDLESS_NUMBER = re.compile(r"[0-9a-fA-F_]{1000}")
_VALUE_ERRORS = (ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader without aliases, and with a bound on the depth."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:
            raise _fault("found an anchor or alias, which is not read", event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise _fault(f"nested deeper than {DEEPEST} levels", event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """YAML's safe dumper for :class:`_Loader`: without aliases, quotes what looks like numbers."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal objects in full."""
        return True


class YamlError(ConfigError):
    """A YAML file that cannot be read.

    Parameters
    ----------
    path
        Path to the file.
    message
        What was found and what was expected.
    line
        1-based line number, where there is one.
    """

    def __init__(self, path: str | os.PathLike[str], message: str, line: int | None = None) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")
        self.message, self.line = message, line


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _SCIENTIFIC, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """Parse YAML as plain data.

    Raises
    ------
    yaml.YAMLError
        If the text is not valid YAML, holds an anchor, an alias, a value that does not fit its tag
        or a number of more than 1000 digits, or is too long or nested too deeply.
    """
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"found {len(text)} characters, expected at most {LARGEST}")
    if _ENDLESS_NUMBER.search(text):
        raise yaml.YAMLError("a number of more than 1000 digits")
    try:
        loader = _Loader(text)
    except _VALUE_ERRORS as error:
        raise yaml.YAMLError(str(error)) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(loader, node, "")
        return loader.construct_document(node)
    except (*_VALUE_ERRORS, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from None
    finally:
        loader.dispose()


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file as plain data.

    Raises
    ------
    YamlError
        If it is missing, is no regular file, is too large, or is not YAML as
        :func:`parse_yaml` reads it; the message names the file and, where known, the line.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            kind = "folder" if stat.S_ISDIR(found.st_mode) else "pipe or device"
            raise YamlError(path, f"cannot be read (found a {kind}, expected a regular file)")
        if found.st_size > LARGEST:
            raise YamlError(path, f"found {found.st_size} bytes, expected at most {LARGEST}")
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise YamlError(path, "not valid YAML (not UTF-8)") from None
    except FileNotFoundError:
        raise YamlError(path, "cannot be read (no such file)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise YamlError(path, f"cannot be read ({reason})") from None
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise YamlError(path, f"not valid YAML ({problem(error)})", line) from None


def dump_yaml(value: Any) -> str:
    """Format a value as one line of YAML that :func:`parse_yaml` reads back."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


def problem(error: yaml.YAMLError) -> str:
    """Return what is wrong, without the place."""
    return getattr(error, "problem", None) or str(error).partition("\n")[0]


def _check(loader: _Loader, node: yaml.Node, key: str) -> None:
    """Build each single value, to name its key where that fails."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            _check(loader, name, key)
            _check(loader, value, f"{key}.{getattr(name, 'value', '')}".strip("."))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check(loader, value, key)
    else:
        try:
            loader.construct_object(node)
        except (*_VALUE_ERRORS, yaml.YAMLError):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            where = f"{key}: " if key else ""
            what = f"{where}found {tag} {node.value[:100]!r}, expected a value of this tag"
            raise _fault(what, node.start_mark) from None


def _fault(text: str, mark: yaml.Mark | None) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=mark)
