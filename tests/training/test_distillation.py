"""Training on a teacher's predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command
from feature_files import partitions, random_proteins, write_features

from topo.config import load_config
from topo.data.splits import Splits
from topo.errors import ConfigError, InputError
from topo.io.summary import sequence_md5
from topo.labels import LABELS, encode_labels
from topo.protein import Protein, SoftLabels
from topo.training.distillation import soft_labels, with_teacher, write_soft_labels

SMALL = ["--gcs", "16", "--lstm", "16", "--layers", "1", "--batch", "8", "--precision", "32"]
EXAMPLE = ROOT / "data/example/example.partitions.json"


def onehot(protein: Protein) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[encode_labels(protein.labels or "")]


def test_a_model_teaches_labelled_and_unlabelled_proteins(model: Path, tmp_path: Path) -> None:
    more = random_proteins(6, seed=7)
    fasta = tmp_path / "more.fasta"
    fasta.write_text("".join(f">{p.id}\n{p.sequence}\n" for p in more))
    fields = {"distillation.teacher": str(model), "distillation.unlabelled": str(fasta)}
    splits = Splits.of(load_config(None, fields=fields))
    taught = with_teacher(load_config(None, fields=fields), splits)
    assert len(taught) == len(splits.train) + 6
    for protein in taught.proteins:
        assert protein.soft is not None
        assert protein.soft.labels.shape == (len(protein), len(LABELS))
        np.testing.assert_allclose(protein.soft.labels.sum(1), 1, atol=1e-4)
        assert protein.soft.types is not None
    assert {*(taught.proteins[-1].labels or "")} == {"-"}


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["likelihood", "marginals"])
def test_the_command_trains_with_a_teacher(model: Path, tmp_path: Path, loss: str) -> None:
    call = ["train", "--data", EXAMPLE, "-o", tmp_path, "--name", loss, *SMALL, "--epochs", "1"]
    teacher = ["--teacher", model, "--teacher-weight", "0.7", "--temperature", "2"]
    assert command(*call, *teacher, "--set", f"distillation.loss={loss}") == 0
    assert (tmp_path / loss / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_student_learns_from_the_teacher_alone(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    proteins = random_proteins(60)
    hidden = [Protein(p.id, p.sequence, "-" * len(p)) for p in proteins[10:]]
    data = partitions(tmp_path / "d.json", train=[*hidden, proteins[0]], validation=proteins[1:10])
    file = tmp_path / "t.h5"
    write_soft_labels(file, [(p, SoftLabels(onehot(p))) for p in proteins[10:]])
    call = ["train", "--data", data, "-o", tmp_path, *SMALL, "--epochs", "2"]
    assert command(*call, "--name", "s", "--teacher", file, "--teacher-weight", "1") == 0


def test_probabilities_are_read_as_written(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    proteins = random_proteins(3)
    types = np.full(5, 0.2, np.float32)
    write_soft_labels(tmp_path / "t.h5", [(p, SoftLabels(onehot(p), types)) for p in proteins[:2]])
    first, second, third = soft_labels(proteins, str(tmp_path / "t.h5"))
    assert first is not None and second is not None and third is None  # noqa: PT018
    np.testing.assert_array_equal(second.labels, onehot(proteins[1]))
    np.testing.assert_array_equal(second.types, types)


def test_faulty_teachers_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    protein = random_proteins(1)[0]
    key, size = sequence_md5(protein.sequence), len(protein)
    for values, message in (
        (np.ones((size, 4), np.float32), "found 4 columns, expected the probabilities of 6"),
        (np.ones((size, 6), np.float32), "expected probabilities that sum to 1"),
    ):
        path = write_features(tmp_path / f"{len(message)}.h5", [(key, values)])
        with pytest.raises(InputError, match=message):
            soft_labels([protein], str(path))
    other = write_features(tmp_path / "other.h5", [("x", np.ones((3, 6), np.float32) / 6)])
    with pytest.raises(InputError, match="of none of the training proteins"):
        soft_labels([protein], str(other))
    config = load_config(None, fields={"distillation.unlabelled": "x.fasta"})
    with pytest.raises(ConfigError, match=r"expected distillation\.teacher with it"):
        with_teacher(config, Splits.of(load_config(None)))
