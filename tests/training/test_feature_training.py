"""Training with features of a file: what it learns, what it stores, and what it refuses."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import command
from feature_files import (
    noisy_labels,
    partitions,
    random_proteins,
    two_helices,
    write_features,
    write_labels,
)

from topo.config import Config, load_config
from topo.data.features import describe_features, feature_moments
from topo.data.loading import train_loader
from topo.data.splits import Splits
from topo.errors import ConfigError
from topo.inference import load_model, predict
from topo.io.summary import sequence_md5
from topo.protein import Protein

pytest.importorskip("h5py")
SMALL = ["--gcs", "16", "--lstm", "32", "--layers", "1", "--batch", "8", "--precision", "32",
         "--epochs", "3", "--set", "training.ema=0.9"]  # fmt: skip


def train(folder: Path, name: str, data: Path, *options: object) -> Path:
    assert command("train", "--data", data, "-o", folder, "--name", name, *SMALL, *options) == 0
    return folder / name


def topology_accuracy(run: Path, out: Path) -> tuple[float, list[float]]:
    """Return the topology accuracy on the test proteins, macro, and its interval."""
    assert command("evaluate", "--run", run, "-o", out) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    macro = metrics["topology"]["macro"]
    return macro["value"], [macro["low"], macro["high"]]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on noisy labels of proteins of all types."""
    folder = tmp_path_factory.mktemp("learnt")
    proteins, held = random_proteins(400), random_proteins(80, seed=1)
    data = partitions(folder / "data.json", train=proteins, validation=held[:40], test=held[40:])
    write_labels(folder / "labels.h5", [*proteins, *held])
    return train(folder, "run", data, "--features", folder / "labels.h5")


@pytest.mark.slow
def test_noisy_labels_are_learnt_in_three_epochs(learnt: Path) -> None:
    accuracy, _ = topology_accuracy(learnt, learnt.parent / "evaluation")
    assert accuracy > 0.95


def test_name_width_and_keys_are_stored(learnt: Path) -> None:
    features = load_model(learnt).config.graph.features
    assert (features.name, features.width, features.keys) == (None, 6, "md5")


def test_a_protein_alone_has_the_answer_of_a_batch(learnt: Path) -> None:
    proteins = random_proteins(12, seed=2)
    given = [replace(p, features=noisy_labels(p)) for p in proteins]
    together = list(predict(given, load_model(learnt)))
    for protein, prediction in zip(given, together, strict=True):
        (alone,) = predict([protein], load_model(learnt))
        assert alone.labels == prediction.labels
        np.testing.assert_allclose(alone.probabilities, prediction.probabilities, atol=1e-4)


def test_without_features_the_answers_are_legal_and_differ(learnt: Path) -> None:
    from topo.grammar.legality import is_legal

    proteins = random_proteins(10, seed=3)
    bare = list(predict(proteins, load_model(learnt)))
    given = [replace(p, features=noisy_labels(p)) for p in proteins]
    assert all(is_legal(p.labels) for p in bare)
    assert [p.labels for p in bare] != [p.labels for p in predict(given, load_model(learnt))]


