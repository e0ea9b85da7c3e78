"""Loaders of batches of residue graphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from torch.utils.data import DataLoader

from topo.config import Config, SamplingConfig
from topo.data.dataset import ProteinDataset
from topo.data.labelled_set import LabelledSet
from topo.data.sampling import BucketSampler, class_weights, length_buckets
from topo.graph import ResidueGraph, collate
from topo.protein import Protein


def train_loader(
    labelled: LabelledSet, config: Config, epoch: int, rank: int = 0, world: int = 1
) -> Iterable[list[ResidueGraph]]:
    """Return the share of process ``rank`` of ``world`` in the batches of one epoch, in parts.

    Seed and epoch determine the batches, which do not depend on ``world``. A part has at most
    ``training.batch_residues`` padded residues, or is a single longer chain. Every epoch draws
    the same number of proteins, whichever sets it draws from.
    """
    training, sampling = config.training, config.sampling
    drawn = labelled.in_epoch(epoch)
    dataset = ProteinDataset(
        drawn.proteins,
        drawn.types,
        config.graph,
        config.data.crop,
        training.seed,
        structure_dropout=config.data.structure_dropout,
        plddt_dropout=config.data.plddt_dropout,
        substitutions=config.data.substitutions,
        blur=config.data.blur,
        feature_dropout=config.data.feature_dropout,
        scheme=drawn.scheme,
        complete=drawn.complete,
    )
    sampler = BucketSampler(
        sampling_weights(drawn, sampling),
        drawn.kinds(),
        dataset.lengths(),
        sampling.draws(len(labelled)),
        training.batch,
        training.seed,
        rank,
        world,
    )
    dataset.epoch = epoch
    sampler.set_epoch(epoch)
    collate_parts = partial(collate_in_parts, residues=training.batch_residues)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=collate_parts)


def collate_in_parts(graphs: Sequence[ResidueGraph], residues: int) -> list[ResidueGraph]:
    """Join graphs of ascending lengths into parts of at most ``residues`` padded residues."""
    lengths = np.array([int(graph.length) for graph in graphs])
    buckets = length_buckets(lengths, len(graphs), residues)
    return [collate(graphs[bucket]) for bucket in buckets]


def sampling_weights(labelled: LabelledSet, sampling: SamplingConfig) -> np.ndarray:
    """Return the share of draws of each protein, float64, shape (N,), summing to 1."""
    return class_weights(
        labelled.kinds(),
        sampling.power,
        sampling.factors,
        labelled.weights,
        labelled.scheme.type_names,
    )


def whole_loader(labelled: LabelledSet, config: Config) -> Iterable[ResidueGraph]:
    """Return batches of whole chains, shortest first, each protein once.

    :func:`whole_order` returns the proteins in the same order.
    """
    dataset = ProteinDataset(
        labelled.proteins,
        labelled.types,
        config.graph,
        scheme=labelled.scheme,
        complete=labelled.complete,
    )
    order = np.argsort(dataset.lengths(), kind="stable")
    buckets = length_buckets(
        dataset.lengths()[order], 4 * config.training.batch, config.training.batch_residues
    )
    batches = [order[bucket].tolist() for bucket in buckets]
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate)


def whole_order(labelled: LabelledSet) -> list[Protein]:
    """Return the proteins in the order of :func:`whole_loader`."""
    return sorted(labelled.proteins, key=len)
