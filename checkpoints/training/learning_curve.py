"""Learning curves: accuracy against training proteins, and against pre-training residues.

Trains one model for each number of training proteins (drawn from all of them, the types in
proportion), from random weights, and one for each pre-trained trunk, on all proteins; all with the
same steps. The figures are those of the validation fold by the default decoder. A run that is there
already is not trained again, so that processes may share the points and a last one may gather them
into ``table.md`` and ``curve.png``.

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
    FIGURES,
    evaluate_run,
    read_figures,
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
"""Columns that the picture shows."""


class Point(NamedTuple):
    """A model of a curve: its run, how many proteins it trains on, its start."""

    run: Run
    proteins: int | None  # None: all
    trunk: Run | None

    def reached(self) -> tuple[int, int]:
        """Return the training proteins and the residues that its start has seen."""
        seen = self.trunk.info()["residues_seen"] if self.trunk else 0
        return self.run.info()["proteins"]["train"], seen


def main() -> None:
    """Train, gather and draw."""
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
    rows = sorted((point.reached(), read_figures(_folder(options, point))) for point in points)
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
    yield "| proteins | pre-training residues | " + " | ".join(FIGURES) + " |"
    yield "|---" * (len(FIGURES) + 2) + "|"
    for (proteins, residues), figures in rows:
        cells = ("-" if np.isnan(figure) else f"{figure:.3f}" for figure in figures)
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
            column = list(FIGURES).index(name)
            axis.plot([x for x, _ in curve], [y[column] for _, y in curve], "o-", label=name)
        axis.set(xlabel=label, ylim=(0, 1))
    axes[0].set_xscale("log")
    axes[0].set_ylabel("accuracy, validation fold")
    axes[1].legend()
    with atomic_path(path) as file:
        figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
