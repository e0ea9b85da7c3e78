"""Sweeps: files of Weights & Biases, and processes that share a sweep without its server."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import yaml
from conftest import command

from topo.cli.config_options import read_settings
from topo.config import Config, dump_config, load_config
from topo.errors import ConfigError, DivergedError, TopoError
from topo.report.sweep import importance, ranked, write_sweep
from topo.runs import Run
from topo.sweep import trials as trials_module
from topo.sweep.file import Early, load_sweep, parse_sweep
from topo.sweep.study import SharedStudy, effective
from topo.sweep.trials import run_sweep
from topo.sweep.workers import Worker, exclusive, is_alive

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))
NO_SCHEMA = "wandb's schema of sweeps is in wandb[sweeps], which wants numpy below 2"
SMALL = ["--gcs=8", "--lstm=8", "--batch=16", "--threads=1", "--precision=32", "--crop=200"]
SMALL += ["--set=sampling.minimum=1"]
GRID = {
    "method": "grid",
    "metric": {"name": "val_residue_accuracy", "goal": "maximize"},
    "command": ["${env}", "topo", "train", "--wandb=online", *SMALL, "--epochs=6", "${args}"],
    "parameters": {"layers": {"values": [1, 2]}, "seed": {"values": [0, 1]}},
}


@pytest.fixture(autouse=True)
def _in_top_folder(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)  # families.yaml names configurations by their path from there


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_file_is_valid_for_wandb(path: Path) -> None:
    sweeps = pytest.importorskip("sweeps", reason=NO_SCHEMA)
    tree = yaml.safe_load(path.read_text())
    assert sweeps.schema_violations_from_proposed_config(tree) == []
    assert sweeps.SweepConfig(tree)["command"] == tree["command"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_point_of_a_shipped_file_is_a_training(path: Path) -> None:
    sweep = load_sweep(path)
    points = sweep.grid() if sweep.method == "grid" else [_ends(sweep, 0), _ends(sweep, -1)]
    texts = {dump_config(read_settings(sweep.command(point))) for point in points}
    assert len(texts) == len(points) > 1


def _ends(sweep, end: int) -> dict:
    return {p.name: p.values[end] if p.values else (p.low, p.high)[end] for p in sweep.parameters}


def test_the_schema_of_wandb_finds_faults() -> None:
    sweeps = pytest.importorskip("sweeps", reason=NO_SCHEMA)

    assert sweeps.schema_violations_from_proposed_config({**GRID, "method": "guess"})


def test_every_question_of_the_studies_has_a_file() -> None:
    names = {"batch", "depth", "size", "dropout", "learning-rate", "gcs-lstm", "bayes", "families"}
    assert {path.stem for path in FILES} == names
    assert load_sweep(ROOT / "configs/sweeps/bayes.yaml").early == Early(3, 3)


@pytest.mark.slow
def test_command_line_of_an_agent_runs_offline(tmp_path: Path) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    tree = {**GRID, "command": [w.replace("=6", "=1") for w in GRID["command"]]}
    point = {"layers": 2, "seed": 1, "learning-rate": 0.003, "conv1": "8x3"}
    macros = create_sweep_command_args({"args": {k: {"value": v} for k, v in point.items()}})
    macros["env"] = ["/usr/bin/env"]
    words: list[str] = []
    for word in create_sweep_command(list(tree["command"])):
        words += macros[word[2:-1]] if word.startswith("${") else [word]
    assert words[:3] == ["/usr/bin/env", "topo", "train"]
    assert words[3:] == parse_sweep(tree).command(point)
    agent = {
        "WANDB_MODE": "offline",
        "WANDB_SWEEP_ID": "abc",
        "WANDB_RUN_ID": "r4nd0m",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, **agent}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name == "conv1-bilstm_cv18x3_gc8_lay2_sz8"
    config = Run(run).config()
    assert (config.training.seed, config.training.learning_rate) == (1, 0.003)
    assert len(list(run.rglob("run-r4nd0m.wandb"))) == 1


def _write(tree: dict, path: Path) -> Path:
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.mark.slow
def test_two_processes_share_a_grid_and_survive_a_kill(tmp_path: Path) -> None:
    file, folder = _write(GRID, tmp_path / "grid.yaml"), tmp_path / "shared"
    words = [sys.executable, "-m", "topo", "sweep", str(file), "-o", str(folder)]

    def start() -> subprocess.Popen:
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    first, second = start(), start()
    killed = _wait_for_epoch(folder, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    again = start()
    for process in (second, again):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    trials = _study(folder).get_trials()
    counted = effective(trials)
    assert [trial.state.name for trial in counted] == ["COMPLETE"] * 4
    points = {(trial.params["layers"], trial.params["seed"]) for trial in counted}
    assert points == {(1, 0), (1, 1), (2, 0), (2, 1)}
    # The killed trial was queued again once, in the same run, and went on to its last epoch.
    (retry,) = [trial for trial in trials if "retry_of" in trial.user_attrs]
    assert retry.user_attrs["retry_of"] == killed
    assert trials[killed].state.name == "FAIL"
    assert len(trials) == 5
    runs = [Run(path) for path in sorted((folder / "runs").iterdir())]
    assert [len(run.history()) for run in runs] == [6] * 4
    assert all(run.model.is_dir() for run in runs)
    assert len(_rows(folder / "trials.csv")) == 4
    assert (folder / "importance.png").read_bytes()[:4] == b"\x89PNG"
    best = load_config(folder / "best.yaml")
    value = max(max(row["val_residue_accuracy"] for row in run.history()) for run in runs)
    winner = next(t for t in counted if t.value == pytest.approx(value))
    assert best.model.recurrent.layers == winner.params["layers"]


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def _study(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{folder / 'study.db'}")


def _wait_for_epoch(folder: Path, process: subprocess.Popen) -> int:
    """Wait until a trial of the process has ended an epoch, and return its number."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        if (folder / "study.db").is_file() and list(folder.glob("runs/*/history.csv")):
            for trial in _study(folder).get_trials():
                worker = trial.user_attrs.get("worker", "")
                run = folder / "runs" / trial.user_attrs.get("run", "none")
                mine = worker.startswith(f"{process.pid}-") and trial.state.name == "RUNNING"
                if mine and (run / "history.csv").is_file():
                    return trial.number
        time.sleep(0.05)
    raise AssertionError("no epoch ended in time")


def _fake_fit(curve, calls: list):
    """Stand in for training: the metric of each epoch is ``curve(config, epoch)``."""

    def fit(config: Config, splits, run: Run, *, resume=False, progress=False, also=()) -> Path:
        calls.append((config, run.path.name))
        (run.path / "config.yaml").write_text(dump_config(config))
        trainer, rows = SimpleNamespace(should_stop=False), []
        while len(rows) < 9 and not trainer.should_stop:
            rows.append(
                {
                    "epoch": len(rows),
                    "val_residue_accuracy": curve(config, len(rows)),
                    **dict.fromkeys(
                        ("train_loss", "val_loss", "gradient_norm", "learning_rate"), 1.0
                    ),
                }
            )
            run.write_history(rows)
            for callback in also:
                callback.on_train_epoch_end(trainer, None)
        return run.path

    return fit


def _run(sweep: dict, folder: Path, monkeypatch, curve, **options) -> tuple[SharedStudy, list]:
    calls: list = []
    monkeypatch.setattr(trials_module, "fit", _fake_fit(curve, calls))
    shared = SharedStudy(parse_sweep(sweep), folder, **options)
    run_sweep(shared, read_settings)
    return shared, calls


def _by_layers(config: Config, epoch: int) -> float:
    return 0.1 * config.model.recurrent.layers + 0.001 * config.training.seed + 0.0001 * epoch


def test_grid_runs_each_point_once_and_ranks_them(tmp_path: Path, monkeypatch) -> None:
    shared, calls = _run(GRID, tmp_path / "s", monkeypatch, _by_layers)
    seen = [(c.model.recurrent.layers, c.training.seed) for c, _ in calls]
    assert seen == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert {c.tracking.wandb for c, _ in calls} == {"off"}
    assert [t.params["layers"] for t in ranked(shared)] == [2, 2, 1, 1]
    assert ranked(shared)[0].value == pytest.approx(0.2018)  # the best epoch, as wandb takes it
    found = importance(shared)
    assert found["layers"] > 0.7
    assert sum(found.values()) == pytest.approx(1)
    left = shared.folder / ".trials.csv.a1b2c3d4.csv"  # by a process that was killed
    left.touch()
    for path in write_sweep(shared):
        assert path.stat().st_size > 0
    assert not left.exists()
    best = load_config(shared.folder / "best.yaml")
    assert (best.model.recurrent.layers, best.training.seed) == (2, 1)
    rows = _rows(shared.folder / "trials.csv")
    assert [row["state"] for row in rows] == ["complete"] * 4


def test_a_finished_sweep_has_nothing_left_and_another_sweep_is_refused(
    tmp_path: Path, monkeypatch
) -> None:
    _run(GRID, tmp_path / "s", monkeypatch, _by_layers)
    _, calls = _run(GRID, tmp_path / "s", monkeypatch, _by_layers)
    assert calls == []
    other = {**GRID, "parameters": {"layers": {"values": [3]}}}
    with pytest.raises(ConfigError, match="holds the study of another sweep"):
        SharedStudy(parse_sweep(other), tmp_path / "s")


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("no database, and longer than the header of one" * 9)
    with (
        pytest.raises(TopoError, match="lock: cannot be written"),
        exclusive(tmp_path / "lock"),
    ):
        pass


def test_trials_of_the_dead_are_taken_up_by_the_living(tmp_path: Path) -> None:
    sweep = parse_sweep(GRID)
    one, two = (SharedStudy(sweep, tmp_path / "s") for _ in range(2))
    lost, kept = one.take(), two.take()
    lost.set_user_attr("run", "000_x")
    assert is_alive(tmp_path / "s" / "workers", one.storage.worker.name)
    one.storage.worker._connection.close()  # what the system does with the locks of a dead process
    assert not is_alive(tmp_path / "s" / "workers", one.storage.worker.name)
    points = [kept.params]
    two.study.tell(kept, 0.5)
    while (trial := two.take()) is not None:
        if "retry_of" in trial.user_attrs:
            assert trial.user_attrs["retry_of"] == lost.number
            assert (trial.params, trial.user_attrs["run"]) == (lost.params, "000_x")
        points.append(trial.params)
        two.study.tell(trial, 0.5)
    assert sorted((p["layers"], p["seed"]) for p in points) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    two.storage.worker.close()


def test_a_trial_that_kills_three_processes_has_failed(tmp_path: Path) -> None:
    tree = {**GRID, "parameters": {"seed": {"values": [0]}}}
    for _ in range(3):
        shared = SharedStudy(parse_sweep(tree), tmp_path / "s")
        assert shared.take() is not None
        shared.storage.worker._connection.close()
    last = SharedStudy(parse_sweep(tree), tmp_path / "s")
    assert last.take() is None
    assert [t.state.name for t in effective(last.study.get_trials())] == ["FAIL"]
    last.storage.worker.close()


def test_a_trial_that_died_before_its_run_was_named_keeps_its_number(
    tmp_path: Path, monkeypatch
) -> None:
    tree = {**GRID, "parameters": {"seed": {"values": [0, 1]}}}
    _, calls = _run(tree, tmp_path / "whole", monkeypatch, _by_layers)
    names = [name for _, name in calls]
    assert [name[:4] for name in names] == ["000_", "001_"]
    for _ in range(2):  # processes that die as soon as they have a trial
        shared = SharedStudy(parse_sweep(tree), tmp_path / "killed")
        assert shared.take() is not None
        shared.storage.worker._connection.close()
    _, calls = _run(tree, tmp_path / "killed", monkeypatch, _by_layers)
    assert sorted(name for _, name in calls) == names


def test_a_failing_training_does_not_end_the_sweep(tmp_path: Path, monkeypatch) -> None:
    def diverges(config: Config, epoch: int) -> float:
        if config.model.recurrent.layers == 1:
            raise RuntimeError("out of memory")
        return 0.5

    shared, _ = _run(GRID, tmp_path / "s", monkeypatch, diverges)
    states = [trial.state.name for trial in shared.study.get_trials()]
    assert states == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert "out of memory" in shared.study.get_trials()[0].user_attrs["error"]


def test_bayes_searches_and_prunes(tmp_path: Path, monkeypatch) -> None:
    tree = {
        **GRID,
        "method": "bayes",
        "run_cap": 24,
        "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 3},
        "parameters": {
            "dropout": {"min": 0.0, "max": 0.8},
            "layers": {"min": 1, "max": 6},
            "learning-rate": {"min": 1e-4, "max": 0.1, "distribution": "log_uniform_values"},
        },
    }

    def peak(config: Config, epoch: int) -> float:
        return 1 - abs(config.model.recurrent.dropout - 0.3) + 0.01 * epoch

    shared, calls = _run(tree, tmp_path / "s", monkeypatch, peak)
    assert len(calls) == 24
    states = [trial.state.name for trial in shared.study.get_trials()]
    assert {"COMPLETE", "PRUNED"} == set(states)
    assert abs(ranked(shared)[0].params["dropout"] - 0.3) < 0.1
    early, late = ([abs(c.model.recurrent.dropout - 0.3) for c, _ in calls[s]]
                   for s in (slice(0, 6), slice(12, 24)))  # fmt: skip
    assert sum(late) / len(late) < sum(early) / len(early)
    assert all(1 <= c.model.recurrent.layers <= 6 for c, _ in calls)
    assert all(1e-4 <= c.training.learning_rate <= 0.1 for c, _ in calls)


def test_random_draws_depend_on_the_seed_only(tmp_path: Path, monkeypatch) -> None:
    tree = {**GRID, "method": "random", "parameters": {"dropout": {"min": 0.0, "max": 0.8}}}

    def drawn(name: str, seed: int) -> Sequence[float]:
        shared, _ = _run(tree, tmp_path / name, monkeypatch, _by_layers, trials=3, seed=seed)
        return [trial.params["dropout"] for trial in shared.study.get_trials()]

    assert drawn("a", 0) == drawn("b", 0) != drawn("c", 1)
    assert len(set(drawn("a", 0))) == 3


def test_workers_of_this_process_are_alive_until_they_leave(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    assert is_alive(tmp_path, worker.name)
    worker.close()
    assert not is_alive(tmp_path, worker.name)


ERRORS = [
    ({"method": "guess"}, "method: found guess"),
    ({"metric": {"name": "accuracy"}}, "metric.name: found accuracy"),
    ({"metric": {"name": "val_loss", "goal": "down"}}, "metric.goal: found down"),
    ({"command": ["python", "train.py", "${args}"]}, "command: found python train.py"),
    ({"command": ["topo", "train"]}, "expected ${args} once"),
    ({"command": ["topo", "train", "${args}", "${args_json}"]}, "found ${args_json}"),
    ({"parameters": {}}, "at least one parameter"),
    ({"parameters": {"lstm": 3}}, "parameters.lstm: found 3"),
    ({"parameters": {"lstm": {"min": 3, "max": 1}}}, "expected min < max"),
    ({"parameters": {"lstm": {"min": 1, "max": 3}}}, "expected values for a grid"),
    ({"parameters": {"lstm": {"min": 1, "max": 3, "distribution": "beta"}}}, "distribution beta"),
    ({"early_terminate": {"type": "envelope"}}, "expected hyperband"),
    ({"parametres": {}}, "unknown key parametres"),
]


@pytest.mark.parametrize(("change", "message"), ERRORS)
def test_malformed_file_is_one_line_and_exit_code_2(
    change: dict, message: str, tmp_path: Path, capsys
) -> None:
    file = _write({**GRID, **change}, tmp_path / "sweep.yaml")
    assert command("sweep", file, "-o", tmp_path / "s") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("topo: ")
    assert message in error
    assert not (tmp_path / "s").exists()


def test_bad_option_is_found_before_anything_is_made(tmp_path: Path, capsys) -> None:
    tree = {**GRID, "parameters": {"lstn": {"values": [8]}}}
    assert command("sweep", _write(tree, tmp_path / "sweep.yaml"), "-o", tmp_path / "s") == 2
    assert "No such option: --lstn" in capsys.readouterr().err
    assert command("sweep", tmp_path / "absent.yaml") == 2
    bayes = {**GRID, "method": "bayes"}
    assert command("sweep", _write(bayes, tmp_path / "b.yaml"), "-o", tmp_path / "s") == 2
    assert "run_cap" in capsys.readouterr().err


def test_more_arguments_override_the_file_s_but_not_what_is_swept(tmp_path: Path, capsys) -> None:
    sweep = parse_sweep(GRID).with_arguments(["--epochs", "2", "--dropout=0.4"])
    config = read_settings(sweep.command({"layers": 2, "seed": 1}))
    assert (config.training.epochs, config.model.recurrent.dropout) == (2, 0.4)
    assert (config.model.recurrent.layers, config.training.seed) == (2, 1)
    assert command("sweep", _write(GRID, tmp_path / "sweep.yaml"), "--seed", "3") == 2
    assert "found --seed, which the sweep varies" in capsys.readouterr().err


CASES = ROOT / "tests" / "cases"


def test_text_and_scientific_numbers_are_taken() -> None:
    assert load_sweep(CASES / "sweep_run_cap_text.yaml").cap == 2
    (_, rate) = load_sweep(CASES / "sweep_scientific.yaml").parameters
    assert (rate.name, rate.low, rate.high) == ("learning-rate", 1e-4, 1e-2)
    quoted = {"layers": {"min": "1", "max": "3"}}
    sweep = parse_sweep({**GRID, "method": "random", "run_cap": 4.0, "parameters": quoted})
    assert (sweep.cap, sweep.parameters[0].high, sweep.parameters[0].integer) == (4, 3, True)
    assert load_sweep(CASES / "sweep_controller.yaml").cap is None


VALUES = [
    ({"run_cap": 2.5}, "run_cap: found 2.5, expected a whole number"),
    ({"run_cap": -1}, "run_cap: found -1"),
    ({"run_cap": 0}, "run_cap: found 0"),
    ({"run_cap": True}, "run_cap: found True"),
    ({"run_cap": [2]}, "run_cap: found [2]"),
    ({"run_cap": "two"}, "run_cap: found 'two'"),
    ({"run_cap": float("nan")}, "run_cap: found nan"),
    ({"metric": "val_loss"}, "metric: found 'val_loss'"),
    ({"metric": {"name": ["val_loss"]}}, "metric.name: found ['val_loss']"),
    ({"parameters": {"deterministic": {"values": [True, False]}}}, "true and false are not taken"),
    ({"parameters": {"deterministic": {"value": True}}}, "deterministic.value: found true"),
    ({"parameters": {"lstm": {"value": [8]}}}, "parameters.lstm.value: found [8]"),
    ({"parameters": {"lstm": {"values": [8, None]}}}, "parameters.lstm.values: found None"),
    ({"parameters": {"lstm": {"values": "8"}}}, "parameters.lstm: found values '8'"),
    ({"parameters": {"lstm": {"values": [8], "probabilities": [1]}}}, "found probabilities"),
    ({"parameters": {"dropout": {"min": False, "max": 1}}}, "found min False"),
    ({"parameters": {"dropout": {"min": [0], "max": 1}}}, "found min [0]"),
    ({"parameters": {"dropout": {"mu": 0.3, "sigma": 0.1}}}, "mu and sigma; normal distributions"),
    (
        {"parameters": {"dropout": {"distribution": "q_log_normal", "min": 0, "max": 1}}},
        "found distribution q_log_normal; normal distributions (mu, sigma) are not taken",
    ),
    ({"parameters": {"dropout": {"min": 0, "max": 1, "distribution": [1]}}}, "distribution [1]"),
    ({"parameters": {"dropout": {"min": 0, "max": 1, "q": "x"}}}, "found q 'x'"),
    ({"parameters": {"lstm": {"min": 1, "max": 1e400}}}, "max inf, expected min < max"),
    ({"parameters": {f"p{i}": {"values": [*range(10)]} for i in range(9)}}, "grid of more than"),
    ({"controller": {"type": "cloud"}}, "controller: found {'type': 'cloud'}"),
    ({"early_terminate": {"type": "hyperband", "min_iter": "x"}}, "early_terminate.min_iter"),
    ({"command": "topo train"}, "command: expected a list"),
]


@pytest.mark.parametrize(("change", "message"), VALUES, ids=lambda x: str(x)[:40])
def test_values_of_another_kind_are_named(change: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sweep({**GRID, **change})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sweep_boolean", "sweep_normal"])
def test_parts_of_the_format_that_are_not_taken(name: str, tmp_path: Path, capsys) -> None:
    assert command("sweep", CASES / f"{name}.yaml", "-o", tmp_path / "s") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{name}.yaml: parameters." in line
    assert "not taken" in line
    assert not (tmp_path / "s").exists()


def test_every_value_is_checked_before_the_first_training(tmp_path: Path, capsys) -> None:
    tree = {
        **GRID,
        "method": "random",
        "run_cap": 3,
        "parameters": {"cell": {"values": ["gru", 7]}},
    }
    assert command("sweep", _write(tree, tmp_path / "s.yaml"), "-o", tmp_path / "s") == 2
    assert "cell" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_failed_trials_are_retried_by_option(tmp_path: Path, monkeypatch) -> None:
    broken = [1]

    def fails_first(config: Config, epoch: int) -> float:
        if config.model.recurrent.layers in broken:
            raise DivergedError("training diverged at epoch 1")
        return 0.5

    shared, _ = _run(GRID, tmp_path / "s", monkeypatch, fails_first)
    assert [t.state.name for t in effective(shared.study.get_trials())].count("FAIL") == 2
    assert shared.study.get_trials()[0].user_attrs["error"] == "training diverged at epoch 1"
    broken.clear()
    again, calls = _run(GRID, tmp_path / "s", monkeypatch, fails_first)
    assert calls == []
    again, calls = _run(GRID, tmp_path / "s", monkeypatch, fails_first, retry_failed=True)
    assert [c.model.recurrent.layers for c, _ in calls] == [1, 1]
    assert [name[:4] for _, name in calls] == ["004_", "005_"]  # not from where they diverged
    trials = effective(again.study.get_trials())
    assert [t.state.name for t in trials] == ["COMPLETE"] * 4


def test_progress_and_tracking_are_shown_as_they_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trials_module, "fit", _fake_fit(_by_layers, []))
    lines: list[str] = []
    shared = SharedStudy(parse_sweep(GRID), tmp_path / "s")
    run_sweep(shared, read_settings, tell=lines.append)
    assert [line.partition(":")[0] for line in lines[::2]] == [
        f"trial {i} ({i + 1} of 4)" for i in range(4)
    ]
    assert all("--wandb" not in line for line in lines)
    words = ["--wandb", "online", "--wandb=offline", "--lstm=8"]
    assert trials_module._with_tracking(words, "off") == ["--lstm=8"]
    assert trials_module._with_tracking(words, "offline") == ["--lstm=8", "--wandb=offline"]


def _stop(tree: dict, folder: Path, epochs: int, orderly: bool) -> None:
    """Take a trial, train it to a number of epochs, and end the process."""
    shared = SharedStudy(parse_sweep(tree), folder)
    trial = shared.take()
    assert trial is not None
    trial.set_user_attr("run", "000_x")
    run = Run(folder / "runs" / "000_x")
    run.path.mkdir(parents=True, exist_ok=True)
    if epochs:
        run.write_history([{"epoch": i, "val_residue_accuracy": 0.5} for i in range(epochs)])
    if orderly:
        trial.set_user_attr("stopped", True)
    shared.storage.worker._connection.close()


@pytest.mark.parametrize(("progress", "orderly"), [(True, False), (False, True), (True, True)])
def test_only_deaths_without_a_new_epoch_count(
    tmp_path: Path, progress: bool, orderly: bool
) -> None:
    tree = {**GRID, "parameters": {"seed": {"values": [0]}}}
    for i in range(6):
        _stop(tree, tmp_path / "s", i + 1 if progress else 0, orderly)
    last = SharedStudy(parse_sweep(tree), tmp_path / "s")
    trial = last.take()
    assert trial is not None
    assert trial.user_attrs["run"] == "000_x"
    last.storage.worker.close()


def test_deaths_in_one_epoch_count_together(tmp_path: Path) -> None:
    tree = {**GRID, "parameters": {"seed": {"values": [0]}}}
    for _ in range(4):  # the first of them trained two epochs
        _stop(tree, tmp_path / "s", 2, False)
    last = SharedStudy(parse_sweep(tree), tmp_path / "s")
    assert last.take() is None
    last.storage.worker.close()


def test_a_signal_marks_the_trial_as_stopped(tmp_path: Path, monkeypatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise SystemExit(143)

    monkeypatch.setattr(trials_module, "fit", stopped)
    shared = SharedStudy(parse_sweep(GRID), tmp_path / "s")
    with pytest.raises(SystemExit):
        run_sweep(shared, read_settings)
    (trial, *_) = shared.study.get_trials()
    assert trial.user_attrs["stopped"]


@pytest.mark.parametrize("fault", ["file", "damaged study"])
def test_unusable_output_is_one_line_before_any_training(
    tmp_path: Path, capsys, monkeypatch, fault: str
) -> None:
    monkeypatch.setattr(trials_module, "fit", None)
    folder = tmp_path / "s"
    if fault == "file":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / "study.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert command("sweep", _write(GRID, tmp_path / "sweep.yaml"), "-o", folder) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"topo: {folder}")
    assert "debug" not in line
