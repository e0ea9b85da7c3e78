"""Every shipped configuration is valid, and the commented default one is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from topo.config import Config, dump_config, load_config

CONFIGS = ROOT / "configs"
FILES = sorted([*CONFIGS.glob("*.yaml"), *CONFIGS.glob("experiments/*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shipped_configuration_is_valid(path: Path) -> None:
    assert load_config(path).training.epochs > 0


def test_default_file_is_what_the_code_says() -> None:
    text = (ROOT / "configs" / "default.yaml").read_text()
    assert text.split("\n", 1)[1] == dump_config(Config())
