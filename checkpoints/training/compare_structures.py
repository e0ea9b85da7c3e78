"""Comparison of a model with and without coordinates, fold by fold, with paired intervals.

For each of the four folds of a labelled set with structures, the script trains one model with
coordinates and one without. Both learn from the other folds and from proteins of no fold, except
those similar to the test fold. The test fold is predicted by the model with coordinates, by the
model without, and by the model with coordinates from sequences only. ``comparison.json`` in the
output folder holds all metrics with paired bootstrap intervals. Existing runs are not trained
again.

    python checkpoints/training/compare_structures.py STRUCTURES -o OUTPUT
        [--seeds N] [section.field=value ...]

STRUCTURES holds ``labels.3line``, ``files/`` and ``index.tsv``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from topo.config import Config, load_config
from topo.data.splits import Splits
from topo.inference import predict
from topo.io import write_three_line
from topo.io.structure import without_structure
from topo.metrics.comparison import compare
from topo.protein import Prediction, Protein
from topo.report.evaluation_files import write_comparison
from topo.runs import Run
from topo.training.loop import fit

FOLDS = ("cv0", "cv1", "cv3", "cv4")
SMALL = {
    "model.encoder.kind": "schnet",
    "model.encoder.gcs": 32,
    "model.encoder.layers": 3,
    "model.encoder.filters": 32,
    "model.recurrent.size": 64,
    "model.recurrent.layers": 2,
    "data.crop": 600,
    "data.blur": 2,
    "data.substitutions": 0.1,
    "training.batch": 8,
    "training.epochs": 20,
    "training.threads": 1,
}
"""Fields of a model and a training that suit one processor core; arguments override them."""
SHOWN = ("TM", "SP+TM", "BETA")


def main() -> None:
    """Train, predict and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("overrides", nargs="*", metavar="section.field=value")
    options = parser.parse_intermixed_args()
    truth: list[Protein] = []
    answers: dict[str, list[Prediction]] = {}
    for fold in FOLDS:
        test, predicted = _fold(options, fold)
        for seed in range(options.seeds):
            truth += [_renamed(protein, seed) for protein in test]
        for name, predictions in predicted.items():
            answers.setdefault(name, []).extend(predictions)
    write_three_line(truth, options.output / "truth.3line")
    comparison = compare(truth, answers)
    write_comparison(comparison, options.output, source={"structures": str(options.structures)})
    _show(comparison.metrics)


def _fold(
    options: argparse.Namespace, fold: str
) -> tuple[list[Protein], dict[str, list[Prediction]]]:
    predicted: dict[str, list[Prediction]] = {}
    for seed in range(options.seeds):
        for structure in (True, False):
            config = _config(options, fold, structure, seed)
            splits = Splits.of(config)
            run = Run(options.output / f"{fold}-{'structure' if structure else 'sequence'}-{seed}")
            if not run.model.is_dir():
                run.path.mkdir(parents=True, exist_ok=True)
                fit(config, splits, run)
            given = {"structure" if structure else "sequence": splits.test.proteins}
            if structure:
                given["structure, not shown"] = list(map(without_structure, splits.test.proteins))
            for name, proteins in given.items():
                proteins = [_renamed(protein, seed) for protein in proteins]
                predicted.setdefault(name, []).extend(predict(proteins, run.path))
    return splits.test.proteins, predicted


def _config(options: argparse.Namespace, fold: str, structure: bool, seed: int) -> Config:
    fields = SMALL | {
        "graph.structure": structure,
        "data.path": str(options.structures / "labels.3line"),
        "data.structures": str(options.structures / "files"),
        "data.test": [fold],
        "training.seed": seed,
    }
    return load_config(None, options.overrides, fields=fields)


def _renamed(protein: Protein, seed: int) -> Protein:
    """Return the protein with the seed in its identifier."""
    return replace(protein, id=f"{protein.id}/{seed}")


def _show(metrics: dict) -> None:
    for name, values in metrics["predictors"].items():
        found = {kind: values["topology"]["accuracy"][kind] for kind in SHOWN}
        shown = "  ".join(
            f"{kind} {metric['value']:.3f} ({metric['low']:.3f}-{metric['high']:.3f})"
            for kind, metric in found.items()
            if metric
        )
        print(f"{name:22s} residues {values['residue']['accuracy']['value']:.3f}  {shown}")


if __name__ == "__main__":
    main()
