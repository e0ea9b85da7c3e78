"""From files and folds to splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from topo.config import Config, DataConfig, GraphConfig
from topo.data.dataset import ProteinDataset
from topo.data.labelled_set import LabelledSet
from topo.data.loading import train_loader
from topo.data.splits import Splits, hold_out
from topo.data.types import sampling_types, type_sets
from topo.errors import ConfigError, InputError
from topo.io.files import sha256
from topo.io.similar_folds import read_similar_folds
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


def _splits(data: DataConfig, seed: int = 0) -> Splits:
    config = Config(data=data)
    config.training.seed = seed
    return Splits.of(config)


def _ids(labelled) -> set[str]:
    return {protein.id for protein in labelled.proteins}


def test_named_folds_go_where_they_are_sent(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"], test=["cv2"])
    splits = _splits(config)
    for name, fold in (("train", "cv0"), ("validation", "cv1"), ("test", "cv2")):
        assert {i[:3] for i in _ids(getattr(splits, name))} == {fold}
        assert len(getattr(splits, name)) == 34
    assert splits.checksums == {str(partitions): sha256(partitions)}


def test_without_training_folds_the_rest_trains(partitions: Path) -> None:
    splits = _splits(DataConfig(path=str(partitions), validation=["cv1"]))
    assert {i[:3] for i in _ids(splits.train)} == {"cv0", "cv2"}


def test_a_tenth_of_each_type_is_held_out(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0", "cv1"], test=["cv2"])
    splits = _splits(config)
    assert not _ids(splits.train) & _ids(splits.validation)
    assert len(splits.train) + len(splits.validation) == 68
    assert splits.validation.types.sum(0).tolist() == [1, 0, 2, 4, 0]
    again, other = _splits(config), _splits(config, seed=1)
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
    splits = _splits(config)
    added = [p.sequence for p in splits.train.proteins[34:]]
    assert added == ["M" + "A" * 29, "M" + "D" * 29]  # by row, not by id; no sequence twice
    assert splits.train.weights[34:].tolist() == [0.5, 0.5]
    assert splits.left_out == {f"{extra}: similar to evaluated folds": 1}


def test_ends_of_segments_of_an_extra_set_are_hidden(partitions: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra.3line"
    extra.write_text(f">a | TM\n{'MA' * 15}\n{LABELS['TM']}\n")
    config = DataConfig(
        path=str(partitions), train=["cv0"], extra=[{"path": str(extra), "blur": 2}]
    )
    (added,) = (p for p in _splits(config).train.proteins if p.id == "a")
    assert added.labels == "III----" + "M" * 16 + "----OOO"


def test_a_table_leaves_out_proteins_of_the_main_set(partitions: Path, tmp_path: Path) -> None:
    table = tmp_path / "similar.tsv"
    table.write_text("id\tsimilar_folds\ncv0_TM_30\tcv1,cv9\ncv0_GLOB_0\tcv9\ncv0_GLOB_1\t-\n")
    config = DataConfig(
        path=str(partitions), train=["cv0"], validation=["cv1"], exclude_similar=str(table)
    )
    splits = _splits(config)
    assert "cv0_TM_30" not in _ids(splits.train)
    assert len(splits.train) == 33
    assert splits.left_out == {f"{partitions}: similar to evaluated folds": 1}
    assert splits.checksums[str(table)] == sha256(table)


def test_a_table_of_other_proteins_is_refused(partitions: Path, tmp_path: Path) -> None:
    table = tmp_path / "similar.tsv"
    table.write_text("id\tsimilar_folds\nP1\tcv1\ncv0_TM_30\tcv1\n")
    config = DataConfig(path=str(partitions), exclude_similar=str(table))
    with pytest.raises(ConfigError, match=r"similar\.tsv: found 1 ids that .*set\.json lacks: P1;"):
        _splits(config)


def test_an_extra_set_is_drawn_in_its_epochs_only(partitions: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra.3line"
    extra.write_text(f">a | TM\n{'MA' * 15}\n{LABELS['TM']}\n")
    sets = [{"path": str(extra), "epochs": [2, 3]}]
    data = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"], extra=sets)
    train = _splits(data).train
    assert [len(train.in_epoch(epoch)) for epoch in range(4)] == [34, 35, 35, 34]
    config = Config(data=data)
    config.sampling.samples = 64
    config.training.batch = 64
    drawn = [len(next(iter(train_loader(train, config, epoch)))[0].length) for epoch in (0, 1)]
    assert drawn == [64, 64]


@pytest.mark.parametrize("epochs", [[0, 2], [3, 2]])
def test_epochs_of_an_extra_set_are_in_order(epochs: list[int]) -> None:
    with pytest.raises(ValueError, match="expected two epochs from 1, in order"):
        DataConfig(extra=[{"path": "a.3line", "epochs": epochs}])


def test_similar_folds_among_the_keys_of_the_user_leave_nothing_out(partitions: Path) -> None:
    folds = json.loads(partitions.read_text())
    for record in folds["cv0"]:
        record |= {"similar_folds": "cv1", "structure": "1abc", "partition": "cv2"}
    partitions.write_text(json.dumps(folds))
    config = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"])
    splits = _splits(config)
    assert len(splits.train) == 34
    assert splits.left_out == {}


def test_types_follow_the_grammar_of_the_model(partitions: Path) -> None:
    from topo.io.grammar import find_grammar, grammar_tree

    tree = grammar_tree(find_grammar(None))
    config = Config(data=DataConfig(path=str(partitions), validation=["cv1"]))
    config.model.heads.grammar = tree
    assert Splits.of(config).train.types.sum(0).tolist() == [8, 0, 20, 40, 0]


def test_table_must_have_a_row_for_each_record(partitions: Path, tmp_path: Path) -> None:
    extra, table = tmp_path / "extra.3line", tmp_path / "similar.tsv"
    extra.write_text(">a | GLOB\nMA\nII\n")
    table.write_text("id\tsimilar_folds\n")
    config = DataConfig(
        path=str(partitions), extra=[{"path": str(extra), "exclude_similar": str(table)}]
    )
    with pytest.raises(InputError, match="found 0 rows, expected one for each of the 1 records"):
        _splits(config)
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
        splits = _splits(DataConfig(path=str(path)))
    assert "odd" not in _ids(splits.train)
    assert sum(splits.left_out.values()) == 1


def test_unknown_fold_names_those_that_exist(partitions: Path) -> None:
    with pytest.raises(ConfigError, match="unknown fold cv7, the file has cv0, cv1, cv2"):
        _splits(DataConfig(path=str(partitions), train=["cv7"]))


def test_a_smaller_training_set_keeps_the_proportions(partitions: Path) -> None:
    config = DataConfig(path=str(partitions), train=["cv0"], validation=["cv1"], size=17)
    splits = _splits(config)
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


def test_weak_barrels_do_not_attract_proteins_with_a_signal_peptide_and_unknown_rest() -> None:
    barrel = "S" * 10 + ("P" * 5 + "B" * 9 + "O" * 5 + "B" * 9) * 4 + "P" * 5
    known = [Protein("s", "A" * 30, LABELS["SP"])] * 4
    weak = [Protein("b", "A" * len(barrel), barrel)] * 20
    vague = Protein("v", "A" * 30, "S" * 10 + "-" * 20)
    sets = type_sets([*known, *weak, vague])
    assert sets[-1].tolist() == [False, True, True, False, True]
    weights = np.repeat([1.0, 0.1, 1.0], [4, 20, 1])
    assert sampling_types(sets)[-1] == 4
    assert sampling_types(sets, weights)[-1] == 2
    counted = LabelledSet([*known, *weak, vague], sets, weights).kinds()
    assert counted.tolist() == [2] * 4 + [4] * 20 + [2]


def test_crops_depend_on_seed_epoch_and_protein_only() -> None:
    labels = "S" * 20 + "O" * 180
    proteins = [Protein(str(i), "A" * 200, labels) for i in range(40)]
    dataset = ProteinDataset(proteins, type_sets(proteins), GraphConfig(window=2), crop=50, seed=1)
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
