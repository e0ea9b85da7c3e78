"""Records of numeric sequences, and their preparation for a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from topo.config import TaskConfig


@dataclass(frozen=True, eq=False)
class NumericSequence:
    """A sequence of L steps with D values each.

    Parameters
    ----------
    id
        Identifier.
    values
        Values, float32, shape (L, D).
    target
        Class of the sequence, or None.
    labels
        One letter per step, ``-`` where unknown, or None.
    fold
        Fold of the data set, or None.
    """

    id: str
    values: np.ndarray
    target: str | None = None
    labels: str | None = None
    fold: str | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not len(self.values):
            raise ValueError(
                f"{self.id}: found values of shape {self.values.shape}, expected (steps, values)"
            )
        if self.labels is not None and len(self.labels) != len(self.values):
            raise ValueError(
                f"{self.id}: found {len(self.labels)} labels for {len(self.values)} steps"
            )

    def __len__(self) -> int:
        return len(self.values)


def prepared(record: NumericSequence, task: TaskConfig) -> NumericSequence:
    """Resample a sequence and normalise it by itself, as the task asks.

    ``normalise: set`` is part of the model, which has mean and deviation of the training sequences.
    """
    if task.points is not None:
        record = resampled(record, task.points)
    if task.normalise not in ("centre", "sequence"):
        return record
    values = record.values - record.values.mean(0)
    if task.normalise == "sequence":
        deviation = values.std(0)
        values = values / np.where(deviation > 0, deviation, 1)
    return replace(record, values=values.astype(np.float32))


def resampled(record: NumericSequence, points: int) -> NumericSequence:
    """Interpolate a sequence linearly to a number of points; a label is that of the nearest step.

    Examples
    --------
    >>> import numpy as np
    >>> line = NumericSequence("a", np.array([[0.0], [2.0]], np.float32), labels="ab")
    >>> resampled(line, 3).values.ravel().tolist()
    [0.0, 1.0, 2.0]
    """
    places = np.linspace(0, len(record) - 1, points)
    steps = np.arange(len(record))
    columns = [np.interp(places, steps, column) for column in record.values.T]
    labels = record.labels
    if labels is not None:
        labels = "".join(labels[int(np.floor(place + 0.5))] for place in places)
    return replace(record, values=np.stack(columns, 1).astype(np.float32), labels=labels)


def reversed_sequence(record: NumericSequence) -> NumericSequence:
    """Return a sequence from its last step to its first."""
    labels = None if record.labels is None else record.labels[::-1]
    return replace(record, values=record.values[::-1].copy(), labels=labels)
