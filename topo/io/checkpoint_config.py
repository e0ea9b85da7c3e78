"""The header of ``config.yaml`` in a checkpoint folder: format, labels, types and versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from topo._version import environment
from topo.config import Config, parse_config, read_yaml
from topo.config.yaml_files import dump_yaml
from topo.errors import CheckpointError, ConfigError
from topo.io.grammar import find_grammar
from topo.io.label_scheme import parse_scheme
from topo.labels.scheme import SIX, LabelScheme

FORMAT = 1
"""Version of the folder's layout and of the meaning of the weights."""


def checkpoint_header(config: Config) -> str:
    """Return the lines before the configuration in ``config.yaml``."""
    letters, classes = _names(config)
    versions = yaml.safe_dump(environment(), default_flow_style=True, width=10_000).strip()
    return (
        f"# layout of this folder\nformat: {FORMAT}\n"
        f"# residue labels and protein types in index order\n"
        f"labels: {dump_yaml(letters)}\ntypes: {dump_yaml(classes)}\n"
        f"# what trained it\nversions: {versions}\n"
    )


def read_checkpoint_tree(folder: Path) -> dict[str, Any]:
    """Return the configuration part of ``config.yaml`` after checking its header.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or has another format or labels.
    """
    path = folder / "config.yaml"
    if not path.exists():
        raise CheckpointError(f"{folder}: no checkpoint here (config.yaml is missing)")
    try:
        tree = read_yaml(path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    task = tree.get("task") if isinstance(tree, dict) else None
    numeric = parse_config({"task": task}, str(path)) if isinstance(task, dict) else Config()
    scheme = _scheme(tree, path)
    letters, types = "".join(scheme.letters), list(scheme.type_names)
    if numeric.task.is_numeric:
        letters, types = _names(numeric)
    header = {"format": FORMAT, "labels": letters, "types": types}
    for key, expected in header.items():
        found = tree.pop(key, None) if isinstance(tree, dict) else None
        if found != expected:
            reads = "this version of topo reads" if scheme is SIX else "its grammar has"
            raise CheckpointError(f"{path}: found {key} {found}, {reads} {key} {expected}")
    tree.pop("versions", None)
    return tree


def _scheme(tree: Any, path: Path) -> LabelScheme:
    """Return the label scheme of the grammar in a configuration."""
    grammar: Any = tree
    for key in ("model", "heads", "grammar"):
        grammar = grammar.get(key) if isinstance(grammar, dict) else None
    if not isinstance(grammar, dict) or "labels" not in grammar:
        return SIX
    try:
        return parse_scheme(grammar["labels"], grammar.get("types"))
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _names(config: Config) -> tuple[str, list[str]]:
    """Return the letters and the types of a model, or those of a task on numeric sequences."""
    if config.task.is_numeric:
        return "".join(config.task.letters), config.task.classes
    scheme = find_grammar(config.model.heads.grammar).scheme
    return "".join(scheme.letters), list(scheme.type_names)
