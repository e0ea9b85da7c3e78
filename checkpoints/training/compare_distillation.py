"""Comparison of students that learn hard labels or the soft targets of a teacher.

The script stores the teacher's probabilities of the proteins of the training folds. For each seed
it then trains students on these proteins with the same number of steps: from the labels alone, and
with the probabilities, by each loss of ``distillation.loss``. A share of the training proteins,
``data.holdout``, selects the epoch. The teacher must not have seen the test fold or anything
similar. Means and standard deviations over the seeds are printed and written to ``table.md`` in the
output folder. Existing runs are not trained again, so that several processes can share the seeds or
students and a last one writes the table. Needs h5py.

    python checkpoints/training/compare_distillation.py CONFIG -o OUTPUT --data LABELS
        --teacher MODEL [--train cv0,cv1] [--test cv3] [--seeds 0,1,2]
        [--students hard,likelihood,marginals] [--weight 0.7] [section.field=value ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

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
from topo.data.splits import Splits
from topo.labels import DECODERS
from topo.runs import Run
from topo.training.distillation import soft_labels, write_soft_labels

STUDENTS = ("hard", "likelihood", "marginals")
"""What a student learns: the labels alone, or a teacher too by one of two losses."""


def main() -> None:
    """Train, predict, evaluate and write the table."""
    parser = training_arguments(__doc__)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--train", type=_names, default=["cv0", "cv1"], metavar="cv0,cv1")
    parser.add_argument("--test", default="cv3")
    parser.add_argument("--seeds", type=_names, default=["0", "1", "2"], metavar="0,1,2")
    parser.add_argument("--students", type=_names, default=STUDENTS, metavar="STUDENT,STUDENT")
    parser.add_argument("--weight", type=float, default=0.7)
    options = parser.parse_intermixed_args()
    _store(options)
    for seed in options.seeds:
        for student in options.students:
            run = _run(options, student, seed)
            train_once(run, _config(options, student, seed))
            folder = _folder(options, run)
            evaluate_run(run, "test", DECODERS[0], options.data, folder)
    show(_table(options), options.output)


def _names(text: str) -> list[str]:
    return text.split(",")


def _config(options: argparse.Namespace, student: str, seed: str) -> Config:
    fields: dict[str, object] = {
        "data.path": str(options.data),
        "data.train": options.train,
        "data.test": [options.test],
        "training.seed": int(seed),
    }
    if student != "hard":
        fields |= {
            "distillation.teacher": str(_probabilities(options)),
            "distillation.weight": options.weight,
            "distillation.loss": student,
        }
    return load_config(options.config, options.overrides, fields=fields)


def _store(options: argparse.Namespace) -> None:
    """Write the teacher's probabilities of the training proteins, once."""
    if not _probabilities(options).is_file():
        options.output.mkdir(parents=True, exist_ok=True)
        splits = Splits.of(_config(options, "hard", "0"))
        proteins = [*splits.train.proteins, *splits.validation.proteins]
        found = soft_labels(proteins, str(options.teacher))
        known = [(p, soft) for p, soft in zip(proteins, found, strict=True) if soft is not None]
        write_soft_labels(_probabilities(options), known)


def _probabilities(options: argparse.Namespace) -> Path:
    return options.output / "teacher.h5"


def _run(options: argparse.Namespace, student: str, seed: str) -> Run:
    return Run(options.output / f"{student}-{seed}")


def _folder(options: argparse.Namespace, run: Run) -> Path:
    return options.output / "evaluations" / run.path.name


def _table(options: argparse.Namespace) -> Iterator[str]:
    yield f"| {len(options.seeds)} seeds | minutes | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 2) + "|"
    for student in options.students:
        runs = [_run(options, student, seed) for seed in options.seeds]
        rows = [[_minutes(run), *read_metrics(_folder(options, run))] for run in runs]
        mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=min(1, len(rows) - 1))
        cells = (
            "-" if np.isnan(m) else f"{m:.3f} ± {s:.3f}"
            for m, s in zip(mean[1:], spread[1:], strict=True)
        )
        yield f"| {student} | {mean[0]:.1f} | " + " | ".join(cells) + " |"


def _minutes(run: Run) -> float:
    """Return the duration of a training."""
    return float(run.info()["seconds"]) / 60


if __name__ == "__main__":
    main()
