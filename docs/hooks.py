"""Text that mkdocs generates from the code: the layers of imports and the table of commands."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace ``{{ layers }}`` and ``{{ commands }}`` by generated text."""
    for name, generate in (("layers", layers), ("commands", commands)):
        place = "{{ " + name + " }}"
        if place in markdown:
            markdown = markdown.replace(place, generate())
    return markdown


def layers() -> str:
    """List the layers of ``tests/test_imports.py`` with the first line of each module."""
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text())
    names: list[str] = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS"
    )
    lines = ["| layer | content |", "|---|---|"]
    for name in names:
        path = ROOT.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        summary = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0]
        lines.append(f"| `{name}` | {_cell(summary)} |")
    return "\n".join(lines)


def commands() -> str:
    """Describe every command and its options, as ``--help`` does."""
    import typer

    root = typer.main.get_command(importlib.import_module("topo.cli.main").app)
    return "\n".join(_describe(root, "topo"))


def _describe(command: Any, name: str) -> Iterator[str]:
    if name != "topo":
        yield f"\n## {name}\n\n{(command.help or '').strip()}\n"
        context = command.context_class(command, info_name=name)
        options = [p for p in command.get_params(context) if p.name != "help"]
        rows = [_row(option) for option in options if not getattr(option, "hidden", False)]
        if rows:
            yield "| option | default | description |\n|---|---|---|"
            yield from rows
    for verb, child in sorted(getattr(command, "commands", {}).items()):
        yield from _describe(child, f"{name} {verb}")


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [(parameter.metavar or parameter.name or "").upper()]
    cells = [
        ", ".join(f"`{name}`" for name in names),
        _default(parameter),
        getattr(parameter, "help", "") or "",
    ]
    return f"| {' | '.join(map(_cell, cells))} |"


def _default(parameter: Any) -> str:
    """Return the default as the help page shows it, empty without one."""
    shown = getattr(parameter, "show_default", False)
    value = shown if isinstance(shown, str) else parameter.default
    if value in (None, False, "") or callable(value) or "Sentinel" in repr(value):
        return ""
    return f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("``", "`")
