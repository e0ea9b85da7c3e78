"""The table of states: checks, the compiled automaton, files, and the command that prints it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from topo.cli.main import app
from topo.errors import ConfigError, InputError
from topo.grammar.legality import is_legal, possible_types
from topo.grammar.table import Grammar, State, default_grammar
from topo.io.grammar import grammar_tree, load_grammar
from topo.labels import LABELS, TYPES

HELICAL = (
    State("inside", "I", start=True, end=True, successors=("helix",)),
    State("helix", "M", 5, 30, successors=("inside", "outside")),
    State("outside", "O", start=True, end=True, successors=("helix",)),
)


def test_default_grammar():
    grammar = default_grammar()
    assert [TYPES[index] for index in grammar.types] == list(TYPES)
    assert grammar.channels == LABELS
    assert grammar.channel_letters == LABELS
    automaton = grammar.automaton
    assert len(automaton.letter) == 19
    final = automaton.type[automaton.end]
    assert (final >= 0).all()
    assert (automaton.type[~automaton.end] == -1).all()
    assert len(grammar.untyped.letter) == len(grammar.states)


def test_channel_for_every_state():
    grammar = default_grammar().by_state
    assert grammar.channels[6:] == tuple(state.name for state in default_grammar().states)
    assert grammar.channel_letters[6:] == tuple(s.letter for s in default_grammar().states)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "no states"),
        ((HELICAL[0], HELICAL[0]), "'inside' is given twice"),
        ((replace(HELICAL[0], letter="X"), *HELICAL[1:]), "found letter 'X', expected one of I O"),
        ((replace(HELICAL[0], minimum=0), *HELICAL[1:]), "found minimum 0, expected at least 1"),
        ((HELICAL[0], replace(HELICAL[1], maximum=4), HELICAL[2]), "found maximum 4, expected"),
        ((replace(HELICAL[0], successors=("loop",)), *HELICAL[1:]), "found successor 'loop'"),
        (
            (*HELICAL, State("cap", "I", start=True, end=True, successors=("inside",))),
            "of the same letter 'I'",
        ),
        (tuple(replace(row, start=False) for row in HELICAL), "no state may start"),
        (tuple(replace(row, end=False) for row in HELICAL), "no path to an end"),
        ((*HELICAL, State("signal", "S", end=True)), "'signal' cannot be reached"),
        ((replace(HELICAL[0], channel="M"), *HELICAL[1:]), "channel 'M' belongs to the letter 'M'"),
    ],
)
def test_unusable_table_is_refused(rows, message):
    with pytest.raises(ConfigError, match=message):
        Grammar(rows)


def test_table_that_spells_no_type_is_refused():
    grammar = Grammar((State("outside", "O", start=True, end=True),))
    with pytest.raises(ConfigError, match="no path of the grammar spells a protein type"):
        _ = grammar.automaton


def test_own_grammar_decides():
    grammar = Grammar(HELICAL)
    reentrant = "I" * 3 + "M" * 6 + "I" * 3
    assert is_legal(reentrant, grammar)
    assert not is_legal(reentrant)
    assert possible_types("-" * 20, grammar) == ("TM", "GLOB")


def test_file_round_trip(tmp_path):
    path = tmp_path / "grammar.yaml"
    for grammar in (default_grammar(), default_grammar().by_state, Grammar(HELICAL)):
        path.write_text(yaml.safe_dump(grammar_tree(grammar)))
        assert load_grammar(path) == Grammar(tuple(sorted(grammar.states, key=lambda s: s.name)))
        path.write_text(yaml.safe_dump(grammar_tree(grammar), sort_keys=False))
        assert load_grammar(path) == grammar


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("states: [", r"g.yaml:\d+: not valid YAML"),
        ("- a", "expected a mapping 'states'"),
        ("states: {}\nother: 1", "found key 'other'"),
        ("states: {a: {}}", "state 'a': no key 'letter'"),
        ("states: {a: {letter: I, minimal: 3}}", r"'minimal'.*did you mean 'minimum'"),
        ("states: {a: {letter: I, minimum: few}}", "found minimum 'few', expected a whole number"),
        ("states: {a: {letter: I, minimum: true}}", "found minimum True, expected a whole number"),
        ("states: {a: {letter: I, start: 1}}", "found start 1, expected true or false"),
        ("states: {a: {letter: I, successors: b}}", "expected a list of state names"),
        ("states: {a: {letter: I, start: true, end: true, successors: [b]}}", "successor 'b'"),
        ("states: {1: {letter: I}}", "found a name that is not text"),
    ],
)
def test_damaged_file_is_named(tmp_path, text, message):
    path = tmp_path / "g.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_grammar(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_command_prints_the_table(tmp_path):
    printed = CliRunner().invoke(app, ["grammar"]).stdout
    for state in default_grammar().states:
        assert state.name in printed
    path = tmp_path / "own.yaml"
    path.write_text(CliRunner().invoke(app, ["grammar", "--yaml"]).stdout)
    assert load_grammar(path) == default_grammar()
    path.write_text(yaml.safe_dump(grammar_tree(Grammar(HELICAL))))
    assert "5-30" in CliRunner().invoke(app, ["grammar", "--file", str(path)]).stdout


def test_command_prints_graphviz():
    printed = CliRunner().invoke(app, ["grammar", "--graphviz"]).stdout
    assert printed.startswith("digraph grammar {")
    assert '"helix_out" -> "outside";' in printed
    assert printed.count(" -> ") == len(default_grammar().arcs)
    assert printed.count("peripheries=2") == sum(state.end for state in default_grammar().states)


def test_command_fails_with_one_line(tmp_path):
    command = [sys.executable, "-m", "topo", "grammar", "--file", str(tmp_path / "none.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "no such file" in result.stderr
