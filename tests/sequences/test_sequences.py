"""Numeric sequences: files, preparation, folds, training, cross-validation and prediction."""

from __future__ import annotations

import csv
import itertools
import json
import re
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command
from hypothesis import given
from hypothesis import strategies as st

from topo.config import load_config
from topo.config.task import LetterConfig
from topo.errors import CheckpointError, ConfigError, InputError
from topo.inference import load_model
from topo.runs import Run
from topo.sequences.alphabet import Alphabet
from topo.sequences.cross_validation import paired_test
from topo.sequences.data import (
    SequenceSplits,
    labelled_sequences,
    random_folds,
    sequence_batches,
)
from topo.sequences.files import read_sequences, write_sequences
from topo.sequences.model import load_sequence_model, predict_sequences, prepared_for
from topo.sequences.records import NumericSequence, prepared, resampled, reversed_sequence

RECORDS = [
    NumericSequence("a", np.arange(6, dtype=np.float32).reshape(3, 2), "x", "UUD", "one"),
    NumericSequence("b", np.ones((1, 2), np.float32), "y", "-", "two"),
]
TASK = """
task:
  classes: [up, down]
  letters: [H, L]
  grammar: {{H: {{successors: [L]}}, L: {{successors: [H]}}}}
model:
  encoder: {{gcs: {gcs}}}
  conv: [{{filters: 8, width: 3}}, {{filters: 8, width: 3}}]
  recurrent: {{size: 8, layers: 1, cell: {cell}, direction: {direction}}}
training: {{epochs: 6, batch: 16, learning_rate: 0.01, monitor: val_accuracy, ema: 0.8}}
loss: {{type: 1.0, topology: 0.1}}
"""


