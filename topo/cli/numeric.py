"""Verbs on numeric sequences, which ``topo train``, ``cv`` and ``predict`` call for such tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from topo.cli.verbosity import note, report, shows_progress
from topo.errors import ConfigError, TopoError

if TYPE_CHECKING:
    from topo.config import Config

NUMERIC_SUFFIXES = (".npz", ".h5", ".hdf5")
"""Suffixes of files of numeric sequences."""


def train_sequences(config: Config, output: Path, name: str | None, resume: Path | None) -> None:
    """Train on the sequences of a configuration, or resume a run."""
    from topo.runs import Run, new_run, run_name
    from topo.sequences.data import SequenceSplits
    from topo.sequences.training import fit_sequences

    splits = SequenceSplits.of(config)
    run = Run(resume) if resume else new_run(output, name or run_name(config))
    try:
        model = fit_sequences(
            config, splits, run, resume=resume is not None, progress=shows_progress()
        )
    finally:
        if not resume:
            run.discard_if_empty()
    report(f"run {run.path}\nmodel {model}")


def cross_validate_sequences(config: Config, output: Path | None, folds: int, split: str) -> None:
    """Cross-validate on random folds, and write the same summary as for proteins."""
    from rich.console import Console

    from topo.io.files import remove_temporary
    from topo.report.cross_validation import summary_table, write_summary
    from topo.runs import make_folder, run_name
    from topo.sequences.cross_validation import run_sequence_folds, write_out_of_fold
    from topo.training.cross_validation import FILES, spread
    from topo.training.interruption import interruptible

    if split == "homology":
        raise ConfigError("--split: numeric sequences have random folds, found homology")
    folder = output or Path("cv") / run_name(config)
    make_folder(folder)
    remove_temporary(folder, (), FILES)  # of a process that was killed
    with interruptible():
        results = list(run_sequence_folds(config, folder, folds, shows_progress(), note))
    figures = {result.name: result.metrics() for result in results}
    names = list(next(iter(figures.values())))
    found = {name: spread([row[name] for row in figures.values()]) for name in names}
    write_out_of_fold(folder / "predictions.tsv", results)
    write_summary(folder, figures, found, {"split": "random", "seed": config.training.seed})
    Console().print(summary_table(figures, found))
    report(f"cross-validation {folder}")


def evaluate_sequences(run: Path | None, split: str, output: Path | None) -> bool:
    """Evaluate a split of a run on numeric sequences; return whether the run is one.

    Without ``run``, the latest run in ``runs``.
    """
    import json

    from topo.io.files import atomic_text
    from topo.runs import Run, latest_run
    from topo.sequences.data import SequenceSplits
    from topo.sequences.model import accuracies, load_sequence_model, predict_sequences

    try:
        found = Run(run) if run is not None else latest_run(Path("runs"))
        config = found.config()
    except TopoError:  # the evaluation of proteins says why there is no run
        return False
    if not config.task.is_numeric:
        return False
    splits = {"train", "validation", "test"}
    if split not in splits:
        raise ConfigError(f"found split {split!r}, expected one of {', '.join(sorted(splits))}")
    records = getattr(SequenceSplits.of(config), split)
    if not records:
        raise ConfigError(f"{found.path}: its {split} split holds no sequences")
    model, stored = load_sequence_model(found.path)
    metrics = accuracies(records, predict_sequences(model, stored, records))
    folder = output or found.path / "evaluation" / split
    with atomic_text(folder / "metrics.json") as file:
        json.dump({"split": split, "sequences": len(records), **metrics}, file, indent=2)
        file.write("\n")
    for name, value in metrics.items():
        report(f"{name} {value:.4f} ({len(records)} sequences)")
    report(folder / "metrics.json")
    return True


def predict_numeric(path: str, model: str | None, output: Path) -> None:
    """Predict classes and labels of the sequences of a file."""
    import csv

    from topo.io.files import atomic_text
    from topo.io.ids import table_cell
    from topo.sequences.files import read_sequences
    from topo.sequences.model import load_sequence_model, predict_sequences, prepared_for

    if model is None:
        raise ConfigError(f"{path}: found numeric sequences, expected --model with their model")
    loaded, config = load_sequence_model(model)
    records = prepared_for(config, read_sequences(path))
    predicted = predict_sequences(loaded, config, records)
    target = output / "predictions.tsv"
    classes = config.task.classes
    with atomic_text(target) as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        steps = ["labels"] if config.task.letters else []
        head = ["class", *(f"p_{name}" for name in classes)] if classes else []
        writer.writerow(["id", *head, *steps])
        for found in predicted:
            shares = [] if found.probabilities is None else found.probabilities.tolist()
            row = [found.target or "", *(f"{share:.4f}" for share in shares)] if classes else []
            cells = [found.id, *row, *([found.labels or ""] if steps else [])]
            writer.writerow(map(table_cell, cells))
    report(target)
