"""Roles of folds: by name, as asked for, and by a share."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
from conftest import ROOT, command

from topo.config import Config, DataConfig
from topo.data.folds import fold_roles
from topo.data.splits import Splits
from topo.errors import ConfigError, InputWarning
from topo.io.files import checksum, sha256
from topo.resources import bundled

EXAMPLE = bundled("example") / "example.partitions.json"
SMALL = ["--gcs", "8", "--lstm", "8", "--layers", "1", "--epochs", "1", "--threads", "1"]


def sizes(**data: object) -> tuple[int, int, int]:
    splits = Splits.of(Config(data=DataConfig(**data)))
    return len(splits.train), len(splits.validation), len(splits.test)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, (43, 11, 9)),
        ({"path": str(EXAMPLE)}, (43, 11, 9)),
        ({"train": ["train"]}, (43, 11, 9)),
        ({"validation": ["validation"]}, (43, 11, 9)),
        ({"test": ["test"]}, (43, 11, 9)),
        ({"validation": ["test"]}, (54, 9, 0)),
        ({"test": ["validation"], "validation": ["test"]}, (43, 9, 11)),
        ({"holdout": 0.2}, (43, 11, 9)),
    ],
)
def test_a_fold_named_validation_validates(data: dict, expected: tuple[int, int, int]) -> None:
    if "holdout" in data:
        train, validation, test = sizes(**data)
        assert (train + validation, test) == (54, 9)  # a share was asked for
        return
    assert sizes(**data) == expected


@pytest.mark.parametrize("names", ["val", "valid", "dev", "Validation", "VAL"])
def test_usual_names_in_any_case_validate(names: str) -> None:
    folds = ["train", "Test", names, "more", None]
    roles = fold_roles(folds, DataConfig(), "x")
    assert roles.train == ("train", "more", None)
    assert (roles.validation, roles.test) == ((names,), ("Test",))


def test_numbered_folds_have_no_role_by_name() -> None:
    roles = fold_roles(["cv0", "cv1", "validation_old"], DataConfig(), "x")
    assert roles.train == ("cv0", "cv1", "validation_old")
    assert roles.validation == roles.test == ()


def test_a_file_of_a_single_named_fold_can_train() -> None:
    assert fold_roles(["test"] * 3, DataConfig(), "x").train == ("test",)
    assert fold_roles(["val", "test"], DataConfig(), "x").train == ("val", "test")


def test_unknown_fold_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown fold b, the file has no folds"):
        fold_roles([None], DataConfig(test=["b"]), "x")


def test_training_says_which_fold_has_which_role_and_keeps_it(tmp_path: Path, capsys) -> None:
    assert command("train", *SMALL, "-o", tmp_path, "--name", "a") == 0
    text = "proteins: train 43 (train); validation 11 (validation); test 9 (test)"
    assert text in capsys.readouterr().err
    info = json.loads((tmp_path / "a" / "run.json").read_text())
    assert info["proteins"] == {"train": 43, "validation": 11, "test": 9}
    assert info["folds"] == {name: [name] for name in ("train", "validation", "test")}
    stored = (tmp_path / "a" / "config.yaml").read_text()
    assert "validation: [validation]" in stored
    assert "test: [test]" in stored


def test_a_share_is_said_too(tmp_path: Path, capsys) -> None:
    options = ["--data", ROOT / "data" / "example" / "proteins.3line", "-o", tmp_path]
    assert command("train", *SMALL, *options) == 0
    assert "(a share of the training proteins)" in capsys.readouterr().err


def _entry(name: str, sequence: str, labels: str | None = None) -> dict[str, str]:
    return {"id": name, "sequence": sequence, "labels": labels or "I" * len(sequence)}


def test_equal_sequences_in_training_and_validation_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    shared = ["MACDEFGHIK" + "A" * n for n in range(10, 13)]
    folds = {
        "cv0": [_entry(f"a{i}", s) for i, s in enumerate(shared)],
        "cv1": [_entry(f"b{i}", s) for i, s in enumerate([*shared[:2], "MKKKLLLAAA"])],
        "cv2": [_entry("c", shared[0])],
    }
    path.write_text(json.dumps(folds))
    config = Config(data=DataConfig(path=str(path), validation=["cv1"], test=["cv2"]))
    text = r"2 of 3 validation proteins and 1 of 1 test proteins have the sequence of a training"
    with pytest.warns(InputWarning, match=text):
        Splits.of(config)


@pytest.mark.parametrize("where", ["cv0", "cv1"])
def test_a_set_without_labels_is_refused(where: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "set.json"
    folds = {
        name: [_entry(f"{name}{i}", "MACDEFGHIK" + "AC"[:i] + name[2] * 0 + "L" * i,
                      "-" * (10 + len("AC"[:i]) + i) if name == where else None)
               for i in range(3)]
        for name in ("cv0", "cv1")
    }  # fmt: skip
    path.write_text(json.dumps(folds))
    options = ["--data", path, "--train", "cv0", "--val", "cv1", "-o", tmp_path / "runs"]
    assert command("train", *SMALL, *options) == 2
    kind = "training" if where == "cv0" else "validation"
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"topo: {path}: no residue of the 3 {kind} proteins has a label")
    assert not (tmp_path / "runs").exists()


def test_what_can_be_read_once_has_no_checksum(tmp_path: Path) -> None:
    file, pipe = tmp_path / "a", tmp_path / "pipe"
    file.write_text("x")
    os.mkfifo(pipe)
    assert checksum(file) == sha256(file)
    assert checksum(pipe) is None
    assert checksum("-") is None


def test_training_on_a_pipe_records_no_false_checksum(tmp_path: Path) -> None:
    text = (ROOT / "data" / "example" / "proteins.3line").read_bytes()
    reader, writer = os.pipe()

    def feed() -> None:
        with open(writer, "wb") as file:
            file.write(text)

    thread = threading.Thread(target=feed)
    thread.start()
    path = f"/dev/fd/{reader}"
    code = command("train", *SMALL, "--data", path, "-o", tmp_path / "runs", "--name", "a")
    os.close(reader)
    thread.join()
    assert code == 0
    info = json.loads((tmp_path / "runs" / "a" / "run.json").read_text())
    digest = hashlib.sha256(text).hexdigest()
    assert info["data_sha256"] == {path: digest}
    assert digest in (tmp_path / "runs" / "a" / "model" / "README.md").read_text()
