"""Batches that are computed in parts: gradients, losses and order of the random numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import command

from topo.config import Config, load_config
from topo.data.loading import train_loader
from topo.data.splits import Splits
from topo.runs import Run, latest_run
from topo.training.tagging import TaggerTraining, loss_shares

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--threads", "1", "--precision", "32"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip


def settings(batch: int, residues: int, **fields: object) -> Config:
    small = {"model.encoder.gcs": 8, "model.recurrent.size": 8, "model.recurrent.layers": 1}
    dropout = {key: 0.0 for key in ("encoder", "recurrent", "heads")}
    chosen = {f"model.{part}.dropout": rate for part, rate in dropout.items()}
    data = {"data.crop": 120, "training.batch": batch, "training.batch_residues": residues}
    return load_config(None, fields={**small, **chosen, **data, **fields})


@pytest.fixture(scope="module")
def splits() -> Splits:
    return Splits.of(Config())


def gradients(config: Config, splits: Splits) -> tuple[dict[str, torch.Tensor], float, int]:
    """Return the gradients of the first batch, the recorded loss and the number of parts."""
    torch.manual_seed(0)
    module = TaggerTraining(config, splits)
    module.trainer = SimpleNamespace(is_global_zero=True, world_size=1)  # type: ignore[assignment]
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    parts = next(iter(train_loader(splits.train, config, epoch=0)))
    module.zero_grad()
    module.training_step(parts, 0).backward()
    grads = {n: w.grad for n, w in module.tagger.named_parameters() if w.grad is not None}
    return grads, module.sums["train_loss"][0], len(parts)


@pytest.mark.parametrize("batch", [1, 4, 32, 600])
@pytest.mark.parametrize("topology", ["crf", "cross_entropy"])
def test_gradients_of_parts_add_up_to_that_of_the_batch(
    batch: int, topology: str, splits: Splits
) -> None:
    fields = {"sampling.samples": 97, "model.heads.topology": topology}
    whole, loss, one = gradients(settings(batch, 10**9, **fields), splits)
    added, same, parts = gradients(settings(batch, 300, **fields), splits)
    assert one == 1
    assert parts > 1 or batch == 1
    assert same == pytest.approx(loss, rel=1e-6)
    assert whole.keys() == added.keys()
    size = torch.sqrt(sum((g**2).sum() for g in whole.values()))
    away = torch.sqrt(sum(((whole[n] - added[n]) ** 2).sum() for n in whole))
    assert away <= 1e-5 * size


def test_the_batch_has_the_size_asked_for(splits: Splits) -> None:
    for batch in (1, 7, 60, 64, 300, 600):
        config = settings(batch, 500, **{"sampling.samples": 1200})
        loader = train_loader(splits.train, config, epoch=0)
        sizes = [sum(len(part.length) for part in parts) for parts in loader]
        assert len(loader) == len(sizes) == -(-1200 // batch)
        assert sorted(sizes)[1:] == [batch] * (len(sizes) - 1)
        assert sum(sizes) == 1200


def test_parts_keep_to_the_cap_or_are_one_chain(splits: Splits) -> None:
    config = settings(600, 300, **{"sampling.samples": 600, "data.crop": 0})
    (parts,) = train_loader(splits.train, config, epoch=0)
    for part in parts:
        assert len(part.length) == 1 or len(part.length) * int(part.length.max()) <= 300


def test_shares_weigh_each_loss_by_its_own_count(splits: Splits) -> None:
    config = settings(40, 600, **{"sampling.samples": 80})
    parts = next(iter(train_loader(splits.train, config, epoch=0)))
    shares = loss_shares(parts)
    for name in ("topology", "type", "cleavage"):
        assert np.sum([share[name] for share in shares]) == pytest.approx(1)
    assert shares[0]["topology"] == len(parts[0].length) / 40


def test_the_split_is_reported_once_and_resumed_alike(tmp_path: Path, capsys) -> None:
    options = [*SMALL, "--batch", 600, "--set", "training.batch_residues=2000", "-o", tmp_path]
    options += ["--set", "sampling.samples=150", "--set", "data.crop=100"]
    assert command("train", *options, "--epochs", 2, "--name", "whole") == 0
    error = capsys.readouterr().err
    assert error.count("batches of 600 proteins are computed in parts") == 1
    assert "2,000 residues (training.batch_residues)" in error
    whole = latest_run(tmp_path)
    assert all(row["gradient_norm"] > 0 for row in whole.history())
    stopped = Run(tmp_path / "stopped")
    assert command("train", *options, "--epochs", 2, "--name", "stopped") == 0
    histories = [(run.path / "history.csv").read_text() for run in (stopped, whole)]
    assert histories[0] == histories[1]
