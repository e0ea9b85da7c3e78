"""Data of a training on numeric sequences: splits, random folds, graphs and batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from topo.config import Config
from topo.data.folds import fold_roles
from topo.data.loading import collate_in_parts
from topo.data.sampling import BucketSampler, class_weights, length_buckets
from topo.data.splits import hold_out
from topo.errors import ConfigError
from topo.graph import ResidueGraph, chain_edges, collate
from topo.io.files import checksum
from topo.labels import UNKNOWN_INDEX
from topo.sequences.alphabet import Alphabet
from topo.sequences.files import read_sequences
from topo.sequences.records import NumericSequence, prepared, reversed_sequence


@dataclass(frozen=True)
class SequenceSplits:
    """Sequences for training, validation and test, prepared as the task asks.

    Parameters
    ----------
    train, validation, test
        Sequences of each split.
    checksums
        SHA-256 of the file, by path.
    """

    train: list[NumericSequence]
    validation: list[NumericSequence]
    test: list[NumericSequence]
    checksums: dict[str, str | None]

    @classmethod
    def of(cls, config: Config) -> SequenceSplits:
        """Read the file of a configuration and divide its sequences by their folds.

        Where no fold validates, a share of the training sequences does (``data.holdout``).

        Raises
        ------
        TopoError
            If the file cannot be read, does not fit the task, or leaves a split empty.
        """
        records = labelled_sequences(config)
        path = config.data.path or ""
        folds = [record.fold for record in records]
        places = fold_roles(folds, config.data, path).indices(folds)
        parts = [np.flatnonzero(places == i) for i in range(3)]
        return cls.divided(config, records, parts)

    @classmethod
    def divided(
        cls, config: Config, records: Sequence[NumericSequence], parts: Sequence[np.ndarray]
    ) -> SequenceSplits:
        """Divide sequences by the indices of the three splits."""
        train, validation, test = parts
        if not len(validation):
            train, validation = hold_out(
                train, strata(records), config.data.holdout, config.training.seed
            )
        path = config.data.path or ""
        for name, part in (("train", train), ("validate", validation)):
            if not len(part):
                raise ConfigError(f"{path}: no sequence is left to {name} on")
        chosen = [[records[i] for i in part] for part in (train, validation, test)]
        return cls(*chosen, checksums={path: checksum(path)})


def labelled_sequences(config: Config) -> list[NumericSequence]:
    """Read the sequences of ``data.path``, with the classes and labels that the task declares.

    Raises
    ------
    TopoError
        If the file cannot be read or does not fit the task.
    """
    task, path = config.task, config.data.path
    if path is None:
        raise ConfigError("data.path: found none, expected a file of numeric sequences (--data)")
    alphabet = Alphabet.of(task)
    records = [prepared(record, task) for record in read_sequences(path)]
    width = records[0].values.shape[1]
    if task.width and width != task.width:
        raise ConfigError(
            f"{path}: found steps of {width} values, expected {task.width}, as the model reads"
        )
    for record in records:
        if task.classes and record.target not in alphabet.classes:
            raise ConfigError(
                f"{path}: {record.id}: found class {record.target}, expected one of "
                f"{', '.join(alphabet.classes)}"
            )
        if task.letters:
            if record.labels is None:
                raise ConfigError(f"{path}: {record.id}: found no labels of the steps")
            try:
                alphabet.scheme.encode(record.labels)
            except ValueError as error:
                raise ConfigError(f"{path}: {record.id}: {error}") from None
    return records


def describe_task(config: Config) -> None:
    """Record the number of values of a step of ``data.path`` in ``config.task``."""
    if config.task.is_numeric and config.data.path is not None and not config.task.width:
        config.task.width = read_sequences(config.data.path)[0].values.shape[1]


def strata(records: Sequence[NumericSequence]) -> np.ndarray:
    """Return the index of each sequence's class among the classes of all, int64 (N,)."""
    names = sorted({record.target or "" for record in records})
    return np.array([names.index(record.target or "") for record in records], dtype=np.int64)


