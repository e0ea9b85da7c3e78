"""Continued runs: longer, from another folder, with moved data, from the checkpoint before."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch
from conftest import ROOT, command
from safetensors.torch import load_file

from topo.config import TrainingConfig, load_config, with_absolute_paths
from topo.errors import TopoError
from topo.runs import Run
from topo.training import checkpoint_files
from topo.training.checkpoint_files import SafeCheckpointIO, previous
from topo.training.optimizer import learning_rate_factor
from topo.training.tracking import Tracker

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--batch", "16", "--threads", "1"),
    *("--precision", "32", "--set", "data.crop=200"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "set.json"
    shutil.copy(ROOT / "data" / "example" / "example.partitions.json", path)
    return path


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory) -> Run:
    """A run of three epochs, trained from the folder of its data by a relative path."""
    folder, before = tmp_path_factory.mktemp("runs"), Path.cwd()
    os.chdir(data.parent)
    try:
        options = ["--data", data.name, "--epochs", 3, "--name", "a", "-o", folder]
        assert command("train", *SMALL, *options) == 0
    finally:
        os.chdir(before)
    return Run(folder / "a")


@pytest.fixture
def copied(finished: Run, tmp_path: Path) -> Run:
    """A copy of the run as it was after its last epoch, without its model."""
    shutil.copytree(finished.path, tmp_path / "b")
    shutil.rmtree(tmp_path / "b" / "model")
    return Run(tmp_path / "b")


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.model / "model.safetensors")


def test_a_run_is_continued_and_evaluated_from_another_folder(
    finished: Run, copied: Run, data: Path, tmp_path: Path, monkeypatch
) -> None:
    assert copied.config().data.path == str(data)
    monkeypatch.chdir(tmp_path)
    assert command("train", "--resume", copied.path) == 0
    ours, theirs = weights(copied), weights(finished)
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert command("evaluate", "--run", copied.path, "--split", "test", "--resamples", 0) == 0


def test_every_path_of_a_configuration_becomes_absolute(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    fields = {
        "data.path": "a.json",
        "data.structures": "s",
        "data.extra": [{"path": "e", "exclude_similar": "t"}, {"path": "/x/f"}],
        "training.init": "w",
        "pretraining.corpus": "-",
    }
    config = with_absolute_paths(load_config(None, fields=fields))
    assert (config.data.path, config.data.structures) == (f"{tmp_path}/a.json", f"{tmp_path}/s")
    assert [extra.path for extra in config.data.extra] == [f"{tmp_path}/e", "/x/f"]
    assert [e.exclude_similar for e in config.data.extra] == [f"{tmp_path}/t", None]
    assert config.training.init == f"{tmp_path}/w"
    assert (config.pretraining.corpus, config.pretraining.exclude_similar) == ("-", None)


def test_files_that_a_killed_training_has_left_are_removed(copied: Run) -> None:
    left = [
        ".history.csv.a1b2c3_4.csv",
        ".curves.png.abcdefgh.png",
        "checkpoints/.best.ckpt.partial",
    ]
    kept = [".history.csv", ".notes.settings", "checkpoints/.best.ckpt"]
    for name in (*left, *kept):
        (copied.path / name).write_text("")
    assert command("train", "--resume", copied.path) == 0
    assert not [name for name in left if (copied.path / name).exists()]
    assert all((copied.path / name).is_file() for name in kept)


def test_data_that_moved_are_taken_if_they_are_the_same(
    copied: Run, data: Path, tmp_path: Path, capsys
) -> None:
    moved, changed = tmp_path / "moved.json", tmp_path / "changed.json"
    shutil.copy(data, moved)
    changed.write_text(data.read_text() + "\n")
    assert command("train", "--resume", copied.path, "--data", changed) == 2
    assert "the data have changed since the run began (other checksum)" in capsys.readouterr().err
    assert command("train", "--resume", copied.path, "--data", moved) == 0
    assert copied.config().data.path == str(moved)


def test_other_options_are_refused(copied: Run, capsys) -> None:
    assert command("train", "--resume", copied.path, "--lr", "1") == 2
    assert "expected no other option than --epochs and --data" in capsys.readouterr().err
    assert command("train", "--resume", copied.path, "--epochs", 2) == 2
    assert "--epochs: found 2, expected at least the 3 epochs" in capsys.readouterr().err


def test_a_run_is_lengthened_and_can_be_stopped_again(copied: Run, tmp_path: Path) -> None:
    before = (copied.path / "history.csv").read_text()
    assert command("train", "--resume", copied.path, "--epochs", 5) == 0
    assert (copied.path / "history.csv").read_text().startswith(before)
    rates = [row["learning_rate"] for row in copied.history()]
    assert len(rates) == 5
    assert copied.config().training.epochs == 5
    assert copied.info()["lengthened"] == [[3, 3]]
    assert rates[3] > 2 * rates[2] == 2 * rates[4]  # up to that of five epochs, then down again
    again = Run(tmp_path / "again")
    shutil.copytree(copied.path, again.path)
    shutil.rmtree(again.model)
    shutil.copy(previous(again.resume_file), again.resume_file)  # stopped after four epochs
    assert command("train", "--resume", again.path) == 0
    histories = [(run.path / "history.csv").read_text() for run in (copied, again)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("changes", [[(300, 300)], [(300, 100)], [(300, 300), (400, 350)]])
def test_a_lengthened_schedule_never_exceeds_those_that_it_joins(changes: list) -> None:
    training = TrainingConfig()
    plain = learning_rate_factor(training, 600)
    joined = learning_rate_factor(training, 600, changes)
    start = changes[0][1]
    first = learning_rate_factor(training, changes[0][0])
    assert [joined(s) for s in range(start)] == [first(s) for s in range(start)]
    for step in range(start, 600):
        assert joined(step) <= max(plain(step), joined(step - 1)) + 1e-12
    last = changes[-1][1] + 30
    assert [joined(s) for s in range(last, 600)] == [plain(s) for s in range(last, 600)]
    assert joined(599) == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "text"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    damage: str, finished: Run, copied: Run, capsys
) -> None:
    file = copied.resume_file
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        parts = {"truncated": content[: len(content) // 2], "empty": b"", "text": b"not a file"}
        file.write_bytes(parts[damage])
    assert command("train", "--resume", copied.path) == 0
    error = capsys.readouterr().err
    what = "missing" if damage == "missing" else "damaged"
    assert f"topo: warning: {file}: {what}; the training continues from last.previous" in error
    ours, theirs = weights(copied), weights(finished)
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_without_a_complete_checkpoint_the_remedy_is_named(copied: Run, capsys) -> None:
    for path in (copied.resume_file, previous(copied.resume_file)):
        path.write_bytes(path.read_bytes()[:1000])
    assert command("train", "--resume", copied.path) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"topo: {copied.resume_file}: damaged, and there is no earlier")
    assert f"delete {copied.resume_file.parent}" in error


def test_a_full_disk_leaves_the_checkpoint_and_one_line(tmp_path: Path, monkeypatch) -> None:
    run = Run(tmp_path)
    writer = SafeCheckpointIO(run)
    writer.save_checkpoint({"a": 1}, run.resume_file)
    before = run.resume_file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_files.os, "fsync", full)
    with pytest.raises(TopoError, match=r"last\.ckpt: cannot be written \(No space left"):
        writer.save_checkpoint({"a": 2}, run.resume_file)
    assert run.resume_file.read_bytes() == before
    assert [path.name for path in run.resume_file.parent.iterdir()] == ["last.ckpt"]


def test_the_checkpoint_before_is_kept_where_files_have_one_name(
    tmp_path: Path, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(checkpoint_files.os, "link", refuse)
    run = Run(tmp_path)
    for value in (1, 2, 3):
        SafeCheckpointIO(run).save_checkpoint({"a": value}, run.resume_file)
    found = [torch.load(p)["a"] for p in (run.resume_file, previous(run.resume_file))]
    assert found == [3, 2]


def test_each_run_has_an_id_of_its_own_at_wandb(tmp_path: Path, monkeypatch) -> None:
    config = load_config(None, fields={"tracking.wandb": "offline"})
    monkeypatch.setattr(Tracker, "_begin", lambda *_: None)
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    runs = [Run(tmp_path / folder / "same") for folder in "ab"]
    ids = [Tracker(config, run).id for run in runs]
    assert ids[0] != ids[1]
    assert "same" not in ids
    runs[0].update_info(name="x", wandb_id=ids[0])
    assert Tracker(config, runs[0]).id == ids[0]  # resumed
    runs[1].update_info(name="x")
    assert Tracker(config, runs[1]).id == "same"  # a run of an earlier version
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    assert Tracker(config, runs[0]).id == "given"
    off = Tracker(load_config(None), runs[0])
    assert (off.id, off.info()) == (None, {})
