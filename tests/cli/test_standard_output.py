"""Output for scripts: standard output, JSON lines, a single sequence, and how much is printed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import ROOT, command

SEQUENCE = "MKTLLVAGLLIVAGLLIVAGAAAKKK"
FASTA = f">a first\n{SEQUENCE}\n>b\nMKKDDEERRSTSTDDEEKKRR\n"


@pytest.fixture
def fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of two proteins in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.fasta"
    path.write_text(FASTA)
    return path


def predict(model: Path, *words: object) -> int:
    return command("predict", *words, "--model", model, "--precision", "32")


@pytest.mark.parametrize("form", ["3line", "summary", "gff3", "segments", "jsonl", "tmrs"])
def test_standard_output_has_the_bytes_of_the_file(model, fasta: Path, form, capfdbinary) -> None:
    assert predict(model, fasta, "-o", "out", "--format", form, "-q") == 0
    assert capfdbinary.readouterr() == (b"", b"")
    (file,) = [path for path in Path("out").iterdir() if path.is_file()]
    assert predict(model, fasta, "-o", "-", "--format", form) == 0
    assert capfdbinary.readouterr() == (file.read_bytes(), b"")
    assert sorted(os.listdir()) == ["a.fasta", "out"]


def test_json_is_one_object_for_each_protein(model, fasta: Path, capfd) -> None:
    assert predict(model, fasta, "--json", "-v") == 0
    printed = capfd.readouterr()
    assert [json.loads(line)["id"] for line in printed.out.splitlines()] == ["a", "b"]
    lines = printed.err.splitlines()
    assert lines[0] == f"model {model} on cpu"
    assert lines[1] == "2 proteins, 47 residues"
    assert lines[-1].startswith("finished in ")


def test_a_single_sequence(model, fasta: Path, capfd) -> None:
    assert predict(model, "--sequence", SEQUENCE.lower()) == 0
    header, sequence, labels = capfd.readouterr().out.splitlines()
    assert header.startswith(">sequence | ")
    assert (sequence, len(labels)) == (SEQUENCE, len(SEQUENCE))
    assert os.listdir() == ["a.fasta"]
    assert predict(model, "--sequence", SEQUENCE, "-o", "out", "--format", "3line") == 0
    assert Path("out/predicted_topologies.3line").read_text().splitlines()[2] == labels
    assert predict(model, "--sequence", SEQUENCE, "--fix", "type:GLOB", "-o", "-") == 0
    assert capfd.readouterr().out.endswith("I" * len(SEQUENCE) + "\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sequence", "MK1"], "--sequence: found '1' at position 3 of sequence"),
        (["--sequence", "ATGACGTTTCCAGGATACGGACTTAACGAT"], "--sequence: "),
        (["--sequence", "MKK", "a.fasta"], "found --sequence and a file of proteins"),
        ([], "found no proteins, expected a file of proteins, a folder or --sequence"),
        (["a.fasta", "-o", "-", "--format", "html"], "found format html, expected one of"),
        (["a.fasta", "-o", "-", "--format", "tmrs", "--format", "3line"], "found 2 formats"),
        (["a.fasta", "--json", "--format", "3line"], "found --json and --format 3line"),
        (["a.fasta", "--json", "-o", "out"], "found --json and the output folder out"),
        (["a.fasta", "-o", "-", "--plots", "all"], "found --plots and standard output"),
        (["a.fasta", "-o", "-", "--resume"], "found --resume and standard output"),
        (["a.fasta", "-q", "-v"], "found -q and -v, expected one of them"),
    ],
)
def test_options_that_do_not_fit_are_one_line(model, fasta: Path, words, message, capfd) -> None:
    assert predict(model, *words) == 2
    printed = capfd.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith(f"topo: {message}")
    assert printed.out == ""
    assert os.listdir() == ["a.fasta"]


def test_faulty_records_and_encoded_ids_are_warnings(model, fasta: Path, capfd) -> None:
    fasta.write_text(f">=a\n{SEQUENCE}\n>b\n>c\n{SEQUENCE}\n")
    assert predict(model, fasta, "-o", "-", "--skip-invalid") == 0
    printed = capfd.readouterr()
    assert printed.out.count(">") == 2
    assert printed.err.splitlines() == [
        "topo: warning: left out 1 faulty record (b)",
        "topo: warning: -: 1 ids are spelled otherwise, e.g. '=a' as %3Da",
    ]


def test_every_verb_has_both_options() -> None:
    import typer

    from topo.cli.main import app

    def check(group: typer.core.TyperGroup, context: typer.Context) -> None:
        for name in group.list_commands(context):
            verb = group.get_command(context, name)
            names = [option for p in verb.params for option in p.opts]
            assert names.count("-q") == names.count("-v") == 1, name
            if isinstance(verb, typer.core.TyperGroup):
                check(verb, context)

    root = typer.main.get_command(app)
    check(root, root.make_context("topo", ["grammar"], resilient_parsing=True))


def test_quiet_prints_results(capfd) -> None:
    source = ROOT / "data/example/example.partitions.json"
    assert command("data", "stats", source, "-q") == 0
    assert "proteins" in capfd.readouterr().out  # a result
