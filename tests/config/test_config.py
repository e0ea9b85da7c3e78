"""The configuration tree: YAML, overrides, errors, names."""

from __future__ import annotations

import pytest
import yaml

from topo.config import Config, dump_config, load_config, parse_config
from topo.errors import ConfigError
from topo.runs import run_name


def test_dump_is_commented_yaml_that_reads_back() -> None:
    config = load_config(
        None, ["model.conv=[{filters: 128, width: 5}]", "sampling.factors={BETA: 2}"]
    )
    text = dump_config(config)
    assert parse_config(yaml.safe_load(text)) == config
    assert "(GCSize); 0 leaves them out.\n    gcs: 64" in text


def test_file_then_fields_then_overrides(tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("training: {epochs: 3, batch: 8}\n")
    config = load_config(
        path, ["training.epochs=5"], fields={"training.epochs": 4, "training.seed": 1}
    )
    assert (config.training.epochs, config.training.batch, config.training.seed) == (5, 8, 1)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.encoder.gsc=1", "unknown key model.encoder.gsc; did you mean model.encoder.gcs?"),
        ("training.epoch=1", "did you mean training.epochs?"),
        ("trainig.epochs=1", "did you mean training"),
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=0", "training.epochs"),
        ("model.recurrent.cell=rnn", "'lstm' or 'gru'"),
        ("model.conv=[{filters: 8, width: 4}]", "expected an odd width"),
        ("sampling.factors={BARREL: 2}", "BARREL"),
        ("training", "expected section.field=value"),
        ("training=[", "not valid YAML"),
        ("training.epochs.x=1", "training.epochs"),
    ],
)  # fmt: skip
def test_bad_override_is_one_clear_line(override: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [override])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_fold_cannot_both_train_and_test() -> None:
    with pytest.raises(ConfigError, match="fold cv0 is both in train and in test"):
        load_config(None, fields={"data.train": ["cv0"], "data.test": ["cv0"]})


def test_broken_yaml_names_file_and_line(tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("training:\n  epochs: [1\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:\d+: not valid YAML"):
        load_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "bilstm_gc64_lay4_sz128"),
        (["model.encoder.gcs=0", "model.recurrent.direction=uni"], "lstm_lay4_sz128"),
        (
            ["model.conv=[{filters: 128, width: 5}, {filters: 256, width: 3}]",
             "model.recurrent.cell=gru", "model.recurrent.layers=2"],
            "conv1-conv2-bigru_cv1128x5_cv2256x3_gc64_lay2_sz128",
        ),
    ],
)  # fmt: skip
def test_run_name_carries_the_architecture(overrides: list[str], name: str) -> None:
    assert run_name(load_config(None, overrides)) == name


def test_every_field_is_described() -> None:
    def check(section, prefix=""):
        for name, field in section.model_fields.items():
            assert field.description, prefix + name
            if hasattr(field.annotation, "model_fields"):
                check(field.annotation, f"{prefix}{name}.")

    check(Config)
