"""Benchmark of training with Lightning, as a whole and by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch import callbacks
from torch import Tensor

from topo.benchmark.clock import StageClock
from topo.config import Config
from topo.data.labelled_set import LabelledSet
from topo.data.loading import train_loader
from topo.data.splits import Splits
from topo.data.types import type_sets
from topo.nn.precision import lightning_precision
from topo.nn.recurrent import padding_waste
from topo.protein import Protein
from topo.training.averaging import warmed_average
from topo.training.loop import quieten
from topo.training.tagging import TaggerTraining

STAGES = ("load", "collate", "encode", "recur", "heads", "loss", "backward", "optimiser", "other")
"""Stages of a training step.

``loss`` holds the losses of the heads and the recursions of the CRF, which compute its derivatives
as well; ``other`` is the time in Lightning.
"""


class TrainingBenchmark:
    """Repeatable training on the first batches of an epoch, each time from random weights.

    Parameters
    ----------
    config
        Configuration of the training.
    proteins
        Labelled proteins.
    batches
        Number of batches per run.
    """

    def __init__(self, config: Config, proteins: Sequence[Protein], batches: int) -> None:
        quieten()
        self.config = config
        self.labelled = _labelled(proteins)
        self.epoch = _batch_lengths(self.labelled, config)
        self.lengths = self.epoch[:batches]

    @property
    def waste(self) -> float:
        """Share of padding in the batches of the whole epoch."""
        return mean_waste(self.epoch)

    def run(self, clock: StageClock) -> float:
        """Train on the batches and return residues per second."""
        for stage in STAGES:
            clock.seconds.setdefault(stage, 0.0)
        before = clock.total
        training = self.config.training
        with TemporaryDirectory() as folder:
            trainer = pl.Trainer(
                max_epochs=1,
                limit_train_batches=len(self.lengths),
                limit_val_batches=0,
                accelerator="cpu",
                precision=lightning_precision(self.config),  # pyright: ignore[reportArgumentType]: str
                callbacks=[
                    *([warmed_average(training.ema)] if training.ema else []),
                    _StageCallback(clock),
                ],
                logger=False,
                enable_checkpointing=False,
                use_distributed_sampler=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=folder,
            )
            torch.manual_seed(training.seed)
            trainer.fit(_TimedTraining(self.config, self.labelled, clock))
        return sum(int(lengths.sum()) for lengths in self.lengths) / (clock.total - before)


class _TimedTraining(TaggerTraining):
    """Training module whose parts are timed."""

    def __init__(self, config: Config, labelled: LabelledSet, clock: StageClock) -> None:
        empty = labelled.take([])
        super().__init__(config, Splits(labelled, empty, empty, {}))
        self.clock = clock
        trunk = self.tagger.trunk
        for stage, part in (("encode", trunk.encoder), ("recur", trunk.conv),
                            ("recur", trunk.recurrent), ("heads", self.tagger)):  # fmt: skip
            clock.watch(stage, part)
        self.tagger.losses = clock.wrap("loss", self.tagger.losses)

    def train_dataloader(self) -> Any:
        loader = super().train_dataloader()
        loader.collate_fn = self.clock.wrap("collate", loader.collate_fn)
        return _TimedLoader(loader, self.clock)


class _TimedLoader:
    """Loader whose work is timed as a stage."""

    def __init__(self, loader: Any, clock: StageClock) -> None:
        self.loader, self.clock = loader, clock

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        with self.clock.stage("load"):
            batches = iter(self.loader)
        while True:
            with self.clock.stage("load"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


class _StageCallback(callbacks.Callback):
    """Callback that starts and ends stages of the clock; it must be the last callback."""

    def __init__(self, clock: StageClock) -> None:
        self.clock = clock

    def on_train_start(self, *_: Any) -> None:
        self.clock.begin("other")

    def on_before_backward(self, *_: Any) -> None:
        self.clock.begin("backward")

    def on_after_backward(self, *_: Any) -> None:
        self.clock.end()
        self.clock.begin("optimiser")

    def on_train_batch_end(self, *_: Any) -> None:
        self.clock.end()

    def on_train_end(self, *_: Any) -> None:
        self.clock.end()


def mean_waste(batches: Sequence[Tensor]) -> float:
    """Return the share of padding in batches of chains, given the lengths (B,) of each batch."""
    padded = [len(lengths) * int(lengths.max()) for lengths in batches]
    return float(np.average([padding_waste(lengths) for lengths in batches], weights=padded))


def _labelled(proteins: Sequence[Protein]) -> LabelledSet:
    """Return the proteins whose labels allow a legal topology."""
    types = type_sets(proteins)
    kept = [index for index, row in enumerate(types) if row.any()]
    return LabelledSet([proteins[i] for i in kept], types[kept], np.ones(len(kept)))


def _batch_lengths(labelled: LabelledSet, config: Config) -> list[Tensor]:
    """Return the lengths of the chains in each batch of the first epoch."""
    loader: Any = train_loader(labelled, config, epoch=0)
    lengths = loader.dataset.lengths()
    return [torch.from_numpy(lengths[batch]) for batch in loader.batch_sampler]