def random_folds(classes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Assign records to folds at random, each class evenly.

    Parameters
    ----------
    classes
        Class index of each record, int64 (N,).
    count
        Number of folds.
    seed
        Seed of the draw.

    Returns
    -------
    numpy.ndarray
        Fold of each record, from 0, int64 (N,). The sizes of folds, and of a class in different
        folds, differ by at most one.
    """
    random = np.random.default_rng(seed)
    order = np.concatenate(
        [random.permutation(np.flatnonzero(classes == kind)) for kind in np.unique(classes)]
    )
    folds = np.empty(len(classes), dtype=np.int64)
    folds[order] = np.arange(len(classes)) % count
    return folds


class SequenceDataset(Dataset):
    """Sequences as graphs; a share of them is reversed, anew in each epoch.

    Parameters
    ----------
    records
        Prepared sequences.
    config
        Configuration of the run.
    reversal
        Share of sequences that is reversed.
    epoch
        Epoch, which together with ``training.seed`` determines which.
    """

    def __init__(
        self,
        records: Sequence[NumericSequence],
        config: Config,
        reversal: float = 0.0,
        epoch: int = 0,
    ) -> None:
        self.records, self.config = records, config
        self.reversal, self.epoch = reversal, epoch
        self.alphabet = Alphabet.of(config.task)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> ResidueGraph:
        record = self.records[index]
        if self.reversal:
            random = np.random.default_rng((self.config.training.seed, self.epoch, index))
            if random.random() < self.reversal:
                record = reversed_sequence(record)
        return sequence_graph(record, self.config, self.alphabet)

    def lengths(self) -> np.ndarray:
        """Return the number of steps of each sequence, int64 (N,)."""
        return np.array([len(record) for record in self.records], dtype=np.int64)


def sequence_graph(record: NumericSequence, config: Config, alphabet: Alphabet) -> ResidueGraph:
    """Return the graph of a sequence: its values are the node features, its steps the nodes.

    Edges join neighbours within ``graph.window``, where the model has graph convolutions.
    """
    size = len(record)
    edges, separation = (
        chain_edges(size, config.graph.window)
        if config.model.encoder.gcs
        else (torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    )
    known = record.target in alphabet.classes
    graph = ResidueGraph(
        length=torch.tensor([size]),
        x=torch.from_numpy(np.ascontiguousarray(record.values)),
        edge_index=edges,
        separation=separation,
        types=torch.tensor(
            [alphabet.classes.index(record.target or "") if known else UNKNOWN_INDEX]
        ),
    )
    if alphabet.letters and record.labels is not None:
        graph.y = torch.from_numpy(alphabet.scheme.encode(record.labels))
    return graph


def sequence_batches(
    records: Sequence[NumericSequence], config: Config, epoch: int
) -> Iterable[list[ResidueGraph]]:
    """Return the batches of an epoch of training, each in parts; see :mod:`topo.data.loading`."""
    training = config.training
    dataset = SequenceDataset(records, config, config.task.reversal, epoch)
    kinds = strata(records)
    sampler = BucketSampler(
        class_weights(kinds, config.sampling.power),
        kinds,
        dataset.lengths(),
        config.sampling.samples or len(records),
        training.batch,
        training.seed,
    )
    sampler.set_epoch(epoch)
    parts = partial(collate_in_parts, residues=training.batch_residues)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=parts)


def whole_batches(
    records: Sequence[NumericSequence], config: Config
) -> tuple[Iterable[ResidueGraph], np.ndarray]:
    """Return batches of similar lengths, and the index of each sequence in their order."""
    dataset = SequenceDataset(records, config)
    order = np.argsort(dataset.lengths(), kind="stable")
    buckets = length_buckets(
        dataset.lengths()[order], 4 * config.training.batch, config.training.batch_residues
    )
    batches = [order[bucket].tolist() for bucket in buckets]
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate), order
