"""What partly known labels leave open, against enumeration and on the real label files."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_enumeration import agrees, paths, small_grammar, spell

from topo.grammar.legality import fill_determined, is_legal, only_topology, possible_types
from topo.labels import TYPES, protein_type
from topo.segments import to_segments

SMALL = small_grammar(I=1, O=2)
EVERY = {size: {spell(SMALL, path) for path in paths(SMALL, size)} for size in range(1, 9)}
CROPS = {
    (size, *flags): {spell(SMALL, path) for path in paths(SMALL, size, *flags)}
    for size in range(1, 6)
    for flags in ((True, False), (False, True), (True, True))
}


@st.composite
def partly_known(draw: st.DrawFn, legal: bool = True) -> str:
    size = draw(st.integers(1, 8))
    if legal:
        labels = draw(st.sampled_from(sorted(EVERY[size])))
    else:
        labels = draw(st.text("IOPSMB", min_size=size, max_size=size))
    hidden = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return "".join("-" if hide else label for label, hide in zip(labels, hidden, strict=True))


@settings(max_examples=300)
@given(st.booleans().flatmap(lambda legal: partly_known(legal=legal)))
def test_answers_equal_enumeration(known):
    fitting = [labels for labels in EVERY[len(known)] if agrees(known, labels)]
    types = {protein_type(labels) for labels in fitting}
    assert is_legal(known, SMALL) == bool(fitting)
    assert possible_types(known, SMALL) == tuple(name for name in TYPES if name in types)
    if fitting:
        columns = [set(column) for column in zip(*fitting, strict=True)]
        wanted = "".join(min(c) if len(c) == 1 else "-" for c in columns)
    else:
        wanted = known
    assert fill_determined(known, SMALL) == wanted
    orders = {tuple(segment.label for segment in to_segments(labels)) for labels in fitting}
    assert only_topology(known, SMALL) == (list(*orders) if len(orders) == 1 else None)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CROPS)), st.data())
def test_crops_equal_enumeration(key, data):
    size, *flags = key
    known = data.draw(st.text("IOPSMB-", min_size=size, max_size=size))
    assert is_legal(known, SMALL, *flags) == any(agrees(known, labels) for labels in CROPS[key])


@pytest.mark.parametrize(
    ("labels", "legal"),
    [
        ("", False),
        ("I", True),
        ("O" * 30, False),
        ("M" * 8, True),
        ("M" * 7, False),
        ("S" * 20 + "O" * 30, True),
        ("S" * 20 + "P" * 30, False),
        ("S" * 20, False),
        ("I" * 5 + "M" * 20 + "O" * 5, True),
        ("I" * 5 + "M" * 20 + "I" * 5, False),
        ("S" * 20 + "P" * 5 + "B" * 9 + "O" * 4 + "B" * 9 + "P" * 3, True),
        ("S" * 20 + "P" * 5 + "B" * 9 + "P" * 4, False),
        ("P" * 5 + "B" * 9 + "O" * 4, True),
        ("I" * 5 + "M" * 20 + "O" * 5 + "B" * 9, False),
    ],
)
def test_the_default_grammar_knows_the_biology(labels, legal):
    assert is_legal(labels) == legal


def test_hidden_start_leaves_signal_peptide_open():
    known = "-" * 20 + "O" * 10 + "M" * 20 + "I" * 10
    assert possible_types(known) == ("TM", "SP+TM")
    assert only_topology(known) is None
    assert only_topology("I" * 5 + "-" * 3 + "M" * 17 + "--" + "O" * 4) == ["I", "M", "O"]
    assert fill_determined("I" * 5 + "M" * 8 + "O-O") == "I" * 5 + "M" * 8 + "OOO"


def test_other_letters_are_refused():
    with pytest.raises(ValueError, match="position 2"):
        is_legal("IX")


def test_a_long_unknown_chain_is_quick():
    known = "-" * 35_213
    started = time.perf_counter()
    assert possible_types(known) == TYPES
    assert fill_determined(known) == known
    assert only_topology(known) is None
    assert time.perf_counter() - started < 5


def label_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Id and labels of every record."""
    partitions = json.loads((folder / "topology/deeptmhmm.partitions.json").read_text())
    for records in partitions.values():
        yield from ((record["id"], record["labels"]) for record in records)
    for name in (
        "topology/tmbed.3line",
        "topology/uniprot_silver.3line",
        "structures/labels.3line",
    ):
        lines = (folder / name).read_text().splitlines()
        yield from zip(lines[::3], lines[2::3], strict=True)


@pytest.mark.data
def test_every_record_has_a_path(data_dir):
    without = [name for name, labels in label_files(data_dir) if not is_legal(labels)]
    assert without == []


@pytest.mark.data
def test_filling_and_order_of_all_records_are_quick_and_true(data_dir):
    records = [labels for _, labels in label_files(data_dir)]
    only_topology(records[0]), fill_determined("-" + records[0][1:])
    started = time.perf_counter()
    filled = [fill_determined(labels) for labels in records]
    orders = [only_topology(labels) for labels in records]
    assert time.perf_counter() - started < 15
    for before, after, order in zip(records, filled, orders, strict=True):
        assert all(a in (b, "-") for a, b in zip(before, after, strict=True))
        if order is not None and "-" not in after:
            assert order == [segment.label for segment in to_segments(after)]
    assert sum(labels.count("-") for labels in filled) < sum(x.count("-") for x in records)