def test_the_command_predicts_with_and_without_features(
    learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proteins = random_proteins(4, seed=4)
    fasta = tmp_path / "p.fasta"
    fasta.write_text("".join(f">{p.id}\n{p.sequence}\n" for p in proteins))
    file = write_labels(tmp_path / "f.h5", proteins[:3])
    call = ["predict", fasta, "--model", learnt, "-o", tmp_path / "out", "--format", "3line"]
    assert command(*call, "--features", file) == 2
    assert "found no features for 1 of 4 proteins: p4_3; " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert command(*call, "--features", file, "--missing-features", "mask") == 0
    assert (tmp_path / "out" / "missing_features.txt").read_text() == "p4_3\n"
    capsys.readouterr()
    assert command("predict", fasta, "--model", learnt, "-o", tmp_path / "bare") == 0
    assert "trained with features, expected --features" in capsys.readouterr().err


@pytest.mark.slow
def test_features_in_another_order_say_as_much_as_none(tmp_path: Path) -> None:
    proteins, held = two_helices(240), two_helices(90, seed=1)
    data = partitions(tmp_path / "d.json", train=proteins, validation=held[:30], test=held[30:])
    random = np.random.default_rng(0)
    mixed = [
        (sequence_md5(p.sequence), random.permutation(noisy_labels(p))) for p in proteins + held
    ]
    write_features(tmp_path / "mixed.h5", mixed)
    with_ = train(tmp_path, "with", data, "--features", tmp_path / "mixed.h5")
    without = train(tmp_path, "without", data)
    accuracy, _ = topology_accuracy(with_, tmp_path / "e1")
    _, (low, high) = topology_accuracy(without, tmp_path / "e2")
    assert 0.2 < low <= accuracy <= high < 0.8  # the sides are guessed


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (20, 120):
        proteins = [Protein(f"p{i}", "MKVLA" * 40, "I" * 200) for i in range(count)]
        file = write_features(
            tmp_path / f"{count}.h5", [(p.id, np.zeros((200, 1024), np.float16)) for p in proteins]
        )
        data = partitions(tmp_path / f"{count}.json", train=proteins[5:], validation=proteins[:5])
        config = load_config(
            None,
            fields={"data.path": str(data), "data.features": str(file), "training.batch": 4},
        )
        describe_features(config)
        splits = Splits.of(config)
        tracemalloc.start()
        feature_moments(splits.train.proteins, 1024)
        for _ in train_loader(splits.train, config, 0):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 2e6  # the longer file holds 41 MB more


def test_moments_are_those_of_all_residues() -> None:
    random = np.random.default_rng(0)
    arrays = [random.normal(2, 3, (size, 4)).astype(np.float32) for size in (1, 7, 30)]
    for array in arrays:
        array[:, 3] = 5
    proteins = [Protein("p", "A" * len(array), features=array) for array in arrays]
    mean, deviation = feature_moments([*proteins, Protein("q", "AA")], 4)
    whole = np.concatenate(arrays)
    np.testing.assert_allclose(mean, whole.mean(0), rtol=1e-5)
    np.testing.assert_allclose(deviation[:3], whole.std(0)[:3], rtol=1e-5)
    assert deviation[3] == 1


def test_features_are_left_out_of_the_share_that_is_asked_for(tmp_path: Path) -> None:
    proteins = random_proteins(200)
    data = partitions(tmp_path / "d.json", train=proteins[20:], validation=proteins[:20])
    file = write_labels(tmp_path / "f.h5", proteins)
    fields = {
        "data.path": str(data),
        "data.features": str(file),
        "data.feature_dropout": 0.4,
    }
    config = load_config(None, fields=fields)
    describe_features(config)
    known = [
        bool(part.has_features.any())
        for parts in train_loader(Splits.of(config).train, config, 0)
        for part in parts
    ]
    assert len(known) > 4
    shares = [
        float(part.has_features[part.batch == chain].float().mean())
        for parts in train_loader(Splits.of(config).train, config, 0)
        for part in parts
        for chain in range(len(part.length))
    ]
    assert set(shares) == {0.0, 1.0}
    assert 0.5 < np.mean(shares) < 0.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nan", "found nan in feature 1 of residue 1, expected finite numbers"),
        ("rows", "expected ("),
        ("keys", "found no features for"),
        ("truncated", "expected an HDF5 file"),
    ],
)
def test_faulty_files_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    proteins = random_proteins(20)
    data = partitions(tmp_path / "d.json", train=proteins[5:], validation=proteins[:5])
    rows = [[sequence_md5(p.sequence), noisy_labels(p)] for p in proteins]
    if change == "nan":
        rows[7][1][0, 0] = np.nan
    elif change == "rows":
        rows[7][1] = rows[7][1][1:]
    elif change == "keys":
        rows = [[key[::-1], values] for key, values in rows]
    file = write_features(tmp_path / "f.h5", [(key, values) for key, values in rows])
    if change == "truncated":
        file.write_bytes(file.read_bytes()[:-1000])
    call = ["train", "--data", data, "-o", tmp_path / "runs", *SMALL, "--features", file]
    assert command(*call) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in lines[-1]
    assert len([line for line in lines if line.startswith("topo:")]) == 1
    assert not any((tmp_path / "runs").glob("*/config.yaml"))


def test_features_of_another_model_are_refused(
    learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: Path
) -> None:
    fasta = tmp_path / "p.fasta"
    fasta.write_text(">a\nMKVLA\n")
    file = write_features(tmp_path / "f.h5", [("a", np.zeros((5, 7), np.float32))])
    call = ["predict", fasta, "-o", tmp_path / "out", "--features", file, "--model"]
    assert command(*call, learnt) == 2
    assert "found 7 features for each residue, expected 6" in capsys.readouterr().err
    assert command(*call, model) == 2
    assert "the model reads no features" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_configuration_without_the_width_is_refused(tmp_path: Path) -> None:
    proteins = random_proteins(20)
    data = partitions(tmp_path / "d.json", train=proteins[5:], validation=proteins[:5])
    config = Config()
    config.data.path = str(data)
    config.data.features = str(write_labels(tmp_path / "f.h5", proteins))
    with pytest.raises(ConfigError, match="describe_features records it"):
        Splits.of(config)
