"""Building, checkpoints and predictions of models of numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from topo.checkpoint import load_weights, read_checkpoint_config
from topo.config import Config
from topo.errors import CheckpointError, ConfigError
from topo.nn.sequences import SequenceModel
from topo.runs import Run
from topo.sequences.alphabet import Alphabet
from topo.sequences.data import whole_batches
from topo.sequences.records import NumericSequence, prepared


class SequencePrediction(NamedTuple):
    """Prediction for one sequence.

    ``target`` is the class of the largest of the ``probabilities`` (classes,), ``labels`` has a
    letter for each step; None where the task has no classes, no letters.
    """

    id: str
    target: str | None
    probabilities: np.ndarray | None
    labels: str | None


def build_sequence_model(config: Config) -> SequenceModel:
    """Build a model with random weights."""
    task = config.task
    return SequenceModel(
        config.model, config.graph, task.width, len(task.classes), len(task.letters)
    )


def load_sequence_model(path: str | PathLike[str]) -> tuple[SequenceModel, Config]:
    """Load the model of a run or checkpoint folder.

    Raises
    ------
    CheckpointError
        If it is missing or damaged, or a model of proteins.
    """
    run = Run(Path(path))
    folder = run.model if run.model.is_dir() else run.path
    config = read_checkpoint_config(folder)
    if not config.task.is_numeric:
        raise CheckpointError(f"{folder}: found a model of proteins, expected one of sequences")
    model = load_weights(lambda: build_sequence_model(config), folder)
    return model.eval(), config


@torch.no_grad()
def predict_sequences(
    model: SequenceModel, config: Config, records: Sequence[NumericSequence]
) -> list[SequencePrediction]:
    """Predict classes and labels of prepared sequences, in their order."""
    alphabet = Alphabet.of(config.task)
    batches, order = whole_batches(records, config)
    found: dict[int, SequencePrediction] = {}
    rest = iter(order.tolist())
    model.eval()
    for graph in batches:
        scores = model(graph)
        lengths = graph.length.tolist()
        steps = scores.steps.split(lengths) if scores.steps is not None else [None] * len(lengths)
        classes = None if scores.classes is None else scores.classes.softmax(1).numpy()
        for row, step in enumerate(steps):
            index = next(rest)
            shares = None if classes is None else classes[row]
            target = None if shares is None else alphabet.classes[int(shares.argmax())]
            labels = None
            if step is not None:
                labels = alphabet.best_path(step.log_softmax(1).numpy())
            found[index] = SequencePrediction(records[index].id, target, shares, labels)
    return [found[index] for index in range(len(records))]


def prepared_for(config: Config, records: Sequence[NumericSequence]) -> list[NumericSequence]:
    """Prepare sequences for a model.

    Raises
    ------
    ConfigError
        If their steps have another number of values than the model reads.
    """
    made = [prepared(record, config.task) for record in records]
    for record in made:
        if record.values.shape[1] != config.task.width:
            raise ConfigError(
                f"{record.id}: found steps of {record.values.shape[1]} values, expected "
                f"{config.task.width}, as the model reads"
            )
    return made


def accuracies(
    records: Sequence[NumericSequence], predictions: Sequence[SequencePrediction]
) -> dict[str, float]:
    """Return the share of right classes (``accuracy``), and of right known steps."""
    found = {}
    pairs = list(zip(records, predictions, strict=True))
    classes = [r.target == p.target for r, p in pairs if p.target is not None and r.target]
    steps = [
        a == b
        for r, p in pairs
        if p.labels is not None and r.labels is not None
        for a, b in zip(r.labels, p.labels, strict=True)
        if a != "-"
    ]
    if classes:
        found["accuracy"] = float(np.mean(classes))
    if steps:
        found["step_accuracy"] = float(np.mean(steps))
    return found
