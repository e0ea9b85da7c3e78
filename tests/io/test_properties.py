"""Round trips of writers and readers; no text makes a reader fail in an unforeseen way."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from topo import io
from topo.errors import TopoError
from topo.io.fasta import parse_fasta
from topo.io.lines import Lines
from topo.io.partitions import parse_partitions
from topo.io.readers import read_any
from topo.io.swissprot import parse_swissprot
from topo.io.three_line import parse_three_line
from topo.protein import Protein

WORD = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
ROWS = st.lists(
    st.one_of(
        st.sampled_from(
            [">a", ">", ">a | TM", "MKT", "III", "M*", "*", "", ";x", "ID   A   Reviewed; 3 AA.",
             "SQ   SEQUENCE   3 AA;", "     MKT", "FT   SIGNAL        1      2", "//", "{", "["]
        ),
        st.text(max_size=20),
    ),
    max_size=12,
)  # fmt: skip


@st.composite
def proteins(draw: st.DrawFn, labelled: bool) -> list[Protein]:
    found = []
    for identifier in draw(st.lists(WORD, min_size=1, max_size=6, unique=True)):
        sequence = draw(st.text("ACDEFGHIKLMNPQRSTVWYUOBZJX", min_size=1, max_size=200))
        size = len(sequence)
        labels = draw(st.text("IOPSMB-", min_size=size, max_size=size)) if labelled else None
        fold = draw(st.sampled_from(["one", "two"]))
        found.append(Protein(identifier, sequence, labels, fold=fold))
    return found


def rows(records: list[Protein]) -> list[tuple]:
    return [(p.id, p.sequence, p.labels) for p in records]


def there_and_back(write, read, records: list[Protein], name: str) -> list[Protein]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(records, path)
        return list(read(path))


@given(proteins(labelled=False))
def test_fasta(records: list[Protein]) -> None:
    assert rows(there_and_back(io.write_fasta, io.read_fasta, records, "x")) == rows(records)


@given(proteins(labelled=True))
def test_three_line(records: list[Protein]) -> None:
    back = there_and_back(io.write_three_line, io.read_three_line, records, "x.gz")
    assert rows(back) == rows(records)


@given(proteins(labelled=True))
def test_partitions_through_the_sniffer(records: list[Protein]) -> None:
    back = there_and_back(io.write_partitions, io.read_proteins, records, "x.json")
    order = list(dict.fromkeys(p.fold for p in records))
    expected = sorted(records, key=lambda p: order.index(p.fold))
    assert rows(back) == rows(expected)
    assert [(p.fold, p.metadata) for p in back] == [(p.fold, p.metadata) for p in expected]


@given(ROWS, st.sampled_from(["\n", "\r\n", "\r"]))
@settings(max_examples=300)
def test_any_text_gives_records_or_one_clear_line(lines: list[str], end: str) -> None:
    text = end.join(lines)

    def lines_of_text() -> Lines:
        unix = text.replace("\r\n", "\n").replace("\r", "\n")
        return Lines("x", unix.splitlines(True), raw=True)

    for parse in (
        lambda: parse_fasta(lines_of_text()),
        lambda: parse_three_line(lines_of_text()),
        lambda: parse_swissprot(lines_of_text()),
        lambda: parse_partitions(text, "x"),
    ):
        check_total(parse)


@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_one_clear_line(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(content)
        check_total(lambda: io.read_proteins(path))
        check_total(lambda: read_any(path))


def check_total(parse) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message, found = "", []
        try:
            found = list(parse())
        except TopoError as error:
            message = str(error)
        assert bool(message) != bool(found)
        assert "\n" not in message
        assert all(p.sequence.isalpha() and p.sequence.isupper() for p in found)


@given(ROWS.map("\n".join))
@settings(max_examples=200)
def test_any_file_can_be_told_apart(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_text(text)
        check_total(lambda: read_any(path))
