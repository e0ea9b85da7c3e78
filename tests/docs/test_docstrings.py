"""Public docstrings have the numpydoc form."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

numpydoc = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed")

IGNORED = {
    "ES01",  # no extended summary
    "EX01",  # no example
    "SA01",  # no See Also section
    "PR01",  # parameters not documented: a summary line can name them
    "PR03",  # order of parameters: those that share a description are listed together
    "PR04",  # no type: annotations have them
    "RT01",  # no Returns section: a summary line can name the value
    "YD01",  # no Yields section
    "SS05",  # summary of a property is a noun phrase
    "RT04",  # description of a return value begins with a shape or a name
    "PR08",  # description of a parameter begins with a shape or a name
}
"""Checks of numpydoc that the style does not follow, each with its reason."""

ROOMS = sorted(
    {path.parent for path in (ROOT / "topo").rglob("*.py") if "bundled" not in path.parts}
)


def _modules(room: Path) -> Iterator[ModuleType]:
    for path in sorted(room.glob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.stem != "__main__":
            yield importlib.import_module(name.removesuffix(".__init__"))


def _public(module: ModuleType) -> Iterator[str]:
    """Yield the dotted names of public functions, classes and methods that a module defines."""
    for name, item in vars(module).items():
        own = getattr(item, "__module__", None) == module.__name__
        if name.startswith("_") or not own:
            continue
        if inspect.isfunction(item) or inspect.isclass(item):
            yield f"{module.__name__}.{name}"
        if inspect.isclass(item):
            for member, value in vars(item).items():
                kinds = (property, classmethod, staticmethod)
                if not member.startswith("_") and (
                    inspect.isfunction(value) or isinstance(value, kinds)
                ):
                    yield f"{module.__name__}.{name}.{member}"


def _label(room: Path) -> str:
    return room.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS, ids=_label)
def test_docstrings_are_numpydoc(room: Path) -> None:
    found = [
        f"{name}: {code} {message}"
        for module in _modules(room)
        for name in _public(module)
        for code, message in numpydoc.validate(name)["errors"]
        if code not in IGNORED
    ]
    assert not found, "\n".join(found)
