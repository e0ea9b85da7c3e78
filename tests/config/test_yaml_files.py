"""YAML that is broken or hostile: refused at once, in one line that names key and value."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, command

from topo.config import parse_yaml, read_yaml
from topo.config.yaml_files import DEEPEST, LARGEST, YamlError, dump_yaml
from topo.io.grammar import load_grammar

CASES = ROOT / "tests" / "cases"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-2e3", -2e3),
        (".5e-3", 5e-4),
        ("1.e2", 100.0),
        ("3e+2", 300.0),
        ("1.5e-3", 1.5e-3),
        ("e5", "e5"),
        ("1e", "1e"),
        ("12e5x", "12e5x"),
        ("'1e-4'", "1e-4"),
        ("0x1e4", 0x1E4),
        ("[1e1, {a: 2e1}]", [10.0, {"a": 20.0}]),
    ],
)
def test_scientific_numbers(text: str, value: object) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize("value", ["1e5", "1e-4", "yes", "", "a: b", ["1E3", 1e-7], {"1e2": None}])
def test_dumped_values_are_read_back(value: object) -> None:
    assert parse_yaml(dump_yaml(value)) == value


def test_equal_objects_are_dumped_in_full() -> None:
    shared = [1, 2]
    assert parse_yaml(dump_yaml([shared, shared])) == [shared, shared]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph: !!timestamp x", "graph: found !!timestamp 'x'"),
        ("a: {b: !!bool maybe}", "a.b: found !!bool 'maybe'"),
        ("a: [1, !!int '']", "a: found !!int ''"),
        ("a: !!float x", "a: found !!float 'x'"),
        ("a: 2001-99-99", "a: found !!timestamp '2001-99-99'"),
        ("a: !!python/object:os.system x", "a: found !!python/object:os.system 'x'"),
        ("a: &x 1", "found an anchor or alias"),
        ("a: *x", "found an anchor or alias"),
        ("<<: *x", "found an anchor or alias"),
        ("[" * 5000, f"nested deeper than {DEEPEST} levels"),
        ("- " * 300 + "x", f"nested deeper than {DEEPEST} levels"),
        ("a: " + "9" * 1001, "more than 1000 digits"),
        ("a" * (LARGEST + 1), "expected at most"),
        ("a: \x00", "not allowed"),
        ("a: [1", "expected"),
        ("? {a: 1}\n: 2", "unhashable"),
    ],
)
def test_faults_are_one_line_with_key_and_value(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises(YamlError) as caught:
        read_yaml(path)
    assert time.process_time() - start < 2
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


def test_deepest_is_read() -> None:
    parse_yaml("[" * DEEPEST + "]" * DEEPEST)


def _only_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("topo: ")
    assert len(line) < 500
    return line


@pytest.mark.parametrize(
    ("file", "verb"),
    [
        ("bomb_cfg.yaml", ("train", "--config")),
        ("ts.yaml", ("train", "--config")),
        ("bomb_sweep.yaml", ("sweep",)),
        ("bomb_cfg.yaml", ("grammar", "--file")),
    ],
)
def test_cases_are_refused_at_once(
    file: str, verb: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.process_time()
    output = () if verb[0] == "grammar" else ("-o", tmp_path / "out")
    assert command(*verb, CASES / file, *output) == 2
    assert time.process_time() - start < 20  # imports included
    assert f"{file}:" in _only_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["checkpoint_bomb_config.yaml", "ts.yaml"])
def test_configuration_of_a_checkpoint(
    name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copy = shutil.copytree(model, tmp_path / "copy")
    shutil.copyfile(CASES / name, copy / "config.yaml")
    fasta = tmp_path / "a.fasta"
    fasta.write_text(">a\nMKT\n")
    assert command("predict", fasta, "--model", copy, "-o", tmp_path / "out") == 2
    assert "config.yaml:" in _only_line(capsys)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    for read in (read_yaml, load_grammar):
        with pytest.raises(Exception, match="expected a regular file"):
            read(path)
