"""Options generated from the configuration: what they set, what wins, and what the help shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command

from topo.cli.config_options import ConfigCommand, parameter_name, read_settings
from topo.cli.cv import CrossValidationCommand
from topo.cli.pretrain import PretrainingCommand
from topo.cli.sweep import SweepCommand
from topo.config import Config, Option, config_fields, load_config
from topo.errors import ConfigError

VALUES = {
    "data.path": ("a.3line", "a.3line"),
    "data.train": ("cv0, cv1", ["cv0", "cv1"]),
    "data.validation": ("cv2", ["cv2"]),
    "data.test": ("cv3", ["cv3"]),
    "data.structures": ("files", "files"),
    "data.missing_features": ("mask", "mask"),
    "data.feature_dropout": ("0.2", 0.2),
    "data.crop": ("250", 250),
    "data.size": ("64", 64),
    "model.encoder.gcs": ("32", 32),
    "model.encoder.kind": ("gat", "gat"),
    "model.recurrent.cell": ("gru", "gru"),
    "model.recurrent.direction": ("uni", "uni"),
    "model.recurrent.size": ("16", 16),
    "model.recurrent.layers": ("2", 2),
    "model.recurrent.dropout": ("0.3", 0.3),
    "training.batch": ("4", 4),
    "training.init": ("runs/x", "runs/x"),
    "training.epochs": ("7", 7),
    "training.learning_rate": ("0.01", 0.01),
    "training.weight_decay": ("0.2", 0.2),
    "training.monitor": ("val_topology_accuracy_TM", "val_topology_accuracy_TM"),
    "training.patience": ("5", 5),
    "training.seed": ("9", 9),
    "training.precision": ("bf16", "bf16"),
    "training.accelerator": ("cuda", "cuda"),
    "training.devices": ("2", 2),
    "training.threads": ("1", 1),
    "training.deterministic": (None, True),
    "distillation.teacher": ("runs/t", "runs/t"),
    "distillation.weight": ("0.3", 0.3),
    "distillation.temperature": ("2", 2.0),
    "task.points": ("20", 20),
    "tracking.wandb": ("offline", "offline"),
}
"""A word for the option of each field, and the value it sets."""

READ = {"data.features"}
"""Options whose file is read with the configuration; see ``tests/training``."""


def _names(key: str) -> tuple[str, ...]:
    return next(m.names for m in config_fields()[key].metadata if isinstance(m, Option))


def _value(config: Config, key: str) -> object:
    value: object = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_the_table_above_has_every_option() -> None:
    marked = {
        k for k, f in config_fields().items() if any(isinstance(m, Option) for m in f.metadata)
    }
    found = {key for key in marked if not key.startswith("pretraining.")}
    assert found == {*VALUES, *READ}


@pytest.mark.parametrize("key", VALUES)
def test_every_name_of_an_option_sets_its_field_and_no_other(key: str) -> None:
    word, value = VALUES[key]
    changed = {key: value} | ({"graph.structure": True} if key == "data.structures" else {})
    for name in _names(key):
        config = read_settings([name] if word is None else [name, word])
        assert _value(config, key) == value
        assert config == load_config(None, fields=changed)


def test_no_option_is_the_default_configuration() -> None:
    assert read_settings([]) == Config()


def test_options_win_over_the_file_and_set_over_options(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("training: {epochs: 3, batch: 8, seed: 4}\nmodel: {encoder: {gcs: 16}}\n")
    options = [f"--config={file}", "--epochs=5", "--batch=6", "--set", "training.batch=7"]
    config = read_settings(["--set=training.threads=2", *options])
    assert (config.training.epochs, config.training.batch) == (5, 7)
    assert (config.training.seed, config.model.encoder.gcs) == (4, 16)
    assert config.training.threads == 2


def test_an_option_with_the_default_value_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    conv = "model: {conv: [{filters: 8, width: 3}]}\n"
    file.write_text("training: {epochs: 3, deterministic: true}\n" + conv)
    config = read_settings([f"--config={file}", "--epochs=30", "--conv1=none"])
    assert config.training.epochs == 30
    assert config.training.deterministic
    assert config.model.conv == []


def test_options_of_a_part_of_a_field() -> None:
    config = read_settings(["--conv2=32x3", "--conv1", "16x5", "--extra=a", "--extra=b"])
    assert [(c.filters, c.width) for c in config.model.conv] == [(16, 5), (32, 3)]
    assert [extra.path for extra in config.data.extra] == ["a", "b"]
    pairs = ["--extra=a", "--exclude-similar=t", "--extra=b", "--exclude-similar=u"]
    found = read_settings(pairs).data.extra
    assert [(extra.path, extra.exclude_similar) for extra in found] == [("a", "t"), ("b", "u")]
    with pytest.raises(ConfigError, match="expected none or one for each"):
        read_settings(["--exclude-similar=t", "--extra=a", "--extra=b"])


@pytest.mark.parametrize(
    "verb", [ConfigCommand, CrossValidationCommand, PretrainingCommand, SweepCommand]
)
def test_an_option_has_the_text_and_the_default_of_its_field(verb: type[ConfigCommand]) -> None:
    command = verb("train")
    options = {option.name: option for option in command.config_options}
    for key, field in config_fields().items():
        if not any(isinstance(mark, Option) for mark in field.metadata):
            continue
        if key.startswith(verb.omitted):
            assert parameter_name(key) not in options
            continue
        option = options[parameter_name(key)]
        assert option.help == field.description
        assert option.default in (field.default, None)
        assert tuple(option.opts) == _names(key)


@pytest.mark.parametrize("verb", ["train", "cv", "pretrain", "sweep"])
def test_help_is_complete(verb: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert command(verb, "--help") == 0
    shown = capsys.readouterr().out
    for option in ("--gcs", "--lstm", "--learning-rate", "--seed", "--conv1", "--config", "--set"):
        assert f"{option} " in shown or f"{option}," in shown
    assert "[default: 0.003]" in shown
    assert "gcn|sage|gat|rgcn|schnet" in shown
    assert "bool" not in shown
    assert ("--epochs" in shown) == (verb != "pretrain")
    assert ("--val " in shown) == (verb in ("train", "sweep"))
    assert ("--residues" in shown) == (verb == "pretrain")


@pytest.mark.parametrize("verb", ["", "predict", "data consensus", "runs", "grammar"])
def test_flags_look_like_flags(verb: str, capsys) -> None:
    assert command(*verb.split(), "--help") == 0
    assert "bool" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--gcs", "8", "absent.fasta"], ["absent.fasta", "--gcs=8"]])
def test_an_argument_may_stand_before_and_after_options(arguments: list[str], capsys) -> None:
    assert command("pretrain", *arguments) == 2
    assert "topo: absent.fasta: no such file" in capsys.readouterr().err
    assert command("sweep", *arguments) == 2
    assert "topo: absent.fasta: cannot be read" in capsys.readouterr().err


def test_a_sweep_keeps_the_words_of_the_options() -> None:
    words = [
        "--lr",
        "0.1",
        "f.yaml",
        "--deterministic",
        "-o",
        "out",
        "--set=a.b=c",
        "--epochs",
        "3",
    ]
    context = SweepCommand("sweep", context_settings={"allow_extra_args": True,
                                                      "ignore_unknown_options": True}
                           ).make_context("sweep", words)  # fmt: skip
    assert context.args == ["--lr", "0.1", "--deterministic", "--set=a.b=c", "--epochs", "3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "many"], "--epochs"),
        (["--cell", "rnn"], "'lstm', 'gru'"),
        (["--epochz", "3"], "No such option: --epochz"),
    ],
)
def test_an_error_of_use_has_exit_code_2(options: list[str], message: str, capsys) -> None:
    assert command("train", *options) == 2
    assert message in capsys.readouterr().err


def test_the_command_line_starts_without_pydantic() -> None:
    code = "import sys; import topo.cli.main as m; import typer; typer.main.get_command(m.app); "
    code += "print('pydantic' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "False"
