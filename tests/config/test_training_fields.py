"""Fields of the optimisation that no shipped configuration sets: each changes the training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import command
from torch.nn.functional import cross_entropy

from topo.config import load_config
from topo.nn.losses import residue_losses
from topo.nn.tagger import Tagger
from topo.runs import Run
from topo.training.optimizer import make_optimizer

SMALL = [
    *("--gcs=0", "--lstm=4", "--layers=2", "--train-size=24", "--epochs=1", "--batch=4"),
    *("--threads=1", "--precision=32", "--crop=100", "--deterministic"),
    "--set=sampling.minimum=1",
]


def test_muon_has_its_own_rate() -> None:
    config = load_config(None, ["training.muon_rate=3", "training.learning_rate=0.5"])
    optimizer = make_optimizer(Tagger(config.model, config.graph), config.training)
    rates = {kind: part.param_groups[0]["lr"] for kind, part in optimizer.parts.items()}
    assert rates["muon"] == pytest.approx(1.5)
    assert rates["adamw"] == pytest.approx(0.5)


def test_label_smoothing_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(12, 6, generator=generator)
    labels = torch.randint(0, 6, (12,), generator=generator)
    expected = cross_entropy(scores, labels, label_smoothing=0.2, reduction="sum") / 3
    batch = torch.arange(3).repeat_interleave(4)
    found = residue_losses(scores, labels, batch, 3, 0.2).mean()
    assert found == pytest.approx(float(expected), rel=1e-6)
    assert found != pytest.approx(float(residue_losses(scores, labels, batch, 3).mean()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        ["training.warmup=0.9"],
        ["training.clip=0.001"],
        ["model.heads.topology=cross_entropy", "loss.label_smoothing=0.5"],
    ],
)
def test_the_field_changes_the_history(fields: list[str], tmp_path: Path) -> None:
    *shared, last = fields
    losses = []
    for name, overrides in (("plain", shared), ("changed", [*shared, last])):
        words = [word for override in overrides for word in ("--set", override)]
        assert command("train", *SMALL, *words, "--name", name, "-o", tmp_path) == 0
        losses.append(Run(tmp_path / name).history()[0]["val_loss"])
    torch.use_deterministic_algorithms(False)
    assert losses[0] != losses[1]
