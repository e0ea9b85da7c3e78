"""Old configuration keys and weight names are read under their present names."""

from __future__ import annotations

import pytest

from topo.config import migrations, parse_config


def test_old_keys_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "RENAMED_KEYS", {"old.number": "training.seed"})
    tree = {"old": {"number": 7}, "training": {"epochs": 2}}
    renamed = migrations.current_keys(tree)
    assert renamed == {"old": {}, "training": {"epochs": 2, "seed": 7}}
    assert tree == {"old": {"number": 7}, "training": {"epochs": 2}}
    monkeypatch.setattr(migrations, "RENAMED_KEYS", {"data.folder": "data.path"})
    assert parse_config({"data": {"folder": "x.json"}}).data.path == "x.json"


@pytest.mark.parametrize("tree", [{}, {"a": 1}, {"a": {"c": 1}}, {"a": None}])
def test_trees_without_the_old_key_are_unchanged(
    tree: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "RENAMED_KEYS", {"a.b": "x.y"})
    assert migrations.current_keys(tree) == tree


def test_old_weights_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "RENAMED_WEIGHTS", {r"^encoder\.": "trunk.encoder."})
    weights = {"encoder.bias": 1, "heads.encoder.bias": 2}
    assert migrations.current_weights(weights) == {
        "trunk.encoder.bias": 1,
        "heads.encoder.bias": 2,
    }
