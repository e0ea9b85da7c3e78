"""Training, timed: the training module on Lightning, its stages read off as they pass."""

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
from topo.data.loading import train_loader
from topo.data.splits import LabelledSet, Splits
from topo.data.types import type_sets
from topo.nn.precision import lightning_precision
from topo.nn.recurrent import padding_waste
from topo.protein import Protein
from topo.training.loop import TaggerTraining, quieten

STAGES = ("load", "collate", "encode", "recur", "heads", "loss", "backward", "optimiser", "other")
"""Of a training step. ``loss`` is the field's recursions and the heads' losses, the field's
derivatives included, which come with its value; ``other`` is what Lightning does around."""


class TrainingBenchmark:
    """Trains afresh on the first batches of an epoch, as often as asked.

    Parameters
    ----------
    config
        Of the training.
    proteins
        With labels.
    batches
        How many batches a run of it takes.
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
        """Train on the batches; return residues per second."""
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
                precision=lightning_precision(self.config),
                callbacks=[
                    *([callbacks.EMAWeightAveraging(decay=training.ema)] if training.ema else []),
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
    """The training module, whose parts report to a clock."""

    def __init__(self, config: Config, labelled: LabelledSet, clock: StageClock) -> None:
        nobody = labelled.take([])
        super().__init__(config, Splits(labelled, nobody, nobody, {}))
        self.clock = clock
        for stage, part in (("encode", self.tagger.encoder), ("recur", self.tagger.conv),
                            ("recur", self.tagger.recurrent), ("heads", self.tagger)):  # fmt: skip
            clock.watch(stage, part)
        self.tagger.losses = clock.wrap("loss", self.tagger.losses)

    def train_dataloader(self) -> Any:
        loader = super().train_dataloader()
        loader.collate_fn = self.clock.wrap("collate", loader.collate_fn)
        return _TimedLoader(loader, self.clock)


class _TimedLoader:
    """A loader whose work counts as a stage."""

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
    """Tells the clock what Lightning is at; to be the last callback."""

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
    """Share of padding in batches of chains of these lengths (B,)."""
    padded = [len(lengths) * int(lengths.max()) for lengths in batches]
    return float(np.average([padding_waste(lengths) for lengths in batches], weights=padded))


def _labelled(proteins: Sequence[Protein]) -> LabelledSet:
    """Keep the proteins that some legal topology fits."""
    types = type_sets(proteins)
    kept = [index for index, row in enumerate(types) if row.any()]
    return LabelledSet([proteins[i] for i in kept], types[kept], np.ones(len(kept)))


def _batch_lengths(labelled: LabelledSet, config: Config) -> list[Tensor]:
    """Return the lengths of the chains in each batch of the first epoch."""
    loader = train_loader(labelled, config, epoch=0)
    lengths = loader.dataset.lengths()
    return [torch.from_numpy(lengths[batch]) for batch in loader.batch_sampler]
