"""Cross-validation on random stratified folds of numeric sequences, and its comparison."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from topo.config import Config
from topo.errors import ConfigError, InputError
from topo.io.files import atomic_text
from topo.io.ids import table_cell
from topo.runs import Run, make_folder
from topo.sequences.data import SequenceSplits, labelled_sequences, random_folds, strata
from topo.sequences.model import (
    SequencePrediction,
    accuracies,
    load_sequence_model,
    predict_sequences,
)
from topo.sequences.records import NumericSequence
from topo.sequences.training import fit_sequences

COLUMNS = ("id", "fold", "class", "predicted", "probability")
"""Columns of ``predictions.tsv``."""


@dataclass(frozen=True)
class SequenceFold:
    """Run, test sequences and predictions of one fold."""

    name: str
    run: Run
    records: Sequence[NumericSequence]
    predictions: Sequence[SequencePrediction]

    def metrics(self) -> dict[str, float]:
        """Return the accuracies, and the seconds per epoch and the number of epochs."""
        seconds = [row["seconds"] for row in self.run.history()]
        return {
            **accuracies(self.records, self.predictions),
            "seconds_per_epoch": float(np.mean(seconds)),
            "epochs": float(len(seconds)),
        }


def run_sequence_folds(
    config: Config,
    folder: Path,
    count: int,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[SequenceFold]:
    """Train and test fold by fold, continuing an earlier call on the same folder.

    The folds are drawn from ``training.seed``, each class evenly. A share of the other folds
    (``data.holdout``) validates.

    Raises
    ------
    TopoError
        If the data cannot be used, or the folder holds a fold of another configuration.
    """
    records = labelled_sequences(config)
    if len(records) < 2 * count:
        raise ConfigError(f"found {len(records)} sequences, expected two or more for each fold")
    make_folder(folder)
    folds = random_folds(strata(records), count, config.training.seed)
    for fold in range(count):
        rest, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        splits = SequenceSplits.divided(config, records, (rest, np.array([], int), test))
        run = Run(folder / f"fold-{fold + 1}")
        if run.model.is_dir():
            tell(f"fold {fold + 1}: already trained")
        else:
            resume = run.resume_file.is_file()
            tell(f"fold {fold + 1}: {'resuming' if resume else 'training'} {run.path}")
            run.path.mkdir(parents=True, exist_ok=True)
            fit_sequences(config, splits, run, resume=resume, progress=progress)
        model, stored = load_sequence_model(run.path)
        predicted = predict_sequences(model, stored, splits.test)
        yield SequenceFold(str(fold + 1), run, splits.test, predicted)


def write_out_of_fold(path: Path, results: Sequence[SequenceFold]) -> None:
    """Write the prediction of each sequence by the model that was not trained on it."""
    with atomic_text(path) as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for result in results:
            for record, found in zip(result.records, result.predictions, strict=True):
                share = "" if found.probabilities is None else f"{found.probabilities.max():.4f}"
                row = (record.id, result.name, record.target, found.target, share)
                writer.writerow(["" if cell is None else table_cell(cell) for cell in row])


def read_out_of_fold(folder: Path) -> dict[tuple[str, str], bool]:
    """Return whether each sequence's class is right, by fold and id.

    Raises
    ------
    InputError
        If the folder is no cross-validation of numeric sequences.
    """
    path = folder / "predictions.tsv"
    if not path.is_file():
        raise InputError(path, "no such file, expected a folder of topo cv on numeric sequences")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(path, "expected a table of tab-separated text") from None
    if not rows or any({*row} != {*COLUMNS} or None in row.values() for row in rows):
        raise InputError(path, f"expected the columns {', '.join(COLUMNS)} in each row")
    return {(row["fold"], row["id"]): row["class"] == row["predicted"] for row in rows}


def paired_test(
    first: Mapping[tuple[str, str], bool], second: Mapping[tuple[str, str], bool]
) -> tuple[int, int, float]:
    """Compare two classifiers on the same sequences by McNemar's exact test.

    Returns
    -------
    only_first, only_second : int
        Number of sequences that only the first, only the second classifies right.
    p : float
        Two-sided probability of a difference as large if both were equally good (McNemar 1947,
        Psychometrika 12:153).

    Raises
    ------
    ConfigError
        If the sequences or their folds differ.
    """
    if first.keys() != second.keys():
        raise ConfigError(
            "the cross-validations have different sequences or folds, expected the same data, "
            "seed and number of folds"
        )
    only_first = sum(first[key] and not second[key] for key in first)
    only_second = sum(second[key] and not first[key] for key in first)
    total = only_first + only_second
    p = float(binomtest(only_first, total).pvalue) if total else 1.0
    return only_first, only_second, p
