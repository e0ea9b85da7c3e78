"""Prediction from Python and the command line, checkpoints, and user errors."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import command
from safetensors.torch import load_file, save_file

import topo
from topo.checkpoint import load_checkpoint, save_checkpoint
from topo.errors import CheckpointError, ConfigError
from topo.grammar.legality import is_legal
from topo.inference import predict_split
from topo.io import read_predictions, read_proteins
from topo.protein import Protein
from topo.resources import bundled

EXAMPLE = bundled("example") / "proteins.fasta"


def test_checkpoint_round_trip_gives_the_same_answers(model: Path, tmp_path: Path) -> None:
    first = load_checkpoint(model)
    save_checkpoint(tmp_path / "copy", first.tagger, first.config, first.metrics, "card\n")
    proteins = list(read_proteins(EXAMPLE))[:5]
    for a, b in zip(
        topo.predict(proteins, first), topo.predict(proteins, tmp_path / "copy"), strict=True
    ):
        assert a.labels == b.labels
        np.testing.assert_array_equal(a.probabilities, b.probabilities)


def test_answers_come_in_input_order_whatever_the_batches(model: Path) -> None:
    proteins = list(read_proteins(EXAMPLE))
    checkpoint = topo.load_model(model)
    together = list(topo.predict(proteins, checkpoint))
    one_by_one = list(topo.predict(proteins, checkpoint, batch_residues=1))
    backwards = list(topo.predict(proteins[::-1], checkpoint, batch_residues=3000))[::-1]
    assert [p.id for p in together] == [p.id for p in proteins]
    for other in (one_by_one, backwards):
        assert [p.labels for p in other] == [p.labels for p in together]
        for a, b in zip(together, other, strict=True):
            np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-4)
            np.testing.assert_allclose(a.type_probabilities, b.type_probabilities, atol=1e-4)
            assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
    assert all(is_legal(p.labels) for p in together)


def test_labels_of_some_proteins_change_nothing(model: Path) -> None:
    bare = [Protein(p.id, p.sequence) for p in list(read_proteins(EXAMPLE))[:4]]
    mixed = [Protein(p.id, p.sequence, "I" * len(p)) for p in bare[:2]] + bare[2:]
    for order in (slice(None), slice(None, None, -1)):
        found = list(topo.predict(mixed[order], model))
        expected = list(topo.predict(bare[order], model))
        assert [p.labels for p in found] == [p.labels for p in expected]


def test_records_are_read_as_they_are_needed(model: Path, monkeypatch) -> None:
    monkeypatch.setattr("topo.inference.batches.WINDOW", 3)
    taken = []

    def stream():
        for i in range(9):
            taken.append(i)
            yield Protein(str(i), "MKV" * (i + 1))

    answers = topo.predict(stream(), model)
    assert next(answers).id == "0"
    assert len(taken) == 3
    assert [p.id for p in answers] == [str(i) for i in range(1, 9)]


def test_unknown_decoder_is_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="expected one of posterior, viterbi, argmax"):
        next(topo.predict([Protein("a", "M")], model, decoder="best"))


def test_command_writes_every_record_once_in_order(model: Path, tmp_path: Path, capsys) -> None:
    assert command("predict", EXAMPLE, "-o", tmp_path, "--model", model, "--plots", "none") == 0
    proteins = list(read_proteins(EXAMPLE))
    written = list(read_predictions(tmp_path / "predicted_topologies.3line"))
    assert [(p.id, p.sequence) for p in written] == [(p.id, p.sequence) for p in proteins]
    with open(tmp_path / "summary.tsv", newline="") as file:
        assert len(list(csv.reader(file, delimiter="\t"))) == len(proteins) + 1
    assert f"{len(proteins)} " in capsys.readouterr().out


def test_standard_input_and_gzip_give_the_same_files(model: Path, tmp_path, monkeypatch) -> None:
    text = EXAMPLE.read_bytes()
    (tmp_path / "z.fasta.gz").write_bytes(gzip.compress(text))
    for name, source in (("plain", EXAMPLE), ("zipped", tmp_path / "z.fasta.gz"), ("piped", "-")):
        stdin = io.TextIOWrapper(io.BytesIO(text))
        monkeypatch.setattr(sys, "stdin", stdin)
        options = ["--model", model, "--format", "3line"]
        assert command("predict", source, "-o", tmp_path / name, *options) == 0
    files = [tmp_path / n / "predicted_topologies.3line" for n in ("plain", "zipped", "piped")]
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()


BAD_INPUT = [
    (b"", "holds no records"),
    (b">a\nMKV\n>b\n\n", "b"),
    (b">a\nMK1V\n", ":2"),
    (gzip.compress(b">a\nMKV\n", mtime=0)[:-9], "gzip"),
]


@pytest.mark.parametrize(("content", "message"), BAD_INPUT)
def test_bad_input_is_one_line_and_nothing_written(
    content: bytes, message: str, model: Path, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "in.fasta"
    path.write_bytes(content)
    assert command("predict", path, "-o", tmp_path / "out", "--model", model) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"topo: {path}")
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_missing_file_and_unknown_format(model: Path, tmp_path: Path, capsys) -> None:
    assert (
        command("predict", tmp_path / "absent.fasta", "-o", tmp_path / "out", "--model", model) == 2
    )
    assert "absent.fasta: no such file" in capsys.readouterr().err
    options = ["-o", tmp_path / "out", "--model", model, "--format", "gff4"]
    assert command("predict", EXAMPLE, *options) == 2
    assert "unknown format 'gff4'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _damage_format(folder: Path) -> None:
    tree = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump(tree | {"format": 99}))


def _damage_labels(folder: Path) -> None:
    tree = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump(tree | {"labels": "IOM"}))


def _damage_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def _other_architecture(folder: Path) -> None:
    text = (folder / "config.yaml").read_text().replace("gcs: 8", "gcs: 12")
    (folder / "config.yaml").write_text(text)


def _set_weight(name: str, value: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "model.safetensors"
        weights = load_file(path)
        weights[name].view(-1)[-1] = value
        save_file(weights, path)

    return damage


def _architecture(old: str, new: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        text = (folder / "config.yaml").read_text()
        assert old in text
        (folder / "config.yaml").write_text(text.replace(old, new))

    return damage


DAMAGE = [
    (_damage_format, "found format 99, this version of topo reads format 1"),
    (_damage_labels, "found labels IOM, this version of topo reads labels IOPSMB"),
    (_damage_weights, "damaged weights"),
    (_other_architecture, "do not fit the architecture"),
    (_set_weight("encoder.embed.weight", math.nan), "found nan in encoder.embed.weight"),
    (_set_weight("crf.transition", -math.inf), "found -inf in crf.transition"),
    (_set_weight("type_shift", math.inf), "found inf in type_shift"),
    (_set_weight("label_temperature", 0.0), "found 0.0 in label_temperature"),
    (_architecture("gcs: 8", "gcs: 40000"), "do not fit the architecture"),
    (_architecture("gcs: 8", "gcs: 100000000000"), "the architecture is too large"),
    (_architecture("size: 8", "size: 30000"), "do not fit the architecture"),
    (_architecture("relations: 1", "relations: 100000000"), "do not fit the architecture"),
    (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
    (lambda folder: (folder / "config.yaml").unlink(), "no checkpoint here"),
    (lambda folder: (folder / "config.yaml").write_text("{"), "not valid YAML"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_damaged_checkpoint_is_one_clear_line(
    damage, message, model: Path, tmp_path, capsys
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)
    assert command("predict", EXAMPLE, "-o", tmp_path / "out", "--model", folder) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("topo: ")
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_nothing_pickled_is_loaded() -> None:
    source = Path(topo.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text()
        # Compiled kernels are numba's pickles, loaded only from a folder of this user.
        assert "import pickle" not in text or path.name == "kernels.py", path
        assert "torch.load(" not in text or "weights_only=True" in text, path


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    options = ["--gcs", 8, "--lstm", 8, "--layers", 1, "--epochs", 1, "--threads", 1]
    assert command("train", *options, "-o", folder / "runs") == 0
    return folder


def test_evaluate_scores_the_latest_run(finished: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(finished)
    assert command("evaluate", "--split", "test", "--resamples", 20) == 0
    folder = finished / "runs" / "bilstm_gc8_lay1_sz8" / "evaluation" / "test"
    metrics = json.loads((folder / "metrics.json").read_text())
    truth, predictions, _ = predict_split(None, "test")
    hits = sum(a == b for t, p in zip(truth, predictions, strict=True)
               for a, b in zip(t.labels, p.labels, strict=True) if a != "-")  # fmt: skip
    known = sum(len(t) - t.labels.count("-") for t in truth)
    assert metrics["residue"]["accuracy"]["value"] == pytest.approx(hits / known)
    assert "residue accuracy" in capsys.readouterr().out


def test_unknown_split_and_absent_run(finished: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(finished)
    assert command("evaluate", "--split", "exam") == 2
    assert "expected one of train, validation, test" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert command("evaluate", "--split", "test") == 2
    assert "no finished run here" in capsys.readouterr().err
