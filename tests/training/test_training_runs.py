"""Training by command line: files of a run, resumption, tracking, and user errors."""

from __future__ import annotations

import json
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml
from conftest import command
from safetensors.torch import load_file

from topo import load_model, predict
from topo.resources import bundled
from topo.runs import Run, latest_run, new_run

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--batch", "16", "--threads", "1"),
    *("--precision", "32", "--set", "data.crop=200"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    """A run of four epochs on the bundled set."""
    folder = tmp_path_factory.mktemp("runs")
    assert command("train", *SMALL, "--epochs", 4, "-o", folder) == 0
    return latest_run(folder)


def test_run_folder_holds_what_the_layout_says(finished: Run) -> None:
    assert finished.path.name == "bilstm_gc8_lay1_sz8"
    info = finished.info()
    assert all(len(digest) == 64 for digest in info["data_sha256"].values())
    assert {"torch", "topo", "python"} <= set(info["versions"])
    assert info["proteins"]["train"] > info["proteins"]["validation"] > 0
    assert [row["epoch"] for row in finished.history()] == [0, 1, 2, 3]
    assert (finished.path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    best = min(finished.history(), key=lambda row: row["val_loss"])
    assert info["best_epoch"] == best["epoch"]


def test_checkpoint_is_a_readable_folder(finished: Run) -> None:
    tree = yaml.safe_load((finished.model / "config.yaml").read_text())
    assert (tree["format"], tree["labels"]) == (1, "IOPSMB")
    assert tree["model"]["encoder"]["gcs"] == 8
    weights = load_file(finished.model / "model.safetensors")
    sizes = sum(
        w.numel()
        for name, w in weights.items()
        if not name.endswith(("temperature", "weights", "shift"))
    )
    assert sizes == finished.info()["parameters"]
    card = (finished.model / "README.md").read_text()
    assert next(iter(finished.info()["data_sha256"].values())) in card


def test_loss_falls(finished: Run) -> None:
    history = finished.history()
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["train_topology_loss"] < 0.9 * history[0]["train_topology_loss"]


@pytest.mark.slow
def test_killed_and_resumed_run_has_the_history_of_an_uninterrupted_one(
    finished: Run, tmp_path: Path
) -> None:
    run = Run(tmp_path / finished.path.name)
    kill([*SMALL_RUN, "-o", str(tmp_path)], lambda: run.resume_file.is_file())
    assert 1 <= len(run.history()) < 4
    assert not run.model.exists()
    assert command("train", "--resume", run.path) == 0
    assert_equal_runs(run, finished)


def test_resuming_starts_from_the_last_epoch_also_where_the_best_was_earlier(
    tmp_path: Path,
) -> None:
    options = ["--epochs", 3, "--lr", "1e-12", "--name", "still", "-o", tmp_path]
    options += ["--set", "training.monitor=val_topology_accuracy_macro"]
    assert command("train", *SMALL, *options) == 0
    run = Run(tmp_path / "still")
    assert run.info()["best_epoch"] == 0  # nothing is better than the first
    assert torch.load(run.resume_file, weights_only=True)["epoch"] == 2


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(10))
def test_run_killed_at_random_moments_ends_as_if_it_had_not_been(
    seed: int, finished: Run, tmp_path: Path
) -> None:
    run, draw = Run(tmp_path / finished.path.name), random.Random(seed)
    began = seconds_to_first_epoch(run, [*SMALL_RUN, "-o", str(tmp_path)])
    for _ in range(2):
        if run.model.is_dir():
            break
        end = time.monotonic() + draw.uniform(0, 1.5 * began)
        kill(["--resume", str(run.path)], lambda end=end: time.monotonic() > end)
    if not run.model.is_dir():
        assert command("train", "--resume", run.path) == 0
    assert_equal_runs(run, finished)


SMALL_RUN = [*SMALL, "--epochs", "4"]


def kill(options: list[str], moment: Callable[[], bool]) -> None:
    """Start a training and kill it when its moment has come, unless it ends before."""
    line = [sys.executable, "-m", "topo", "train", *options]
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not moment() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def seconds_to_first_epoch(run: Run, options: list[str]) -> float:
    """Kill a new training when it can be resumed, and tell how long that took."""
    began = time.monotonic()
    kill(options, run.resume_file.is_file)
    assert run.resume_file.is_file()
    return time.monotonic() - began


def assert_equal_runs(run: Run, other: Run) -> None:
    assert (run.path / "history.csv").read_text() == (other.path / "history.csv").read_text()
    ours, theirs = (load_file(r.model / "model.safetensors") for r in (run, other))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_same_seed_same_history_other_seed_another(finished: Run, tmp_path: Path) -> None:
    def rows(seed: int, name: str) -> str:
        options = ["--epochs", 1, "--seed", seed, "--name", name, "-o", tmp_path]
        assert command("train", *SMALL, *options) == 0
        return (tmp_path / name / "history.csv").read_text()

    first = rows(1, "a")
    assert rows(1, "b") == first
    assert rows(2, "c") != first


def test_cross_entropy_model_trains_and_predicts(tmp_path: Path) -> None:
    options = [*SMALL, "--set", "model.heads.topology=cross_entropy", "--epochs", 1, "--name", "ce"]
    assert command("train", *options, "-o", tmp_path) == 0
    assert Run(tmp_path / "ce").model.is_dir()


@pytest.mark.parametrize("kind", ["gcn", "sage", "gat", "rgcn"])
def test_every_encoder_trains(kind: str, tmp_path: Path) -> None:
    options = [*SMALL, "--graph", kind, "--conv1", "8x3", "--epochs", 1, "--train-size", 12]
    assert command("train", *options, "--name", kind, "-o", tmp_path) == 0
    assert "val_loss" in Run(tmp_path / kind).history()[0]


def test_offline_tracking_writes_the_values_of_the_history(tmp_path: Path) -> None:
    options = [*SMALL, "--epochs", 1, "--wandb", "offline", "--name", "tracked"]
    assert command("train", *options, "-o", tmp_path) == 0
    files = list((tmp_path / "tracked" / "wandb").rglob("run-*.wandb"))
    assert len(files) == 1
    logged, config, tables = _read_wandb(files[0])
    row = Run(tmp_path / "tracked").history()[0]
    for name in ("val_loss", "train_loss", "val_residue_accuracy", "gradient_norm"):
        assert logged[name] == pytest.approx(row[name], rel=1e-4), name
    assert "gradient_norm_step" in logged
    assert any(name.startswith("lr-") for name in logged)
    assert config["model"]["encoder"]["gcs"] == 8
    assert {"type_confusion", "predictions"} <= tables


def _read_wandb(path: Path) -> tuple[dict, dict, set[str]]:
    """Read the last value of everything, the parameters and the tables of an offline run."""
    from wandb.proto import wandb_internal_pb2

    logged: dict[str, object] = {}
    config: dict[str, object] = {}
    for data in _leveldb_records(path.read_bytes()[7:], offset=7):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for item in record.history.item:
            logged["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
        for item in [*record.run.config.update, *record.config.update]:
            config["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    return logged, config, {name.split("/")[0] for name in logged}


def _leveldb_records(data: bytes, offset: int) -> Iterator[bytes]:
    """Split a LevelDB log (blocks of 32 KiB; checksum, length, kind before each piece)."""
    position, pieces = 0, b""
    while position + 7 <= len(data):
        left = 32768 - (position + offset) % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        pieces += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole record, last piece
            yield pieces
            pieces = b""


def test_a_grammar_of_ones_own_travels_with_the_run(tmp_path: Path, capsys) -> None:
    path = tmp_path / "grammar.yaml"
    path.write_text(
        "states:\n"
        "  inside: {letter: I, start: true, end: true, successors: [out]}\n"
        "  outside: {letter: O, start: true, end: true, successors: [in]}\n"
        "  out: {letter: M, minimum: 15, maximum: 30, successors: [outside]}\n"
        "  in: {letter: M, minimum: 15, maximum: 30, successors: [inside]}\n"
    )
    options = [*SMALL, "--epochs", 1, "--set", f"model.heads.grammar={path}", "--name", "own"]
    assert command("train", *options, "-o", tmp_path) == 0
    assert "have no path in the grammar, left out" in capsys.readouterr().err  # signal peptides
    path.unlink()
    run = Run(tmp_path / "own")
    assert any("no legal path" in reason for reason in run.info()["left_out"])
    model = load_model(run.model)
    assert [state.name for state in model.tagger.crf.grammar.states][:2] == ["inside", "outside"]
    letters = {p.type for p in predict(bundled("example") / "proteins.fasta", model)}
    assert letters <= {"GLOB", "TM"}


def test_training_goes_on_from_the_weights_of_another_run(finished: Run, tmp_path: Path) -> None:
    options = ["--epochs", 1, "--init", finished.path, "--name", "tuned", "-o", tmp_path]
    assert command("train", *SMALL, *options, "--dropout", "0.3") == 0  # its dropout may differ
    assert Run(tmp_path / "tuned").config().model.recurrent.dropout == 0.3
    first = Run(tmp_path / "tuned").history()[0]
    assert first["train_loss"] < 0.9 * finished.history()[0]["train_loss"]


@pytest.mark.slow
def test_two_devices_train_one_run(tmp_path: Path) -> None:
    options = ["--epochs", "2", "--devices", "2", "--name", "two", "-o", str(tmp_path)]
    command_line = [sys.executable, "-m", "topo", "train", *SMALL, *options]
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert len(Run(tmp_path / "two").history()) == 2
    assert (Run(tmp_path / "two").model / "model.safetensors").is_file()


ERRORS = [
    (["--data", "absent.3line"], "absent.3line: no such file"),
    (["--train", "cv9"], "unknown fold cv9"),
    (["--set", "model.encoder.gsc=3"], "did you mean model.encoder.gcs?"),
    (["--set", "training.monitor=val_accuracy", "--epochs", "1"], "unknown metric val_accuracy"),
    (["--config", "absent.yaml"], "absent.yaml: cannot be read"),
    (["--conv1", "128"], "expected FILTERSxWIDTH"),
    (["--extra", "a", "--exclude-similar", "b", "--exclude-similar", "c"], "one for each"),
    (["--init", "absent"], "absent: no checkpoint here"),
    (["--init", str(bundled("topo-base"))], "is of another architecture"),
    (["--resume", "absent"], "absent: no run here"),
    (["--set", "model.heads.grammar=absent.yaml"], "absent.yaml: cannot be read (no such file)"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS)
def test_user_error_is_one_line_and_exit_code_2(
    options: list[str], message: str, tmp_path: Path, capsys
) -> None:
    small = [] if "--resume" in options else SMALL
    assert command("train", *small, *options, "-o", tmp_path / "runs") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("topo: ")
    assert message in error


def test_failed_start_leaves_no_run(tmp_path: Path) -> None:
    assert command("train", *SMALL, "--train", "cv9", "-o", tmp_path / "runs") == 2
    assert not list(tmp_path.glob("runs/*"))


def test_run_names_do_not_collide(tmp_path: Path) -> None:
    assert [new_run(tmp_path, "a").path.name for _ in range(3)] == ["a", "a-2", "a-3"]
