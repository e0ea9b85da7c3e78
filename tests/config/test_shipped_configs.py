"""Every shipped configuration is valid, and the commented default one is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from topo.cli.config_options import read_settings
from topo.config import Config, dump_config, load_config
from topo.sweep.file import load_sweep

SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))
LABELS = {*(ROOT / "configs" / "labels").glob("*.yaml")}  # grammars, see tests/grammar
FILES = sorted({*(ROOT / "configs").rglob("*.yaml")} - {*SWEEPS} - LABELS)


def test_all_folders_are_found() -> None:
    assert {path.parent.name for path in FILES} == {
        *("configs", "experiments", "families", "sequences")
    }
    assert SWEEPS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shipped_configuration_is_valid(path: Path) -> None:
    assert load_config(path).training.epochs > 0


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_shipped_sweep_is_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # families.yaml names configurations by their path from there
    sweep = load_sweep(path)
    values = {p.name: p.values[0] if p.values else p.low for p in sweep.parameters}
    assert read_settings(sweep.command(values)).training.epochs > 0


def test_default_file_is_what_the_code_says() -> None:
    text = (ROOT / "configs" / "default.yaml").read_text()
    assert text.split("\n", 1)[1] == dump_config(Config())
