"""Bootstrap intervals of metrics to which one protein contributes, and `topo evaluate --model`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, command

from topo.config import dump_config, load_config
from topo.metrics.comparison import compare
from topo.metrics.evaluation import evaluate
from topo.protein import Prediction, Protein

TRUTH = ROOT / "tests" / "cases" / "other_programs" / "truth.3line"
HELIX = "I" * 10 + "M" * 20 + "O" * 10


def pairs(*labels: tuple[str, str]) -> tuple[list[Protein], list[Prediction]]:
    names = [f"p{number}" for number in range(len(labels))]
    true = [Protein(n, "A" * len(t), t) for n, (t, _) in zip(names, labels, strict=True)]
    given = [Prediction(n, "A" * len(g), g, None) for n, (_, g) in zip(names, labels, strict=True)]
    return true, given


def entries(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in tree.values():
        if isinstance(value, dict):
            if {"value", "n"} <= set(value):
                yield value
            else:
                yield from entries(value)


def test_one_protein_has_no_interval() -> None:
    metrics = evaluate(*pairs((HELIX, "I" * 40)), resamples=50).metrics
    found = list(entries(metrics))
    assert found
    assert all(entry["low"] is None and entry["high"] is None for entry in found)


def test_a_type_with_one_protein_has_no_interval() -> None:
    given = pairs((HELIX, HELIX), (HELIX, "I" * 40), ("I" * 30, "I" * 30))
    types = evaluate(*given, resamples=50).metrics["type"]
    assert types["accuracy"]["GLOB"] == {"value": 1.0, "n": 1, "low": None, "high": None}
    assert (types["accuracy"]["TM"]["low"], types["accuracy"]["TM"]["high"]) == (0.0, 1.0)
    assert types["macro"]["low"] is not None
    lone = evaluate(*pairs((HELIX, HELIX), ("I" * 30, "I" * 30)), resamples=50).metrics["type"]
    assert (lone["macro"]["value"], lone["macro"]["low"]) == (1.0, None)
    assert lone["micro"]["low"] == 1.0


def test_a_comparison_on_one_protein_has_no_interval() -> None:
    true, right = pairs((HELIX, HELIX))
    _, wrong = pairs((HELIX, "I" * 40))
    metrics = compare(true, {"a": right, "b": wrong}, resamples=50).metrics
    (pair,) = metrics["pairs"]
    figure = pair["figures"]["type.accuracy.TM"]
    assert (figure["difference"], figure["low"], figure["high"]) == (1.0, None, None)


def test_any_checkpoint_is_evaluated_on_a_file(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--truth", TRUTH, "--model", model, "-o", out, "--resamples", "10"]
    assert command("evaluate", *options) == 0
    first, second = capfd.readouterr().out.splitlines()[:2]
    assert first == f"scores: model {model} on {TRUTH}"
    assert second.startswith("4 proteins scored of 4")
    source = json.loads((out / "metrics.json").read_text())["source"]
    assert source["model"] == str(model)
    assert len(source["truth"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--truth", TRUTH], "expected --truth with either --predictions or --model"),
        (["--model", "x"], "expected --truth with either --predictions or --model"),
        (["--truth", TRUTH, "--model", "x", "--predictions", TRUTH], "expected --truth with"),
        (["--truth", TRUTH, "--model", "no-such-model"], "no-such-model"),
        (["--truth", TRUTH, "--model", "x", "--run", "y"], "expected either"),
    ],
)
def test_options_that_do_not_fit(options, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", *options) == 2
    error = capfd.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_checkpoint_is_no_run(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", "--run", model) == 2
    assert "found a checkpoint, expected a run; use --model" in capfd.readouterr().err


def test_a_run_without_a_test_split_names_the_remedy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "set.json"
    folds = {
        fold: [
            {"id": f"{fold}{i}", "sequence": residue * (39 - i) + "W" * (i + 1), "labels": HELIX}
            for i in range(3)
        ]
        for fold, residue in (("a", "A"), ("b", "L"))
    }
    data.write_text(json.dumps(folds))
    run = tmp_path / "run"
    run.mkdir()
    fields = {"data.path": str(data), "data.train": ["a"], "data.validation": ["b"]}
    (run / "config.yaml").write_text(dump_config(load_config(None, fields=fields)))
    assert command("evaluate", "--run", run) == 2
    error = capfd.readouterr().err
    assert f"{run}: its test split holds no proteins; choose --split validation, or train" in error
    assert "data.test (topo train --test FOLD)" in error
    assert error.count("\n") == 1
