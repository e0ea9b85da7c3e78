"""Configurations of earlier versions, with keys that no longer exist."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from topo.checkpoint import load_checkpoint
from topo.config import Config, config_fields, load_config, parse_config
from topo.config.migrations import REMOVED_KEYS
from topo.errors import InputWarning

OLD = {
    "model": {"recurrent": {"layer_norm": True, "size": 16}},
    "training": {"schedule": "cosine", "epochs": 3},
    "tracking": {"examples": 8},
}


def test_removed_keys_are_not_in_the_schema() -> None:
    assert not REMOVED_KEYS.keys() & config_fields().keys()


def test_an_old_configuration_loads_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    before = copy.deepcopy(OLD)
    config = parse_config(OLD)
    assert before == OLD
    assert (config.model.recurrent.size, config.training.epochs) == (16, 3)
    assert config.tracking == Config().tracking
    assert not recwarn.list


@pytest.mark.parametrize(
    ("override", "built_in"),
    [
        ("training.schedule=constant", "cosine"),
        ("model.recurrent.layer_norm=false", "True"),
        ("tracking.examples=20", "8"),
    ],
)
def test_another_value_is_reported(override: str, built_in: str) -> None:
    with pytest.warns(InputWarning, match=f"is no longer supported, using {built_in}"):
        assert load_config(None, [override]) == Config()


@pytest.mark.parametrize("path", sorted((ROOT / "checkpoints").rglob("config.yaml")), ids=str)
def test_shipped_checkpoints_load(path: Path) -> None:
    assert "layer_norm" in yaml.safe_load(path.read_text())["model"]["recurrent"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        assert load_checkpoint(path.parent).config.model.recurrent.layers == 4
