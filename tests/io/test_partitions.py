"""Partitions JSON."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from topo.errors import InputError, TopoError
from topo.io import read_labelled, read_partitions, read_proteins, write_partitions
from topo.protein import Protein

SET = {
    "cv0": [{"id": "a", "sequence": "mkt*", "labels": "III", "source": "x"}],
    "cv1": [{"id": "b", "sequence": "AW", "labels": None}, {"id": "c", "sequence": "AC"}],
}


def save(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "set.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_folds_labels_and_further_keys(tmp_path: Path) -> None:
    proteins = list(read_partitions(save(tmp_path, SET)))
    assert [(p.id, p.sequence, p.labels) for p in proteins] == [
        ("a", "MKT", "III"),
        ("b", "AW", None),
        ("c", "AC", None),
    ]
    assert proteins[0].fold == "cv0"
    assert proteins[0].metadata == {"source": "x"}
    assert proteins[2].fold == "cv1"
    assert proteins[2].metadata == {}


def test_folds_are_selected_in_the_order_wanted(tmp_path: Path) -> None:
    path = save(tmp_path, SET)
    assert [p.id for p in read_proteins(f"{path}:cv1, cv0,cv1")] == ["b", "c", "a"]
    assert [p.id for p in read_partitions(path, ["cv0"])] == ["a"]
    zipped = tmp_path / "set.json.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert [p.id for p in read_proteins(f"{zipped}:cv0")] == ["a"]


def test_unknown_fold_names_those_there_are(tmp_path: Path) -> None:
    path = save(tmp_path, SET)
    for names, unknown in [("cv9", "cv9"), ("cv0,", "")]:
        with pytest.raises(InputError) as caught:
            list(read_proteins(f"{path}:{names}"))
        assert str(caught.value) == f"{path}: has no fold {unknown!r}; it has cv0, cv1"


def test_folds_of_a_file_without_folds(tmp_path: Path) -> None:
    path = tmp_path / "not.json"
    path.write_text(">a\nMKT\n")
    with pytest.raises(InputError, match="found fasta, which has no folds"):
        list(read_proteins(f"{path}:cv0"))


def test_a_file_whose_name_looks_like_a_selection_is_read(tmp_path: Path) -> None:
    path = tmp_path / "set.json:cv0"
    path.write_text(json.dumps(SET))
    assert len(list(read_proteins(path))) == 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ": holds no records"),
        ("{}", ": holds no records"),
        ('{"cv0": []}', ": holds no records"),
        ('{"cv0": [\n{"id" 1}]}', ":2: not valid JSON (Expecting ':' delimiter)"),
        ("[1]", ': found a JSON list, expected {fold: [{"id", "sequence", "labels"}, ...]}'),
        (
            '{"cv0": {}}',
            ": fold 'cv0': found a JSON dict, "
            'expected {fold: [{"id", "sequence", "labels"}, ...]}',
        ),
        ('{"cv0": [3]}', ": cv0 record 1: found int, expected an object"),
        ('{"cv0": [{"id": "a"}]}', ": cv0 record 1: expected text under 'sequence'"),
        (
            '{"cv0": [{"id": "a b", "sequence": "M"}]}',
            ": cv0 record 1: found id 'a b', expected one word",
        ),
        (
            '{"cv0": [{"id": "\\ud800", "sequence": "M"}]}',
            ": cv0 record 1: found id '\\ud800', expected one word",
        ),
        (
            '{"cv0": [{"id": "a", "sequence": "M", "labels": 3}]}',
            ": cv0 record 1: expected text under 'labels'",
        ),
        (
            '{"cv0": [{"id": "a", "sequence": "MKT", "labels": "IIII"}]}',
            ": found 4 labels for 3 residues of a (cv0 record 1)",
        ),
        ('{"cv0": [{"id": "a", "sequence": ""}]}', ": a (cv0 record 1) has no residues"),
    ],
)
def test_malformed_sets(tmp_path: Path, content: str, expected: str) -> None:
    path = save(tmp_path, content)
    with pytest.raises(InputError) as caught:
        list(read_proteins(path) if content[:1] in "{[" else read_partitions(path))
    assert str(caught.value) == f"{path}{expected}"


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_absurd_json_is_still_one_clear_line(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_partitions(save(tmp_path, content)))
    assert "\n" not in str(caught.value)


def test_repeated_ids_name_the_folds(tmp_path: Path) -> None:
    path = save(
        tmp_path, {"x": [{"id": "a", "sequence": "M"}], "y": [{"id": "a", "sequence": "K"}]}
    )
    with pytest.warns(UserWarning, match=r"a \(x record 1 and y record 1\)"):
        assert len(list(read_partitions(path))) == 2


def test_records_without_labels_are_no_labelled_set(tmp_path: Path) -> None:
    path = save(tmp_path, SET)
    assert [p.id for p in read_labelled(f"{path}:cv0")] == ["a"]
    with pytest.raises(InputError, match="b has no labels"):
        list(read_labelled(path))


def test_writing_needs_proteins_and_names_a_fold(tmp_path: Path) -> None:
    with pytest.raises(TopoError, match="no proteins"):
        write_partitions([], tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []
    write_partitions([Protein("a", "MK", "II")], tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {
        "all": [{"id": "a", "sequence": "MK", "labels": "II"}]
    }


@pytest.mark.data
def test_the_published_layout(data_dir: Path) -> None:
    path = data_dir / "topology" / "deeptmhmm.partitions.json"
    content = json.loads(path.read_text())
    proteins = list(read_labelled(f"{path}:cv3,cv0"))
    oracle = [(r["id"], r["sequence"], r["labels"]) for r in content["cv3"] + content["cv0"]]
    assert [(p.id, p.sequence, p.labels) for p in proteins] == oracle
    assert {p.fold for p in proteins[:714]} == {"cv3"}


def test_keys_of_the_user_are_kept_apart_from_the_fields(tmp_path: Path) -> None:
    keys = {"partition": "mine", "similar_folds": "cv0", "structure": "1abc"}
    source, target = tmp_path / "a.json", tmp_path / "b.json"
    source.write_text(json.dumps({"cv1": [{"id": "a", "sequence": "MK", "labels": "II", **keys}]}))
    (protein,) = read_partitions(source)
    assert (protein.fold, protein.similar_folds, protein.structure) == ("cv1", (), None)
    assert protein.metadata == keys
    write_partitions([protein], target)
    assert json.loads(target.read_text()) == json.loads(source.read_text())