def waves(count: int = 90, seed: int = 0) -> list[NumericSequence]:
    """Sequences that rise or fall, with labels of the steps above and below their middle."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        size = int(random.integers(8, 20))
        rising = number % 2 == 0
        line = np.linspace(-1, 1, size) * (1 if rising else -1)
        values = np.stack([3 * line + 5, random.normal(size=size)], 1)
        values[:, 0] += random.normal(scale=0.1, size=size)
        labels = "".join("H" if value > 0 else "L" for value in line)
        found.append(NumericSequence(str(number), values.astype(np.float32),
                                     "up" if rising else "down", labels))  # fmt: skip
    return found


def config_file(folder: Path, gcs: int = 0, cell: str = "lstm", direction: str = "bi") -> Path:
    path = folder / "config.yaml"
    path.write_text(TASK.format(gcs=gcs, cell=cell, direction=direction))
    return path


def equal(a: NumericSequence, b: NumericSequence) -> bool:
    return np.array_equal(a.values, b.values) and (a.id, a.target, a.labels, a.fold) == (
        b.id,
        b.target,
        b.labels,
        b.fold,
    )


def test_npz_files_are_read_as_written(tmp_path: Path) -> None:
    write_sequences(tmp_path / "a.npz", RECORDS)
    assert all(map(equal, read_sequences(tmp_path / "a.npz"), RECORDS))


def test_sequences_of_equal_lengths_need_no_lengths(tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    np.savez(tmp_path / "a.npz", values=values, classes=np.array([1, 2]))
    first, second = read_sequences(tmp_path / "a.npz")
    np.testing.assert_array_equal(second.values, values[1])
    assert (first.id, first.target, first.labels, second.target) == ("1", "1", None, "2")


def test_hdf5_files_are_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for record in RECORDS:
            file[record.id] = record.values
            for name, value in (("class", record.target), ("labels", record.labels),
                                ("fold", record.fold)):  # fmt: skip
                file[record.id].attrs[name] = value
    assert all(map(equal, read_sequences(tmp_path / "a.h5"), RECORDS))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"value": np.ones((2, 2))}, "found the arrays value, expected values"),
        ({"values": np.ones((2, 2))}, "or (steps, values) with an array lengths"),
        ({"values": np.ones((2, 2)), "lengths": np.array([1])}, "found 1 steps in all, expected 2"),
        ({"values": np.full((1, 2, 2), np.nan)}, "1: found nan in value 1 of step 1"),
        ({"values": np.array([["a"]])}, "values: found <U1, expected numbers"),
        ({"values": np.ones((2, 3, 1)), "classes": np.array([1])}, "classes: found the shape (1,)"),
        (
            {"values": np.ones((1, 2, 1)), "labels": np.array(["a"])},
            "labels: found 1, expected one",
        ),
        ({"values": np.ones((1, 1, 1)), "labels": np.array(["ab"])}, "expected single characters"),
        ({"values": np.array([None])}, "without Python objects"),
        (
            {"values": np.ones((4, 3)), "lengths": np.full(4, 2**62)},
            "lengths: found 18446744073709551616 steps in all, expected 4",
        ),
    ],
)
def test_faulty_arrays_are_named(tmp_path: Path, arrays: dict, message: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError) as error:
        read_sequences(path)
    assert message in str(error.value)


@pytest.mark.parametrize("shape", [(10**11, 3), (2**40, 2**40), (-5, 3)])
def test_arrays_of_another_size_than_they_state_are_refused(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("values.npy", content)
    with pytest.raises(InputError, match="expected a file of NumPy arrays"):
        read_sequences(tmp_path / "a.npz")


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", values=np.zeros((10_000, 1000), np.float32))
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    with pytest.raises(InputError, match="expands more than 300-fold, to over 30,000,000 bytes"):
        read_sequences(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut"])
def test_truncated_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="expected a file of NumPy arrays"):
        read_sequences(tmp_path / "a.npz")
    with pytest.raises(InputError, match="no such file"):
        read_sequences(tmp_path / "b.npz")


@given(st.integers(2, 30), st.integers(2, 30))
def test_resampling_keeps_ends_and_lines(size: int, points: int) -> None:
    line = NumericSequence("a", np.linspace([0, 3], [1, -3], size).astype(np.float32))
    expected = np.linspace([0, 3], [1, -3], points)
    np.testing.assert_allclose(resampled(line, points).values, expected, atol=1e-5)


def test_normalisation_of_each_sequence() -> None:
    def values(way: str) -> np.ndarray:
        task = load_config(None, fields={"task.normalise": way, "task.classes": ["x"]}).task
        return prepared(NumericSequence("a", np.array([[1, 5], [3, 5]], np.float32)), task).values

    assert values("none").tolist() == [[1, 5], [3, 5]]
    assert values("centre").tolist() == [[-1, 0], [1, 0]]
    assert values("sequence").tolist() == [[-1, 0], [1, 0]]


def test_reversal_turns_values_and_labels() -> None:
    turned = reversed_sequence(RECORDS[0])
    assert turned.values.tolist() == [[4, 5], [2, 3], [0, 1]]
    assert turned.labels == "DUU"
    assert equal(reversed_sequence(turned), RECORDS[0])


@given(st.lists(st.integers(0, 3), min_size=6, max_size=60), st.integers(2, 5), st.integers(0, 9))
def test_random_folds_are_even_in_each_class(classes: list[int], count: int, seed: int) -> None:
    kinds = np.array(classes)
    folds = random_folds(kinds, count, seed)
    sizes = np.bincount(folds, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    for kind in set(classes):
        each = np.bincount(folds[kinds == kind], minlength=count)
        assert each.max() - each.min() <= 1
    np.testing.assert_array_equal(folds, random_folds(kinds, count, seed))


def test_the_best_legal_path_is_that_of_all_paths() -> None:
    rules = {
        "A": LetterConfig(start=True, end=False, minimum=2, successors=["B"]),
        "B": LetterConfig(start=False, end=True, minimum=1, successors=["A", "C"]),
        "C": LetterConfig(start=False, end=True, minimum=1, successors=[]),
    }
    alphabet = Alphabet(("A", "B", "C"), (), rules)
    random = np.random.default_rng(0)
    for _ in range(20):
        scores = random.normal(size=(6, 3))
        legal = [
            "".join(path)
            for path in itertools.product("ABC", repeat=6)
            if re.fullmatch(r"(A{2,}B+)+C*", "".join(path))
        ]
        best = max(legal, key=lambda p: sum(scores[t, "ABC".index(x)] for t, x in enumerate(p)))
        assert alphabet.best_path(scores) == best


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"letters": ("A", "A")}, "label 'A' is declared twice"),
        ({"classes": ("x", "x")}, "class 'x' is declared twice"),
        ({"letters": ("AB",)}, "expected one letter of A to Z"),
        ({"letters": ("A",), "rules": {"A": LetterConfig(start=False)}}, "no state may start"),
        ({"letters": ("A",), "rules": {"A": LetterConfig(end=False)}}, "no path to an end"),
        (
            {"letters": ("A",), "rules": {"A": LetterConfig(successors=["B"])}},
            "found successor 'B'",
        ),
        ({"letters": ("A",), "rules": {"B": LetterConfig()}}, "expected one for each of A"),
    ],
)
def test_wrong_declarations_are_named(fields: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Alphabet(**fields)


def test_batches_have_the_size_that_is_asked_for(tmp_path: Path) -> None:
    write_sequences(tmp_path / "a.npz", waves(700))
    for batch in (300, 600):
        fields = {"data.path": str(tmp_path / "a.npz"), "training.batch": batch}
        config = load_config(config_file(tmp_path), fields=fields)
        sizes = sorted(
            sum(len(part.length) for part in parts)
            for parts in sequence_batches(labelled_sequences(config), config, 0)
        )
        assert sizes == sorted([batch] * (700 // batch) + [700 % batch])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("waves")
    write_sequences(folder / "waves.npz", waves())
    call = ["train", "--config", config_file(folder), "--data", folder / "waves.npz"]
    assert command(*call, "-o", folder / "runs") == 0
    return folder / "runs" / "conv1-conv2-bilstm_cv18x3_cv28x3_lay1_sz8"


def test_history_has_loss_accuracy_and_seconds_of_each_epoch(trained: Path) -> None:
    rows = Run(trained).history()
    assert len(rows) == 6
    for name in ("train_loss", "val_loss", "val_accuracy", "val_step_accuracy", "seconds"):
        assert all(name in row for row in rows)
    assert max(row["val_accuracy"] for row in rows) > 0.9


def test_a_sequence_alone_has_the_answer_of_a_batch(trained: Path) -> None:
    model, config = load_sequence_model(trained)
    records = prepared_for(config, waves(20, seed=1))
    together = predict_sequences(model, config, records)
    for record, found in zip(records, together, strict=True):
        (alone,) = predict_sequences(model, config, [record])
        assert (alone.target, alone.labels) == (found.target, found.labels)
        np.testing.assert_allclose(alone.probabilities, found.probabilities, atol=1e-5)
    right = [r.target == p.target for r, p in zip(records, together, strict=True)]
    assert np.mean(right) > 0.9


def test_predictions_are_written_in_input_order(trained: Path, tmp_path: Path) -> None:
    write_sequences(tmp_path / "new.npz", waves(9, seed=2))
    call = ["predict", tmp_path / "new.npz", "--model", trained, "-o", tmp_path / "out"]
    assert command(*call) == 0
    with open(tmp_path / "out" / "predictions.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["id"] for row in rows] == [str(i) for i in range(9)]
    assert list(rows[0]) == ["id", "class", "p_up", "p_down", "labels"]
    assert {*rows[0]["labels"]} <= {*"HL"}


def test_a_split_of_a_run_is_evaluated(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["evaluate", "--run", trained, "-o", tmp_path]
    assert command(*call, "--split", "validation") == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] == Run(trained).info()["validation"]["accuracy"]
    capsys.readouterr()
    assert command(*call) == 2
    assert "its test split holds no sequences" in capsys.readouterr().err


def test_models_of_other_records_are_refused(
    trained: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckpointError, match="found a model of numeric sequences"):
        load_model(trained)
    with pytest.raises(CheckpointError, match="found a model of proteins"):
        load_sequence_model(model)
    wide = [NumericSequence("w", np.zeros((4, 3), np.float32))]
    write_sequences(tmp_path / "wide.npz", wide)
    assert command("predict", tmp_path / "wide.npz", "--model", trained, "-o", tmp_path / "o") == 2
    assert "found steps of 3 values, expected 2" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    write_sequences(tmp_path / "a.npz", RECORDS)
    config = load_config(config_file(tmp_path), fields={"data.path": str(tmp_path / "a.npz")})
    with pytest.raises(ConfigError, match="a: found class x, expected one of up, down"):
        SequenceSplits.of(config)


@pytest.mark.parametrize(("cell", "direction", "gcs"), [("gru", "uni", 0), ("lstm", "uni", 4)])
def test_every_family_trains(tmp_path: Path, cell: str, direction: str, gcs: int) -> None:
    write_sequences(tmp_path / "w.npz", waves(30))
    config = config_file(tmp_path, gcs, cell, direction)
    call = ["train", "--config", config, "--data", tmp_path / "w.npz", "-o", tmp_path / "runs"]
    assert command(*call, "--epochs", "1", "--points", "12", "--set", "task.reversal=0.5") == 0


@pytest.mark.usefixtures("interruptible")
def test_a_stopped_cross_validation_says_how_to_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("topo.sequences.cross_validation.fit_sequences", stop)
    write_sequences(tmp_path / "w.npz", waves(12))
    call = ["cv", "--config", config_file(tmp_path), "--data", tmp_path / "w.npz", "--folds", "3"]
    assert command(*call, "--split", "random", "-o", tmp_path / "cv") == 143
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "topo: stopped by SIGTERM; the same command continues"


def test_cross_validation_resumes_and_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sequences(tmp_path / "w.npz", waves(45))
    call = ["cv", "--config", config_file(tmp_path), "--data", tmp_path / "w.npz", "--folds", "3"]
    for name, epochs in (("long", "4"), ("short", "1")):
        out = tmp_path / name
        assert command(*call, "--split", "random", "--epochs", epochs, "-o", out) == 0
    with open(tmp_path / "long" / "predictions.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert sorted(int(row["id"]) for row in rows) == list(range(45))
    capsys.readouterr()
    assert command(*call, "--split", "random", "--epochs", "4", "-o", tmp_path / "long") == 0
    assert capsys.readouterr().err.count("already trained") == 3
    assert command("runs", "models", tmp_path / "short", tmp_path / "long") == 0
    table = capsys.readouterr().out
    assert table.index("long") < table.index("short")
    assert "accuracy" in (tmp_path / "long" / "summary.md").read_text()
    summary, table = tmp_path / "long" / "summary.json", tmp_path / "long" / "predictions.tsv"
    damaged = [
        (summary, '{"figures": {}}', "figures.accuracy.mean: found None, expected a number"),
        (summary, '{"figures": {"accuracy": {"mean": "x"}}}', "mean: found 'x', expected a number"),
        (table, "id\tfold\n1\t2\n", "expected the columns id, fold, class"),
        (table, "\xff", "expected the columns"),
    ]
    for file, text, message in damaged:
        before = file.read_bytes()
        file.write_text(text, "latin-1")
        assert command("runs", "models", tmp_path / "long") == 2
        error = capsys.readouterr().err
        assert error.startswith(f"topo: {file}: ")
        assert message in error or "tab-separated text" in error
        file.write_bytes(before)


def test_mcnemar_is_the_binomial_test_of_the_differing_pairs() -> None:
    first = {("1", str(i)): i < 9 for i in range(12)}
    second = {("1", str(i)): i >= 8 for i in range(12)}
    wins, losses, p = paired_test(first, second)
    assert (wins, losses) == (8, 3)
    assert p == pytest.approx(0.2265625)  # 2 P(X >= 8), X ~ B(11, 1/2)
    with pytest.raises(ConfigError, match="different sequences"):
        paired_test(first, {})


def test_random_folds_of_proteins_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    data = ROOT / "data/example/example.partitions.json"
    assert command("cv", "--data", data, "--split", "random") == 2
    assert "random folds have similar proteins" in capsys.readouterr().err


@pytest.mark.slow
def test_japanese_vowels_with_a_bidirectional_lstm(tmp_path: Path) -> None:
    pytest.importorskip("aeon", reason="aeon ships the data set")
    from aeon.datasets import load_japanese_vowels

    values, classes = load_japanese_vowels()
    records = [
        NumericSequence(str(i), np.asarray(v.T, np.float32), str(c))
        for i, (v, c) in enumerate(zip(values, classes, strict=True))
    ]
    write_sequences(tmp_path / "vowels.npz", records)
    config, data = ROOT / "configs/sequences/bilstm.yaml", tmp_path / "vowels.npz"
    call = ["cv", "--config", config, "--data", data, "--folds", "3", "--split", "random"]
    assert command(*call, "-o", tmp_path / "cv") == 0
    figures = json.loads((tmp_path / "cv" / "summary.json").read_text())["figures"]
    assert figures["accuracy"]["mean"] >= 0.97
