"""``topo grammar``: the states of the grammar and their transitions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topo.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from topo.grammar.table import Grammar


def grammar(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", help="Path to a grammar in YAML. By default the built-in one."
        ),
    ] = None,
    graphviz: Annotated[
        bool, typer.Option("--graphviz", help="Print the grammar as Graphviz (DOT).")
    ] = False,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print the grammar as YAML, e.g. to edit it.")
    ] = False,
) -> None:
    """Print and check a grammar: states, labels, segment lengths, successors, ambiguities."""
    import yaml
    from rich.console import Console

    from topo.grammar.ambiguity import ambiguous_states
    from topo.grammar.table import default_grammar
    from topo.io.grammar import grammar_tree, load_grammar

    if graphviz and as_yaml:
        raise ConfigError("found both --graphviz and --yaml, expected one of them")
    chosen = load_grammar(file) if file else default_grammar()
    if graphviz:
        print(dot(chosen), end="")
    elif as_yaml:
        print(yaml.safe_dump(grammar_tree(chosen, full=True), sort_keys=False), end="")
    else:
        Console().print(_table(chosen))
        for one, other in ambiguous_states(chosen):
            Console().print(
                f"ambiguous: in some chains the labels do not decide between {one} and {other}",
                markup=False,
            )


def dot(grammar: Grammar) -> str:
    """Return a grammar as a Graphviz digraph; bold nodes may start a chain, double ones end it."""
    lines = ["digraph grammar {", "  rankdir=LR;", "  node [shape=box];"]
    for state in grammar.states:
        label = f"{_escaped(state.name)}\\n{state.letter} {_lengths(state.minimum, state.maximum)}"
        look = f"style={'bold' if state.start else 'solid'}, peripheries={2 if state.end else 1}"
        lines.append(f'  {_quoted(state.name)} [label="{label}", {look}];')
    for state in grammar.states:
        lines += [f"  {_quoted(state.name)} -> {_quoted(name)};" for name in state.successors]
    return "\n".join([*lines, "}"]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(name: str) -> str:
    return f'"{_escaped(name)}"'


def _lengths(minimum: int, maximum: int | None) -> str:
    return f"{minimum}-{maximum}" if maximum else f"{minimum} or more"


def _table(grammar: Grammar) -> Table:
    from rich.markup import escape
    from rich.table import Table

    scheme = grammar.scheme
    types = ", ".join(scheme.type_names[index] for index in grammar.types)
    table = Table(caption=escape(f"types: {types}"))
    table.add_column("state", no_wrap=True)
    for column in ("letter", "residues", "starts", "ends", "followed by"):
        table.add_column(column, overflow="fold")
    for state in grammar.states:
        table.add_row(
            escape(state.name),
            escape(f"{state.letter} {scheme.by_letter[state.letter].name}"),
            _lengths(state.minimum, state.maximum),
            "yes" if state.start else "",
            "yes" if state.end else "",
            escape(", ".join(state.successors)),
        )
    return table
