"""Telling formats by their content."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest
from golden_proteins import proteins

from topo.errors import InputError
from topo.io import read_labelled, read_predictions, read_proteins
from topo.io.formats import recognise
from topo.io.lines import Lines
from topo.io.readers import read_any
from topo.io.writers import open_writers
from topo.resources import bundled


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "fasta"),
        (">a\nMKT\n", "fasta"),
        (">a\nMKT\nIII\n", "3line"),
        (">a | TM\nMKT\nII\n", "3line"),
        (">a\nMKTAAWLLVKMKTAAWLLVK\nIIIIIIIIIIIIIII\n", "3line"),  # labels missing at the end
        (">a\nMKT\nI-M\n>b\nMKT\nIII\n", "3line"),
        (">a\nMKTAAWLLVK\nSPM\n", "fasta"),  # a short last line
        (">a\nMKT\nMKT\nIII\n", "fasta"),
        (">a\nMKTAA\nMKTAA\n>b\n", "fasta"),
        (">a\n>b\nMKT\n", "fasta"),
        (">a | TM\nMKT\nmmm\n", "3line"),  # the reader then says what is wrong
        ("\n;x\n>a\nMKT\nIII\n", "3line"),
        ('{"a": []}', "partitions"),
        ("[", "partitions"),
        ("ID   LACY_ECOLI   Reviewed;   417 AA.\n", "swissprot"),
    ],
)
def test_formats_of_proteins(text: str, form: str) -> None:
    found = recognise("proteins", Lines("x", text.splitlines(keepends=True), raw=True))
    assert found is not None
    assert found.name == form


def test_the_bundled_files_say_the_same() -> None:
    folder = bundled("example")
    three_line = {p.id: p for p in read_proteins(folder / "proteins.3line")}
    fasta = {p.id: p.sequence for p in read_proteins(folder / "proteins.fasta")}
    partitions = {p.id: p for p in read_labelled(folder / "example.partitions.json")}
    assert fasta == {p.id: p.sequence for p in three_line.values()}
    assert fasta == {p.id: p.sequence for p in partitions.values()}
    assert all(three_line[i].labels == p.labels for i, p in partitions.items())


def test_labels_that_do_not_fit_are_found_without_naming_the_format(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.write_text(">a | GLOB\nMKT\nIIII\n")
    with pytest.raises(InputError, match=r":3: found 4 labels for 3 residues of a$"):
        list(read_proteins(path))


def test_blank_lines_before_the_first_record(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.write_text("\n\n \n>a\n\nMKT\n\nIII\n")
    assert [p.labels for p in read_proteins(path)] == ["III"]


def test_a_labelled_file_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "set.fasta"
    path.write_text(">a\nMKT\n")
    with pytest.raises(InputError, match="a has no labels; expected records with labels"):
        list(read_labelled(path))


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("parquet", "Parquet"),
        ("summary", "summary.tsv"),
        ("phobius", "Phobius' short format (it has no lengths; the long format is read)"),
        ("signalp", "SignalP's table"),
    ],
)
def test_what_is_written_but_not_read_is_named(tmp_path: Path, form: str, name: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with open_writers(tmp_path, [form]) as writers:
        for record in proteins():
            writers.write(record)
    path = tmp_path / writers.files[0]
    found = re.escape(f"{path}: found {name}, which is written but not read; expected ")
    for read, known in (
        (read_proteins, "FASTA, 3-line,"),
        (read_predictions, "3-line, GFF3,"),
        (read_any, "3-line, GFF3,"),
    ):
        with pytest.raises(InputError, match=found + known):
            list(read(path))


@pytest.mark.data
def test_a_real_corpus_is_streamed(data_dir: Path) -> None:
    path = data_dir / "corpus" / "sequences.fasta.gz"
    assert len(list(islice(read_proteins(path), 1000))) == 1000
