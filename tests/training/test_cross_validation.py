"""Cross-validation: data of each fold, metrics and spread, resumption, ensembles."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from conftest import command
from safetensors.torch import load_file, save_file

from topo.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, save_ensemble
from topo.config import Config, GraphConfig, load_config
from topo.errors import CheckpointError, ConfigError
from topo.graph import collate, residue_graph
from topo.inference import predict
from topo.io import read_predictions, read_proteins
from topo.io.claims import Claims, Owner
from topo.metrics.evaluation import evaluate
from topo.metrics.headline import HEADLINES
from topo.nn.ensemble import Ensemble
from topo.nn.tagger import Tagger
from topo.protein import Protein
from topo.resources import bundled
from topo.runs import Run
from topo.training import cross_validation
from topo.training.cross_validation import plan_folds, spread

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--batch", "16", "--threads", "1"),
    *("--precision", "32", "--crop", "200", "--epochs", "2", "--lr", "0.01", "--resamples", "20"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip
EXAMPLE = bundled("example") / "example.partitions.json"
FOLDS = ["train", "validation", "test"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A cross-validation over the three folds of the bundled set."""
    folder = tmp_path_factory.mktemp("cv") / "small"
    assert command("cv", *SMALL, "-o", folder) == 0
    return folder


def test_each_fold_is_tested_once_validated_once_and_trains_the_rest() -> None:
    config = Config()
    plans = plan_folds(config)
    assert list(plans) == FOLDS
    for name, plan in plans.items():
        assert plan.data.test == [name]
        assert not set(plan.data.train) & {name, *plan.data.validation}
        assert {name, *plan.data.train, *plan.data.validation} == set(FOLDS)
        assert plan.training == config.training
    assert sorted(plan.data.validation[0] for plan in plans.values()) == sorted(FOLDS)
    shares = plan_folds(config, "share")
    assert [plan.data.validation for plan in shares.values()] == [[], [], []]
    assert all(len(plan.data.train) == 2 for plan in shares.values())


def test_train_chooses_the_folds() -> None:
    config = load_config(None, fields={"data.train": ["train", "test"]})
    assert list(plan_folds(config, "share")) == ["train", "test"]
    with pytest.raises(ConfigError, match="found 2 folds, expected at least 3"):
        plan_folds(config)
    with pytest.raises(ConfigError, match="which a cross-validation chooses"):
        plan_folds(load_config(None, fields={"data.test": ["test"]}))


def test_every_protein_is_predicted_once_by_the_model_that_has_not_seen_it(finished: Path) -> None:
    predictions = {p.id: p.labels for p in read_predictions(str(finished / "predictions.3line"))}
    proteins = list(read_proteins(EXAMPLE))
    assert set(predictions) == {protein.id for protein in proteins}
    for name in FOLDS:
        held = [p for p in proteins if p.fold == name]
        for answer in predict(held, finished / f"fold-{name}"):
            assert predictions[answer.id] == answer.labels
        info = Run(finished / f"fold-{name}").info()
        assert info["proteins"]["test"] == len(held)


