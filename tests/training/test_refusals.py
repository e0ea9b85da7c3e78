"""Trainings that cannot start or diverge: one line, exit code 2, and no folder left behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from conftest import command

from topo.config import Config, load_config
from topo.data.splits import Splits
from topo.errors import ConfigError
from topo.residues import AMINO_ACIDS
from topo.runs import Run
from topo.training.checks import check_training

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--threads", "1", "--precision", "32"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without a key of Weights & Biases."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


REFUSED = [
    (["--monitor", "val_type_accuracy_BETA"],
     "training.monitor: val_type_accuracy_BETA has no value on the 11 validation proteins; "
     "they have the types TM, SP+TM, SP, GLOB"),
    (["--monitor", "val_topology_accuracy_BETA"], "training.monitor: val_topology_accuracy_BETA"),
    (["--monitor", "val_type_loss", "--set", "model.heads.type=false"],
     "training.monitor: val_type_loss has no value, the model has no such head"),
    (["--accelerator", "cuda"], "training.accelerator: found 0 cuda devices on this machine"),
    (["--accelerator", "gpu", "--devices", "2"], "training.accelerator: found 0 cuda devices"),
    (["--accelerator", "mps"], "training.accelerator: found 0 mps devices"),
    (["--wandb", "online"], "tracking.wandb: found online and no key of Weights & Biases"),
]  # fmt: skip


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refused_before_there_is_a_run(
    options: list[str], message: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for _ in range(2):
        assert command("train", *SMALL, "--epochs", 1, *options, "-o", tmp_path / "runs") == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert error[-1].startswith(f"topo: {message}")
        assert "Traceback" not in "".join(error)
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--accelerator", "cuda"], "found 0 cuda devices"),
        (["--accelerator", "mps"], "found 0 mps devices"),
        (["--wandb", "online"], "no key of Weights & Biases"),
    ],
)
def test_pre_training_is_refused_alike(
    options: list[str], message: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    corpus = tmp_path / "corpus.fasta"
    corpus.write_text("".join(f">p{i}\n{AMINO_ACIDS * 4}\n" for i in range(9)))
    assert command("pretrain", corpus, *SMALL, *options, "-o", tmp_path / "run") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_cross_validation_is_refused_before_there_is_a_folder(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    options = ["--accelerator", "mps", "-o", tmp_path / "cv"]
    assert command("cv", *SMALL, "--epochs", 1, *options) == 2
    assert "found 0 mps devices" in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


@pytest.mark.parametrize(
    "monitor", ["val_loss", "val_type_accuracy_macro", "val_topology_accuracy_SP"]
)
def test_a_metric_with_a_value_is_accepted(monitor: str) -> None:
    config = load_config(None, fields={"training.monitor": monitor})
    check_training(config, Splits.of(config))


def test_the_types_there_are_leave_open_what_labels_leave_open(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    entry = {"id": "a", "sequence": "MKLV" * 10, "labels": "I" * 40}
    unsure = {"id": "b", "sequence": "MKLA" * 10, "labels": "-" * 30 + "O" * 10}
    path.write_text(json.dumps({"train": [entry], "val": [unsure]}))
    config = load_config(
        None, fields={"data.path": str(path), "training.monitor": "val_type_accuracy_GLOB"}
    )
    with pytest.raises(ConfigError, match="they have the types that their labels leave open"):
        check_training(config, Splits.of(config))


@pytest.mark.parametrize("rate", ["1e38", "inf", "nan", "-1"])
def test_an_absurd_rate_is_refused(rate: str, tmp_path: Path, capsys) -> None:
    assert command("train", *SMALL, f"--lr={rate}", "-o", tmp_path / "runs") == 2
    assert "training.learning_rate: Input should be" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("rate", ["1e30", "1e29"])
def test_a_diverged_training_names_epoch_and_rate(rate: str, tmp_path: Path, capsys) -> None:
    options = ["--lr", rate, "--epochs", 3, "-o", tmp_path, "--name", "a"]
    assert command("train", *SMALL, *options) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"topo: training diverged at epoch 1, learning rate {float(rate):g}")
    assert not Run(tmp_path / "a").model.exists()


def test_a_diverged_pre_training_names_epoch_and_rate(tmp_path: Path, capsys) -> None:
    corpus = tmp_path / "corpus.fasta"
    corpus.write_text("".join(f">p{i}\n{AMINO_ACIDS * (i + 3)}\n" for i in range(9)))
    options = ["--residues", 9000, "--interval", 3000, "--crop", 64, "--lr", "1e30"]
    options += ["--set", "pretraining.batch_residues=512"]
    assert command("pretrain", corpus, *SMALL, *options, "-o", tmp_path / "run") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("topo: training diverged at epoch 1, learning rate 1e+30")


def test_the_average_of_a_short_training_does_not_lag() -> None:
    from torch.optim.swa_utils import AveragedModel

    from topo.training.averaging import _average

    model = torch.nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(model, multi_avg_fn=_average(0.99))
    values = [float(step) for step in range(61)]
    expected = values[0]
    for step, value in enumerate(values):
        model.weight.data.fill_(value)
        averaged.update_parameters(model)
        decay = min(0.99, (1 + step) / (10 + step)) if step else 0.0
        expected = decay * expected + (1 - decay) * value
        assert float(averaged.module.weight.detach()) == pytest.approx(expected, rel=1e-5)
    assert values[-1] - expected < 10  # at .99 from the start: 45
    late = AveragedModel(model, multi_avg_fn=_average(0.5))
    late.update_parameters(model)
    late.n_averaged.fill_(1000)
    model.weight.data.fill_(0.0)
    late.update_parameters(model)
    assert float(late.module.weight.detach()) == pytest.approx(30.0)


def test_figures_of_a_run_are_those_of_its_written_model(tmp_path: Path, capsys) -> None:
    from topo.inference import load_model, predict
    from topo.metrics.headline import headline_metrics

    assert command("train", *SMALL, "--epochs", 2, "-o", tmp_path, "--name", "a") == 0
    run, config = Run(tmp_path / "a"), Config()
    proteins = Splits.of(config).validation.proteins
    found = list(predict(proteins, load_model(run.model), precision="32"))
    figures = headline_metrics([p.labels or "" for p in proteins], found)
    recorded = run.info()["validation"]
    for name, value in figures.items():
        kept = recorded[f"val_{name}"]
        assert (kept is None) if math.isnan(value) else kept == pytest.approx(value)
    card = (run.model / "README.md").read_text()
    assert f"| residue_accuracy | {figures['residue_accuracy']:.4f} |" in card
    assert "Scores of this model, after calibration" in card
    capsys.readouterr()
    assert command("runs", "-f", tmp_path, "--csv", "-") == 0
    text = capsys.readouterr().out
    assert str(recorded["val_residue_accuracy"]) in text
    assert "finished" in text
