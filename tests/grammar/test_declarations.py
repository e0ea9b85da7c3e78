"""Grammar files that declare labels of their own, and ambiguity."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from conftest import ROOT
from typer.testing import CliRunner

from topo.cli.main import app
from topo.errors import InputError
from topo.grammar.ambiguity import ambiguous_states
from topo.grammar.legality import is_legal, possible_types
from topo.grammar.table import Grammar, State, default_grammar
from topo.io.grammar import grammar_tree, load_grammar
from topo.labels.scheme import SIX, LabelScheme

EXTENDED = ROOT / "configs" / "labels" / "extended.yaml"
OWN = """
labels:
  H: {name: alpha helix, color: "#D55E00"}
  E: {name: strand}
  C: {name: coil}
types:
  ALPHA: {has: [H], lacks: [E]}
  OTHER: {}
states:
  helix: {letter: H, minimum: 3, start: true, end: true, successors: [coil, strand]}
  strand: {letter: E, minimum: 2, start: true, end: true, successors: [coil, helix]}
  coil: {letter: C, start: true, end: true, successors: [helix, strand]}
"""


def test_extended_labels_map_to_the_six() -> None:
    grammar = load_grammar(EXTENDED)
    channel = "O" * 5 + "M" * 20 + "I" * 5 + "R" * 12 + "I" * 9 + "M" * 20 + "O" * 4
    assert possible_types(channel, grammar) == ("TM",)
    assert grammar.scheme.to_six(channel) == channel.replace("R", "I")
    assert not is_legal("I" * 5 + "R" * 12 + "O" * 9 + "M" * 20, grammar)
    assert grammar.scheme.to_six("T" * 20 + "I" * 9) == "I" * 29
    assert grammar.scheme.type_names == SIX.type_names
    assert grammar.scheme.labels[:6] == SIX.labels


def test_every_legal_topology_of_the_six_labels_stays_legal() -> None:
    grammar = load_grammar(EXTENDED)
    for labels in ("I" * 9, "S" * 20 + "O" * 9, "S" * 20 + "P" * 4 + "BBBBBOOOBBBBBPPP", "M" * 20):
        assert is_legal(labels)
        assert possible_types(labels, grammar) == possible_types(labels)


def test_own_labels_round_trip(tmp_path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    grammar = load_grammar(path)
    assert grammar.scheme.letters == ("H", "E", "C")
    assert not grammar.scheme.is_mapped
    assert possible_types("CCCHHHHCC", grammar) == ("ALPHA", "OTHER")[:1]
    assert possible_types("CCCEEECC", grammar) == ("OTHER",)
    path.write_text(yaml.safe_dump(grammar_tree(grammar), sort_keys=False))
    assert load_grammar(path) == grammar


def test_the_built_in_declaration_is_written_in_full_on_demand_only() -> None:
    default = default_grammar()
    assert set(grammar_tree(default)) == {"states"}
    assert set(grammar_tree(default, full=True)) == {"labels", "types", "states"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  E: {name: strand}", "  E: strand", "'E': found 'strand', expected a mapping"),
        ("name: strand}", "title: strand}", "label 'E': found key 'title'"),
        ("name: strand}", "name: 3}", "label 'E': found name 3, expected text"),
        ("name: strand}", "six: B}", "label 'H': maps to nothing"),
        ("  E: {", "  1: {", "labels: found 1, expected text"),
        ("lacks: [E]", "lacks: E", "type 'ALPHA': found lacks 'E', expected a list"),
        ("lacks: [E]", "lacks: [X]", "type 'ALPHA': found label 'X'"),
        ("letter: E,", "letter: X,", "state 'strand': found letter 'X', expected one of H E C"),
        ("start: true, end: true, successors: [coil, helix]", "end: true", "cannot be reached"),
    ],
)
def test_wrong_declarations_are_one_line(tmp_path, old, new, message) -> None:
    path = tmp_path / "own.yaml"
    assert old in OWN
    text = OWN.replace(old, new)
    if "cannot be reached" in message:
        text = text.replace(", strand]", "]")
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_grammar(path)
    assert "\n" not in str(caught.value)
    result = CliRunner().invoke(app, ["grammar", "--file", str(path)])
    assert result.exit_code != 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: strand}", 'name: "a\\tb"}', "label 'E': name: found 'a\\\\tb'"),
        ("name: strand}", 'name: "=cmd()"}', "label 'E': name: found '=cmd"),
        ("name: strand}", 'name: "\\x1b[2J"}', r"label 'E': name: found"),
        ("name: strand}", f"name: {'x' * 101}}}", "at most 100 characters"),
        ("name: strand}", 'name: strand, term: "a b;c"}', "label 'E': found term 'a b;c'"),
        ("name: strand}", 'name: strand, feature: "\\n"}', "label 'E': feature: found"),
        ("ALPHA:", '"../../x":', "type: found '../../x'"),
        ("ALPHA:", '"a | TM":', "type: found 'a | TM'"),
        ("  OTHER: {}", "".join(f"  T{i}: {{}}\n" for i in range(200)), "expected at most 100"),
        ("  coil: {", '  "\\x1b[2J": {letter: C}\n  coil: {', "found '.*2J', expected a name"),
        ("letter: E,", 'letter: E, channel: "a\\nb",', "state 'strand': found 'a"),
    ],
)
def test_names_that_a_table_cannot_show_are_refused(tmp_path, old, new, message) -> None:
    path = tmp_path / "own.yaml"
    assert old in OWN
    path.write_text(OWN.replace(old, new))
    with pytest.raises(InputError, match=message):
        load_grammar(path)


def test_very_many_states_are_refused_at_once(tmp_path) -> None:
    rows = "".join(f"  s{i}: {{letter: H, start: true, end: true}}\n" for i in range(20_000))
    (tmp_path / "own.yaml").write_text(f"labels:\n  H: {{name: helix}}\nstates:\n{rows}")
    with pytest.raises(InputError, match="found 20000 states, expected at most 1000"):
        load_grammar(tmp_path / "own.yaml")


def test_ambiguous_states_are_named(tmp_path) -> None:
    rows = (
        State("a", "I", start=True, successors=("one", "two")),
        State("one", "M", 8, 9, end=True),
        State("two", "M", 10, 20, end=True),
    )
    assert ambiguous_states(Grammar(rows)) == [("one", "two")]
    lone = replace(rows[0], successors=("one",))
    assert ambiguous_states(Grammar((lone, rows[1]))) == []
    path = tmp_path / "g.yaml"
    path.write_text(yaml.safe_dump(grammar_tree(Grammar(rows))))
    printed = CliRunner().invoke(app, ["grammar", "--file", str(path)]).stdout
    assert "the labels do not decide between one and two" in " ".join(printed.split())


def test_a_scheme_without_types_has_one() -> None:
    scheme = LabelScheme(SIX.labels)
    assert scheme.type_names == ("ANY",)
    assert scheme.type_of("OOO") == "ANY"
    assert scheme.type_of("---") is None
