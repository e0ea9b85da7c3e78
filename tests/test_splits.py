"""From files and folds to splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from topo.config import DataConfig
from topo.data.dataset import ProteinDataset, sampling_types, type_sets
from topo.data.splits import hold_out, load_splits, read_similar_folds, sha256
from topo.errors import ConfigError, InputError
from topo.protein import Protein

LABELS = {"GLOB": "I" * 30, "SP": "S" * 12 + "O" * 18, "TM": "I" * 5 + "M" * 20 + "O" * 5}


def _records(fold: str, start: int, kinds: dict[str, int]) -> list[dict[str, str]]:
    random = np.random.default_rng(start)
    records = []
    for kind, count in kinds.items():
        for _ in range(count):
            sequence = "".join(random.choice(list("ACDEFGHIKLMNPQRSTVWY"), 30))
            name = f"{fold}_{kind}_{len(records)}"
            records.append({"id": name, "sequence": sequence, "labels": LABELS[kind]})
    return records


@pytest.fixture
def partitions(tmp_path: Path) -> Path:
    kinds = {"GLOB": 20, "SP": 10, "TM": 4}
    folds = {f"cv{i}": _records(f"cv{i}", i, kinds) for i in range(3)}
    path = tmp_path / "set.json"
    path.write_text(json.dumps(folds))
    return path


def _ids(labelled) -> set[str]:
    return {protein.id for protein in labelled.proteins}


def test_named_folds_go_where_they_are_sent(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"], test=["cv2"])
    splits = load_splits(config, seed=0)
    for name, fold in (("train", "cv0"), ("validation", "cv1"), ("test", "cv2")):
        assert {i[:3] for i in _ids(getattr(splits, name))} == {fold}
        assert len(getattr(splits, name)) == 34
    assert splits.checksums == {str(partitions): sha256(partitions)}


def test_without_training_folds_the_rest_trains(partitions: Path) -> None:
    splits = load_splits(DataConfig(path=str(partitions), validation=["cv1"]), seed=0)
    assert {i[:3] for i in _ids(splits.train)} == {"cv0", "cv2"}


def test_a_tenth_of_each_type_is_held_out(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0", "cv1"], test=["cv2"])
    splits = load_splits(config, seed=0)
    assert not _ids(splits.train) & _ids(splits.validation)
    assert len(splits.train) + len(splits.validation) == 68
    assert splits.validation.types.sum(0).tolist() == [1, 0, 2, 4, 0]
    again, other = load_splits(config, seed=0), load_splits(config, seed=1)
    assert _ids(again.validation) == _ids(splits.validation) != _ids(other.validation)


def test_extra_proteins_similar_to_evaluated_folds_stay_out(
    partitions: Path, tmp_path: Path
) -> None:
    extra, table = tmp_path / "extra.3line", tmp_path / "similar.tsv"
    known = json.loads(partitions.read_text())["cv0"][0]["sequence"]
    records = [("a", "M" + "A" * 29), ("a", "M" + "C" * 29), ("b", "M" + "D" * 29), ("c", known)]
    extra.write_text("".join(f">{i} | GLOB\n{s}\n{'I' * 30}\n" for i, s in records))
    table.write_text("id\tsimilar_folds\na\t-\na\tcv0,cv2\nb\tcv0\nc\t-\n")
    config = DataConfig(
        path=str(partitions),
        train=["cv0"],
        validation=["cv1"],
        test=["cv2"],
        extra=[{"path": str(extra), "exclude_similar": str(table), "weight": 0.5}],
    )
    splits = load_splits(config, seed=0)
    added = [p.sequence for p in splits.train.proteins[34:]]
    assert added == ["M" + "A" * 29, "M" + "D" * 29]  # by row, not by id; no sequence twice
    assert splits.train.weights[34:].tolist() == [0.5, 0.5]
    assert splits.left_out == {f"{extra}: similar to evaluated folds": 1}


def test_ends_of_segments_of_an_extra_set_are_hidden(partitions: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra.3line"
    extra.write_text(f">a | TM\n{'MA' * 15}\n{LABELS['TM']}\n")
    config = DataConfig(
        path=str(partitions), train=["cv0"], extra=[{"path": str(extra), "blur": 3}]
    )
    (added,) = (p for p in load_splits(config, seed=0).train.proteins if p.id == "a")
    assert added.labels == "III-----" + "M" * 14 + "-----OOO"


def test_table_must_have_a_row_for_each_record(partitions: Path, tmp_path: Path) -> None:
    extra, table = tmp_path / "extra.3line", tmp_path / "similar.tsv"
    extra.write_text(">a | GLOB\nMA\nII\n")
    table.write_text("id\tsimilar_folds\n")
    config = DataConfig(
        path=str(partitions), extra=[{"path": str(extra), "exclude_similar": str(table)}]
    )
    with pytest.raises(InputError, match="found 0 rows, expected one for each of the 1 records"):
        load_splits(config, seed=0)
    table.write_text("id\tfolds\n")
    with pytest.raises(InputError, match=r"similar\.tsv:1: expected a column similar_folds"):
        read_similar_folds(table)


def test_a_protein_without_a_legal_path_is_named_counted_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "set.3line"
    good = "".join(
        f">g{i} | GLOB\n{'MACDEFGHIK'[i:] + 'A' * 20}\n{'I' * (30 - i)}\n" for i in range(4)
    )
    path.write_text(good + ">odd | TM\nMKVL\nIMMO\n")
    with pytest.warns(UserWarning, match="1 proteins have no path in the grammar, left out: odd"):
        splits = load_splits(DataConfig(path=str(path)), seed=0)
    assert "odd" not in _ids(splits.train)
    assert sum(splits.left_out.values()) == 1


def test_unknown_fold_names_those_that_exist(partitions: Path) -> None:
    with pytest.raises(ConfigError, match="unknown fold cv7, the file has cv0, cv1, cv2"):
        load_splits(DataConfig(path=str(partitions), train=["cv7"]), seed=0)


def test_a_smaller_training_set_keeps_the_proportions(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"], size=17)
    splits = load_splits(config, seed=0)
    assert splits.train.types.sum(0).tolist() == [2, 0, 5, 10, 0]


def test_hold_out_takes_one_of_a_type_of_two_and_none_of_a_type_of_one() -> None:
    types = np.array([0, 0, 1, 2, 2, 2])
    kept, held = hold_out(np.arange(6), types, 0.1, seed=0)
    assert sorted(types[held]) == [0, 2]
    assert sorted([*kept, *held]) == list(range(6))


def test_a_protein_of_several_possible_types_counts_by_the_most_frequent() -> None:
    proteins = [Protein("t", "A" * 30, LABELS["TM"])] * 3 + [Protein("s", "A" * 30, LABELS["SP"])]
    vague = Protein("v", "A" * 30, "-" * 10 + "O" * 20)
    sets = type_sets([*proteins, vague])
    assert sets[-1].sum() > 1
    assert sampling_types(sets).tolist() == [0, 0, 0, 2, 0]


def test_crops_depend_on_seed_epoch_and_protein_only() -> None:
    labels = "S" * 20 + "O" * 180
    proteins = [Protein(str(i), "A" * 200, labels) for i in range(40)]
    dataset = ProteinDataset(proteins, type_sets(proteins), window=2, crop=50, seed=1)
    pieces = [dataset._piece(i) for i in range(40)]
    assert pieces == [dataset._piece(i) for i in range(40)]
    assert all(end - start == 50 for start, end in pieces)
    assert all(labels[start] != "S" or start == 0 for start, _ in pieces)
    assert 0.3 < np.mean([start == 0 for start, _ in pieces]) < 0.8
    dataset.epoch = 1
    assert pieces != [dataset._piece(i) for i in range(40)]
    graph = dataset[next(i for i in range(40) if dataset._piece(i)[0] > 0)]
    assert graph.open_ends[0, 0]
    assert len(graph.y) == 50