def test_figures_are_those_of_the_predictions_with_mean_and_deviation(finished: Path) -> None:
    with open(finished / "folds.csv", newline="") as file:
        rows = {row["fold"]: row for row in csv.DictReader(file)}
    for name in FOLDS:
        truth = list(read_proteins(f"{EXAMPLE}:{name}"))
        guesses = list(read_predictions(str(finished / f"fold-{name}" / "predictions.3line")))
        metrics = evaluate(truth, guesses, resamples=0).metrics
        for figure, key in HEADLINES.items():
            place = metrics
            for part in key:
                place = place[part]
            expected = "" if place["value"] is None else f"{place['value']:.4f}"
            assert rows[name][figure] == expected, figure
    document = json.loads((finished / "summary.json").read_text())
    for figure, found in document["figures"].items():
        values = [float(rows[name][figure]) for name in FOLDS if rows[name][figure]]
        assert found["n"] == len(values)
        if len(values) > 1:
            assert found["mean"] == pytest.approx(np.mean(values), abs=1e-4)
            assert found["deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-4)
    lines = (finished / "summary.md").read_text().splitlines()
    assert len(lines) == len(HEADLINES) + 2
    assert (finished / "evaluation" / "report.html").is_file()


@pytest.mark.skipif(
    shutil.which("mmseqs") is None, reason="MMseqs2 is not installed (apt install mmseqs2)"
)
def test_a_set_without_folds_gets_homology_aware_ones(tmp_path: Path) -> None:
    source = bundled("example") / "proteins.3line"
    options = ["--validation", "share", "--folds", 2, "--epochs", 1, "--no-ensemble"]
    assert command("cv", *SMALL, "--data", source, *options, "-o", tmp_path / "cv") == 0
    folds = json.loads((tmp_path / "cv" / "folds.json").read_text())
    assert list(folds) == ["cv0", "cv1"]
    sequences = [record["sequence"] for records in folds.values() for record in records]
    assert sorted(sequences) == sorted(p.sequence for p in read_proteins(source))
    assert not (tmp_path / "cv" / "model").exists()
    for name, records in folds.items():
        info = Run(tmp_path / "cv" / f"fold-{name}").info()
        assert info["proteins"]["test"] == len(records)


def test_spread_leaves_out_folds_without_the_figure() -> None:
    assert str(spread([0.5, math.nan, 0.7])) == "0.6000 +- 0.1414"
    assert str(spread([math.nan])) == "-"
    assert str(spread([0.25])) == "0.2500"


def test_compare_takes_the_predictions(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.3line"
    shutil.copy(finished / "fold-test" / "predictions.3line", other)
    arguments = [finished / "predictions.3line", other, "--truth", EXAMPLE, "--resamples", 5]
    assert command("compare", *arguments) == 0


class _Stop(pl.Callback):
    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise ConnectionError("the machine went away")


def test_a_stopped_cross_validation_goes_on(finished: Path, tmp_path: Path, monkeypatch) -> None:
    fit, calls = cross_validation.fit, []

    def failing(config, splits, run, **options):
        calls.append((run.path.name, options["resume"]))
        stop = [_Stop()] if len(calls) == 2 else []
        return fit(config, splits, run, also=stop, **options)

    monkeypatch.setattr(cross_validation, "fit", failing)
    assert command("cv", *SMALL, "-o", tmp_path / "cv") == 2
    assert len(Run(tmp_path / "cv" / "fold-validation").history()) == 1
    assert command("cv", *SMALL, "-o", tmp_path / "cv") == 0
    assert calls == [
        ("fold-train", False),
        ("fold-validation", False),
        ("fold-validation", True),
        ("fold-test", False),
    ]
    for file in ("predictions.3line", "folds.csv"):
        assert (tmp_path / "cv" / file).read_text() == (finished / file).read_text()


def test_another_configuration_in_the_same_folder_is_refused(finished: Path, capsys) -> None:
    assert command("cv", *SMALL, "--dropout", "0.5", "-o", finished) == 2
    error = capsys.readouterr().err
    assert "found model.recurrent.dropout 0.1, expected 0.5" in error
    assert command("cv", *SMALL, "--dropuot", "0.5", "-o", finished) == 2
    assert "No such option: --dropuot" in capsys.readouterr().err


def test_ensemble_states_its_members_and_cost(finished: Path) -> None:
    ensemble = load_checkpoint(finished / "model")
    assert isinstance(ensemble.tagger, Ensemble)
    assert not ensemble.tagger.training
    assert not any(module.training for module in ensemble.tagger.modules())
    assert ensemble.metrics["members"] == [f"fold-{name}" for name in FOLDS]
    cost = ensemble.metrics["cost"]
    weights = Run(finished / "fold-test").info()["parameters"]
    assert (cost["members"], cost["parameters"]) == (3, 3 * weights)
    assert "Cost: 3 times the weights" in (finished / "model" / "README.md").read_text()
    answers = list(predict(str(EXAMPLE), finished / "model"))
    assert [p.id for p in answers] == [p.id for p in read_proteins(EXAMPLE)]
    assert all(np.allclose(p.probabilities.sum(1), 1, atol=1e-4) for p in answers)


def _tagger(seed: int, **fields) -> tuple[Tagger, Config]:
    torch.manual_seed(seed)
    small = {"model.encoder.gcs": 4, "model.recurrent.size": 4, "model.recurrent.layers": 1}
    config = load_config(None, fields=small | fields)
    tagger = Tagger(config.model, config.graph).eval()
    with torch.no_grad():
        for parameter in tagger.crf.parameters():
            parameter += torch.randn_like(parameter)
    return tagger, config


@torch.no_grad()
def test_ensemble_pools_the_members_path_probabilities() -> None:
    """The log ratio of two topologies is the mean of the members' log ratios."""
    members = [_tagger(seed)[0] for seed in range(3)]
    sequence = "MKVLAAGIVLLFWAGTSLLLAAVKRNSD" * 2
    labels = ["I" * 10 + "M" * 20 + "O" * 26, "O" * 10 + "M" * 22 + "I" * 24]

    def ratio(tagger: Tagger) -> float:
        values = []
        for text in labels:
            graph = collate([residue_graph(Protein("a", sequence, text), GraphConfig())])
            values.append(tagger.losses(tagger(graph), graph)["topology"].item())
        return values[0] - values[1]

    expected = np.mean([ratio(member) for member in members])
    assert ratio(Ensemble(members)) == pytest.approx(expected, rel=1e-4)
    assert abs(expected - ratio(members[0])) > 0.01


@torch.no_grad()
def test_ensemble_of_one_and_of_twins_is_the_member() -> None:
    member, _ = _tagger(1)
    proteins = [Protein("a", "MKVLAAGIVLLFWAGTSLLLAAVKRNSD" * 3), Protein("b", "MKV")]
    graph = collate([residue_graph(protein, GraphConfig()) for protein in proteins])
    expected = member.predictions(proteins, member(graph))
    for count in (1, 2):
        ensemble = Ensemble([member] * count)
        for ours, theirs in zip(
            ensemble.predictions(proteins, ensemble(graph)), expected, strict=True
        ):
            assert ours.labels == theirs.labels
            assert np.allclose(ours.probabilities, theirs.probabilities, atol=1e-5)
            assert np.allclose(ours.type_probabilities, theirs.type_probabilities, atol=1e-5)
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-5)


def test_command_joins_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        tagger, config = _tagger(seed)
        save_checkpoint(tmp_path / f"m{seed}", tagger, config, {"name": f"run {seed}"}, "card\n")
    models, folder = [tmp_path / "m0", tmp_path / "m1"], tmp_path / "joined"
    assert command("ensemble", *models, "-o", folder, "--name", "pair") == 0
    joined = load_checkpoint(folder)
    assert isinstance(joined.tagger, Ensemble)
    weights = sum(p.numel() for m in models for p in load_checkpoint(m).tagger.parameters())
    assert joined.metrics["parameters"] == weights
    assert f"2 members, {weights:,} weights" in capsys.readouterr().out
    card = (folder / "README.md").read_text()
    assert card.startswith("# pair, 2 models\n")
    assert "- `members/member-2`: run 1\n" in card
    protein = Protein("a", "MKVLAAGIVLLFWAGTSLLLAAVKRNSD" * 3)
    (found,) = predict([protein], joined)
    (expected,) = predict(
        [protein], Checkpoint(Ensemble([load_checkpoint(m).tagger for m in models]), config, {}, "")
    )
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    before = sorted(folder.rglob("*"))
    for arguments, message in (
        ((models[0],), "found 1 model, expected two or more"),
        (models, "is there already, expected a new folder"),
        ((models[0], tmp_path / "none"), "none"),
    ):
        place = folder if "already" in message else tmp_path / "other"
        assert command("ensemble", *arguments, "-o", place) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert sorted(folder.rglob("*")) == before
    assert not (tmp_path / "other").exists()


def test_members_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    kinds = {"a": {}, "b": {"model.heads.type": False}, "c": {"graph.window": 2}}
    for name, fields in kinds.items():
        tagger, config = _tagger(0, **fields)
        save_checkpoint(tmp_path / name, tagger, config, {}, "card\n")
    _, config = _tagger(0)
    for other, message in (("b", "differ in heads or grammar"), ("c", "different graphs")):
        members = {"one": tmp_path / "a", "two": tmp_path / other}
        with pytest.raises(CheckpointError, match=message):
            save_ensemble(tmp_path / "ensemble", members, config, {}, "card\n")
    save_ensemble(tmp_path / "ensemble", {"one": tmp_path / "a"}, config, {}, "card\n")
    path = tmp_path / "ensemble" / "members" / "one" / "model.safetensors"
    weights = load_file(path)
    weights.popitem()
    save_file(weights, path)
    with pytest.raises(CheckpointError, match="do not fit the architecture"):
        load_checkpoint(tmp_path / "ensemble")


def test_folds_of_any_name_stay_in_the_output_folder(tmp_path: Path, monkeypatch) -> None:
    """A fold's name is data: a path, markup or 300 letters never leave the folder."""
    from topo.io.ids import FileNames

    names = ["/../../escape", "[/x]", "n" * 300, "cv0", "CV0", ".", "a\nb"]
    made: list[Path] = []

    def stop(config: object, splits: object, run: Run, **_: object) -> None:
        made.append(run.path)
        (run.path / "model").mkdir()

    monkeypatch.setattr(cross_validation, "fit", stop)
    monkeypatch.setattr(cross_validation.Splits, "of", lambda config: SimpleNamespace(
        test=SimpleNamespace(proteins=[]), draws_line=lambda _: ""))  # fmt: skip
    monkeypatch.setattr(cross_validation, "_predictions", lambda run, splits: [])
    config = load_config(None)
    folder = tmp_path / "a" / "b"
    list(cross_validation.run_folds(dict.fromkeys(names, config), folder))
    files = FileNames()
    assert [path.name for path in made] == [f"fold-{files.name(name)}" for name in names]
    assert {path.parent for path in made} == {folder}
    assert len(set(made)) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_unwritable_output_is_said_before_any_training(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert command("cv", "--epochs", 1, "-o", tmp_path / "file" / "x") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"topo: {tmp_path / 'file' / 'x'}: cannot be written")


def test_names_of_runs_are_file_names(tmp_path: Path) -> None:
    from topo.runs import new_run

    for name in ("../../x", "[/x]", "r" * 300, "a/b"):
        run = new_run(tmp_path / "runs", name)
        assert run.path.parent == tmp_path / "runs"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_names_of_runs_and_folds_are_no_markup_or_formula() -> None:
    from rich.console import Console

    from topo.report.cross_validation import summary_table
    from topo.report.run_comparison import plain_label

    console = Console(file=io.StringIO(), width=200)
    console.print(summary_table({"[/x]": {"a": 1.0}}, {"a": spread([1.0])}))
    assert "[/x]" in console.file.getvalue()
    assert plain_label("_$\\frac$\n") == " _\\$\\frac\\$?"


def test_processes_share_the_folds_of_a_folder(finished: Path, tmp_path: Path, capsys) -> None:
    """A fold that another process works on is left to it, and taken up when that process ends."""
    folder = tmp_path / "cv"
    shutil.copytree(finished, folder)
    shutil.rmtree(folder / "fold-test" / "model")
    shutil.rmtree(folder / "fold-test" / "checkpoints")
    other = Claims(folder / "claims", owner=Owner("another", "machine", 1, "2"))
    claim = other.take("fold-test")
    assert claim is not None
    released = []

    def release() -> None:
        released.append(time.monotonic())
        with claim:
            pass

    timer = threading.Timer(4, release)
    timer.start()
    assert command("cv", *SMALL, "-o", folder) == 0
    timer.join()
    lines = capsys.readouterr().err.splitlines()
    order = [line.split(":")[0] for line in lines if line.startswith("fold ")]
    assert order == ["fold train", "fold validation", "fold test"]
    assert os.path.getmtime(folder / "fold-test" / "model") > os.path.getmtime(
        folder / "fold-train" / "model"
    )
    assert released
    for name in ("folds.csv", "predictions.3line"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_one_process_writes_the_summary(finished: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "cv"
    shutil.copytree(finished, folder)
    (folder / "folds.csv").unlink()
    assert Claims(folder / "claims", owner=Owner("another", "machine", 1, "2")).take("summary")
    assert command("cv", *SMALL, "-o", folder) == 0
    assert "another process writes the summary" in capsys.readouterr().err
    assert not (folder / "folds.csv").exists()


def test_files_of_a_process_that_was_killed_do_not_stay(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cv"
    shutil.copytree(finished, folder)
    for name in ("predictions.3line", "curves.png"):  # killed while it drew the curves
        (folder / "fold-test" / name).unlink()
    (folder / "fold-test" / ".curves.png.0xq9h1fc.png").write_bytes(b"cut")
    (folder / ".summary.md.abcd_123.md").write_text("cut")
    killed = Owner.this()._replace(started="1")
    assert Claims(folder / "claims", owner=killed).take("fold-train") is not None
    assert command("cv", *SMALL, "-o", folder) == 0
    found = {path.relative_to(folder) for path in folder.rglob("*")}
    assert found == {path.relative_to(finished) for path in finished.rglob("*")}
