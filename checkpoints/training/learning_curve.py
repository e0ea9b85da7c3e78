"""Learning curves: accuracy by number of training proteins and of pre-training residues.

The script trains one model from random weights for each number of training proteins, drawn from all
of them in proportion to the types, and one model on all proteins for each pre-trained trunk. All
models take the same number of steps. The metrics are those of the default decoder on the validation
fold. Existing runs are not trained again, so that several processes can share the points and a last
one writes ``table.md`` and ``curve.png``.

    python checkpoints/training/learning_curve.py CONFIG -o OUTPUT --data LABELS
        [--train cv0,cv1] [--val cv3] [--test cv4] [--proteins 1000,4000,all] [--trunks RUN,RUN]
        [--seed 0] [section.field=value ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from compare_losses import (
    METRICS,
    evaluate_run,
    read_metrics,
    show,
    train_once,
    training_arguments,
)
from matplotlib.figure import Figure

from topo.config import Config, load_config
from topo.io.files import atomic_path
from topo.labels import DECODERS
from topo.runs import Run

DRAWN = ("topology TM", "topology SP+TM", "topology BETA", "residues")
"""Columns of the table that the figure shows."""


class Point(NamedTuple):
    """A model of a curve: its run, its number of training proteins, its pre-trained trunk."""

    run: Run
    proteins: int | None  # None: all
    trunk: Run | None

    def reached(self) -> tuple[int, int]:
        """Return the numbers of training proteins and of pre-training residues."""
        seen = self.trunk.info()["residues_seen"] if self.trunk else 0
        return self.run.info()["proteins"]["train"], seen


def main() -> None:
    """Train, evaluate, and write table and figure."""
    parser = training_arguments(__doc__)
    parser.add_argument("--train", default="cv0,cv1")
    parser.add_argument("--val", default="cv3")
    parser.add_argument("--test", default="cv4")
    parser.add_argument("--proteins", default="all", metavar="1000,4000,all")
    parser.add_argument("--trunks", default="", metavar="RUN,RUN")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_intermixed_args()
    points = list(_points(options))
    for point in points:
        train_once(point.run, _config(options, point))
        folder = _folder(options, point)
        evaluate_run(point.run, "validation", DECODERS[0], options.data, folder)
    rows = sorted((point.reached(), read_metrics(_folder(options, point))) for point in points)
    show(_table(rows), options.output)
    _draw(rows, options.output / "curve.png")


def _points(options: argparse.Namespace) -> Iterator[Point]:
    for text in options.proteins.split(","):
        number = None if text == "all" else int(text)
        yield Point(Run(options.output / f"proteins-{text}-{options.seed}"), number, None)
    for path in filter(None, options.trunks.split(",")):
        name = f"trunk-{Path(path).name}-{options.seed}"
        yield Point(Run(options.output / name), None, Run(Path(path)))


def _config(options: argparse.Namespace, point: Point) -> Config:
    fields = {
        "data.path": str(options.data),
        "data.train": options.train.split(","),
        "data.validation": options.val.split(","),
        "data.test": options.test.split(","),
        "data.size": point.proteins,
        "training.seed": options.seed,
        "training.init": str(point.trunk.trunk) if point.trunk else None,
    }
    return load_config(options.config, options.overrides, fields=fields)


def _folder(options: argparse.Namespace, point: Point) -> Path:
    return options.output / "evaluations" / point.run.path.name


Rows = list[tuple[tuple[int, int], list[float]]]


def _table(rows: Rows) -> Iterator[str]:
    yield "| proteins | pre-training residues | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 2) + "|"
    for (proteins, residues), metrics in rows:
        cells = ("-" if np.isnan(value) else f"{value:.3f}" for value in metrics)
        yield f"| {proteins:,} | {residues:,} | " + " | ".join(cells) + " |"


def _draw(rows: Rows, path: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    most = max(proteins for (proteins, _), _ in rows)
    curves = (
        ("training proteins", [(n, y) for (n, seen), y in rows if not seen]),
        ("pre-training residues", [(seen, y) for (n, seen), y in rows if n == most]),
    )
    for axis, (label, curve) in zip(axes, curves, strict=True):
        for name in DRAWN:
            column = list(METRICS).index(name)
            axis.plot([x for x, _ in curve], [y[column] for _, y in curve], "o-", label=name)
        axis.set(xlabel=label, ylim=(0, 1))
    axes[0].set_xscale("log")
    axes[0].set_ylabel("accuracy, validation fold")
    axes[1].legend()
    with atomic_path(path) as file:
        figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
