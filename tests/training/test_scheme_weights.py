"""Initial weights from a model with another grammar, and training of the heads alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import ROOT, command
from safetensors.torch import load_file

from topo.checkpoint import build_tagger, load_checkpoint
from topo.config import Config
from topo.graph import collate, residue_graph
from topo.io import read_labelled
from topo.nn.tagger import Tagger
from topo.runs import Run
from topo.training.scheme_weights import RARE, STAY, fitted_weights

EXTENDED = ROOT / "configs" / "labels" / "extended.yaml"
BASE = ROOT / "checkpoints" / "topo-base"


def config_of(grammar: object, config: Config) -> Config:
    heads = config.model.heads.model_copy(update={"grammar": grammar})
    model = config.model.model_copy(update={"heads": heads})
    return config.model_copy(update={"model": model})


@pytest.fixture(scope="module")
def six() -> tuple[Tagger, Config]:
    found = load_checkpoint(BASE)
    assert isinstance(found.tagger, Tagger)
    return found.tagger, found.config


@pytest.fixture(scope="module")
def fitted(six: tuple[Tagger, Config]) -> Tagger:
    tagger, config = six
    torch.manual_seed(0)
    other = build_tagger(config_of(str(EXTENDED), config))
    other.load_state_dict(fitted_weights(tagger, other))
    return other.eval()


def test_predictions_begin_as_those_of_the_six_letter_model(
    six: tuple[Tagger, Config], fitted: Tagger
) -> None:
    tagger, config = six
    proteins = list(read_labelled(ROOT / "data" / "example" / "example.partitions.json"))[:8]
    graph = collate([residue_graph(protein, config.graph) for protein in proteins])
    with torch.no_grad():
        before = tagger.eval().predictions(proteins, tagger(graph))
        after = fitted.predictions(proteins, fitted(graph))
    for one, other in zip(before, after, strict=True):
        assert other.in_six().labels == one.labels
        assert other.six_probabilities == pytest.approx(one.probabilities, abs=0.02)
        column = other.scheme.index["R"]
        assert other.probabilities is not None
        assert 0 < other.probabilities[:, column].max() < 0.3


def test_weights_are_matched_by_name(six: tuple[Tagger, Config], fitted: Tagger) -> None:
    tagger, _ = six
    old, new = tagger.crf.grammar, fitted.crf.grammar
    place = {name: row for row, name in enumerate(new.channels)}
    for channel, origin in {"I": "I", "M": "M", "R_in": "I", "R_out": "O", "T": "I"}.items():
        rows = [model.state_dict()["topology_head.2.weight"] for model in (tagger, fitted)]
        assert torch.equal(rows[1][place[channel]], rows[0][old.channels.index(origin)])
    for name, row in old.index.items():
        width = tagger.crf.duration.shape[1]
        duration = fitted.crf.duration[new.index[name], :width]
        assert torch.equal(duration, tagger.crf.duration[row])
    fresh = new.index["reentrant_in"]
    assert fitted.crf.stay[fresh].item() == pytest.approx(STAY)
    scores = dict(zip(new.arcs, fitted.crf.transition.tolist(), strict=True))
    assert scores[new.index["inside"], fresh] == RARE
    assert scores[fresh, new.index["inside"]] == 0


SMALL = ("--gcs", 16, "--lstm", 16, "--layers", 1, "--batch", 8, "--train-size", 24)
SMALL += ("--set", "sampling.minimum=1")


def test_training_of_the_heads_leaves_the_trunk(tmp_path: Path) -> None:
    assert command("train", *SMALL, "--epochs", 1, "-o", tmp_path, "--name", "six") == 0
    grammar = ("--set", f"model.heads.grammar={EXTENDED}", "--set", "training.freeze_trunk=true")
    options = ("--init", tmp_path / "six", *grammar, "-o", tmp_path, "--name", "own")
    assert command("train", *SMALL, "--epochs", 2, *options) == 0
    before, after = (
        load_file(Run(tmp_path / name).model / "model.safetensors") for name in ("six", "own")
    )
    trunk = [name for name in before if name.startswith(("encoder.", "recurrent."))]
    assert trunk
    assert all(torch.equal(before[name], after[name]) for name in trunk)
    assert not torch.equal(before["topology_head.0.weight"], after["topology_head.0.weight"])


def test_another_architecture_is_still_refused(tmp_path: Path, capsys) -> None:
    options = ("--init", BASE, "--set", f"model.heads.grammar={EXTENDED}", "-o", tmp_path)
    capsys.readouterr()
    assert command("train", *SMALL, *options) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert "is of another architecture: found model." in error[-1]
