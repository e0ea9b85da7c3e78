"""Loaders of batches of residue graphs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch.utils.data import DataLoader
from torch_geometric.data import Data

from topo.config import Config, SamplingConfig
from topo.data.dataset import ProteinDataset
from topo.data.sampling import BucketSampler, class_weights, length_buckets
from topo.data.splits import LabelledSet
from topo.data.types import sampling_types
from topo.graph import collate
from topo.protein import Protein


def train_loader(
    labelled: LabelledSet, config: Config, epoch: int, rank: int = 0, world: int = 1
) -> Iterable[Data]:
    """Return the batches of one epoch for process ``rank`` of ``world``.

    Seed and epoch determine the batches of all processes together.
    """
    training, sampling = config.training, config.sampling
    dataset = ProteinDataset(
        labelled.proteins,
        labelled.types,
        config.graph,
        config.data.crop,
        training.seed,
        structure_dropout=config.data.structure_dropout,
        plddt_dropout=config.data.plddt_dropout,
        substitutions=config.data.substitutions,
        blur=config.data.blur,
    )
    sampler = BucketSampler(
        sampling_weights(labelled, sampling),
        sampling_types(labelled.types),
        dataset.lengths(),
        sampling.samples or len(labelled),
        training.batch,
        training.batch_residues,
        training.seed,
        rank,
        world,
    )
    dataset.epoch = epoch
    sampler.set_epoch(epoch)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=collate)


def sampling_weights(labelled: LabelledSet, sampling: SamplingConfig) -> np.ndarray:
    """Return the share of draws of each protein, float64, shape (N,), summing to 1."""
    types = sampling_types(labelled.types)
    return class_weights(types, sampling.power, sampling.factors, labelled.weights)


def whole_loader(labelled: LabelledSet, config: Config) -> Iterable[Data]:
    """Return batches of whole chains, shortest first, each protein once.

    :func:`whole_order` returns the proteins in the same order.
    """
    dataset = ProteinDataset(labelled.proteins, labelled.types, config.graph)
    order = np.argsort(dataset.lengths(), kind="stable")
    buckets = length_buckets(
        dataset.lengths()[order], 4 * config.training.batch, config.training.batch_residues
    )
    batches = [order[bucket].tolist() for bucket in buckets]
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate)


def whole_order(labelled: LabelledSet) -> list[Protein]:
    """Return the proteins in the order of :func:`whole_loader`."""
    return sorted(labelled.proteins, key=len)
