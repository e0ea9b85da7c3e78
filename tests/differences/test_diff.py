"""Differences of topologies: alignment, states of segments, consistency, files and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command
from hypothesis import given
from hypothesis import strategies as st

from topo.crf.alternatives import flip
from topo.differences import align, compare, mean_consistency
from topo.errors import TopoError
from topo.labels import protein_type
from topo.protein import Prediction

GOLDEN = ROOT / "tests" / "golden"
LOOP, HELIX = "KDESTNGQRK", "LLVAILFGVLLAVILVLALLI"


def protein(name: str, sequence: str, labels: str) -> Prediction:
    return Prediction(name, sequence, labels, protein_type(labels))


def chain(name: str, sides: str) -> Prediction:
    """Helices between loops on these sides; no two loops or helices are the same."""
    sequence, labels = "", ""
    for number, side in enumerate(sides):
        turn = number % len(LOOP)
        sequence += LOOP[turn:] + LOOP[:turn]
        labels += side * len(LOOP)
        if number < len(sides) - 1:
            sequence += HELIX[number:] + HELIX[:number]
            labels += "M" * len(HELIX)
    return protein(name, sequence, labels)


def states(first: Prediction, second: Prediction) -> list[str]:
    return [change.state for change in compare(first, second).changes]


def test_identical_topologies_have_consistency_one() -> None:
    found = compare(chain("a", "IOIO"), chain("b", "IOIO"))
    assert [change.state for change in found.changes] == ["kept"] * 3
    assert (found.consistency, found.same_topology, found.alignment.identity) == (1.0, True, 1.0)


def test_a_flipped_topology_has_consistency_zero() -> None:
    found = compare(chain("a", "IOIO"), chain("b", "OIOI"))
    assert [change.state for change in found.changes] == ["flipped"] * 3
    assert (found.consistency, found.same_topology) == (0.0, False)


def test_a_lost_helix_flips_the_rest() -> None:
    first = chain("a", "IOIOIO")
    start = 10 + 21 + 10  # the second helix
    labels = first.labels[:start] + "O" * 21 + first.labels[start + 21 :]
    labels = labels[: start + 21] + labels[start + 21 :].translate(str.maketrans("IO", "OI"))
    found = compare(first, protein("b", first.sequence, labels))
    assert [change.state for change in found.changes] == [
        "kept",
        "lost",
        "flipped",
        "flipped",
        "flipped",
    ]
    assert found.consistency == pytest.approx(2 * 1 / (5 + 4))
    back = compare(found.second, first)
    assert back.counts["gained"] == 1
    assert back.consistency == found.consistency


def test_shifts_are_measured_on_the_alignment() -> None:
    first = chain("a", "IO")
    for shift, state in ((5, "kept"), (6, "shifted"), (-6, "shifted"), (25, "lost")):
        labels = "I" * (10 + shift) + "M" * 21
        labels = (labels + "O" * 99)[: len(first)]
        assert states(first, protein("b", first.sequence, labels))[0] == state
    # an insertion before the helix moves it in the second sequence only
    longer = protein("b", "WWWWWWW" + first.sequence, "I" * 7 + first.labels)
    assert states(first, longer) == ["kept"]


def test_isoform_without_an_exon() -> None:
    first = chain("a", "IOIO")
    short = protein("b", first.sequence[31:], first.labels[31:])
    found = compare(first, short)
    assert [change.state for change in found.changes] == ["lost", "kept", "kept"]
    assert found.alignment.first.tolist() == list(range(31, len(first)))


def test_without_segments_the_types_decide() -> None:
    inside, signal = protein("a", "A" * 30, "I" * 30), protein("b", "A" * 30, "S" * 20 + "O" * 10)
    assert compare(inside, inside).consistency == 1.0
    assert compare(inside, signal).consistency == 0.0
    assert states(signal, signal) == ["kept"]
    beyond = protein("c", "A" * 30, "O" * 30)
    assert compare(inside, beyond).consistency == 0.0
    assert np.isnan(mean_consistency([]))


def test_unknown_sequences_need_equal_lengths() -> None:
    first, unknown = chain("a", "IO"), chain("a", "IO").labels
    assert states(first, protein("b", "X" * len(first), unknown)) == ["kept"]
    with pytest.raises(TopoError, match="found a topology without sequence"):
        compare(first, protein("b", "XX", "II"))


@given(st.text("ACDEFGHIKLMNPQRSTVWYXBZJUO", min_size=1, max_size=40), st.data())
def test_alignments_are_ascending_pairs(sequence: str, data) -> None:
    start = data.draw(st.integers(0, len(sequence) - 1))
    other = sequence[start:] + data.draw(st.text("ACDEFGHIK", max_size=10))
    first, second = (
        protein("a", sequence, "I" * len(sequence)),
        protein("b", other, "I" * len(other)),
    )
    if {"X"} in ({*sequence}, {*other}) and len(sequence) != len(other):
        with pytest.raises(TopoError, match="found a topology without sequence"):
            align(first, second)
        return
    found = align(first, second)
    for side, size in ((found.first, len(sequence)), (found.second, len(other))):
        assert (np.diff(side) > 0).all()
        assert side.size == 0 or (side[0] >= 0 and side[-1] < size)
    rows = found.rows(sequence, other)
    assert [row.replace("-", "") for row in rows] == [sequence, other]
    assert len(rows[0]) == len(rows[1])
    assert 0 <= found.identity <= 1


@given(st.lists(st.sampled_from("IO"), min_size=1, max_size=5))
def test_consistency_is_symmetric_and_a_flip_disagrees(sides: list[str]) -> None:
    alternating = "".join("IO"[(index + (sides[0] == "O")) % 2] for index in range(len(sides)))
    first = chain("a", alternating)
    turned = flip(first.labels)
    assert turned is not None
    second = protein("b", first.sequence, turned)
    if len(sides) > 1:
        assert compare(first, second).consistency == 0.0
    assert compare(first, second).consistency == compare(second, first).consistency
    assert compare(first, first).consistency == 1.0


@pytest.fixture
def files(tmp_path: Path, monkeypatch) -> Path:
    """Topologies in two files of the working folder."""
    monkeypatch.chdir(tmp_path)
    first, second = chain("a", "IOIO"), chain("a", "IOI")
    for name, records in {
        "first.3line": [first, chain("b", "OI"), chain("only", "IO")],
        "second.3line": [second, chain("b", "IO"), chain("c", "IOIO")],
    }.items():
        Path(name).write_text(
            "".join(f">{p.id} | {p.type}\n{p.sequence}\n{p.labels}\n" for p in records)
        )
    return tmp_path


def test_files_are_as_expected(files: Path, capfd) -> None:
    assert command("diff", "first.3line", "second.3line") == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        "2 pairs, 0 with the same topology; mean consistency 0.400",
        "diff/segment_differences.tsv",
        "diff/pairs.tsv",
        "diff/diff.html",
    ]
    for name in ("segment_differences.tsv", "pairs.tsv"):
        assert Path("diff", name).read_text() == (GOLDEN / name).read_text()
    page = Path("diff/diff.html").read_text()
    assert "lost M73-93" in page
    assert page.count("<svg") == 2
    assert command("diff", "first.3line", "second.3line", "-o", "-") == 0
    assert capfd.readouterr().out == (GOLDEN / "segment_differences.tsv").read_text()


def test_pandas_reads_the_tables() -> None:
    pandas = pytest.importorskip("pandas")
    segments = pandas.read_csv(GOLDEN / "segment_differences.tsv", sep="\t")
    assert segments["state"].tolist() == ["kept", "kept", "lost", "flipped"]
    pairs = pandas.read_csv(GOLDEN / "pairs.tsv", sep="\t")
    assert pairs["consistency"].tolist() == [0.8, 0.0]


def test_pairs_and_all_against_all(files: Path, model: Path, capfd) -> None:
    Path("pairs.tsv").write_text("# ids\na\tc\n\nonly\tb\n")
    words = ("diff", "first.3line", "second.3line", "--pairs", "pairs.tsv", "-q")
    assert command(*words) == 0
    rows = Path("diff/pairs.tsv").read_text().splitlines()
    assert [row.split("\t")[:2] for row in rows[1:]] == [["a", "c"], ["only", "b"]]
    assert [row.split("\t")[7] for row in rows[1:]] == ["1.0000", "1.0000"]
    assert command("diff", "first.3line", "-q") == 0
    assert len(Path("diff/pairs.tsv").read_text().splitlines()) == 1 + 3
    Path("a.fasta").write_text(f">x\n{LOOP + HELIX}\n>y\n{LOOP + HELIX}\n")
    assert command("diff", "a.fasta", "--model", model, "-o", "d", "-q") == 0
    assert Path("d/pairs.tsv").read_text().splitlines()[1].split("\t")[6:8] == ["yes", "1.0000"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a\tz\n", "pairs.tsv:1: found id 'z', which is not among the proteins"),
        ("# x\na b\n", "pairs.tsv:2: found 'a b', expected two ids separated by a tab"),
        ("\n", "pairs.tsv:1: holds no pairs"),
    ],
)
def test_wrong_pairs_are_one_line(table: str, message: str, files: Path, capfd) -> None:
    Path("pairs.tsv").write_text(table)
    assert command("diff", "first.3line", "second.3line", "--pairs", "pairs.tsv") == 2
    assert capfd.readouterr().err == f"topo: {message}\n"
    assert not Path("diff").exists()


def test_wrong_files_are_one_line(files: Path, capfd) -> None:
    Path("one.3line").write_text(">z | GLOB\nMKLAAAAAAAAA\nIIIIIIIIIIII\n")
    assert command("diff", "one.3line") == 2
    assert "found 1 proteins, expected 2 to 100" in capfd.readouterr().err
    assert command("diff", "one.3line", "first.3line") == 2
    assert "found no id that is in both files" in capfd.readouterr().err
