"""Re-entrant segments, and helices beside them, as two cross-validated recipes predict them.

    python checkpoints/training/compare_reentrant.py OUT FIRST SECOND

OUT is the folder of cross-validate.sh with reentrant.json of prepare_reentrant.py. FIRST and SECOND
are recipes with models of all four folds, for example baseline and extended. Each protein is
predicted by the models that have not seen its fold. OUT/SECOND/reentrant.md gets, with 95 %
intervals of a bootstrap over proteins, the same draws for both recipes:

- share of the segments that UniProt calls INTRAMEM with most residues predicted as membrane helix;
- recall and precision of predicted re-entrant segments, which share five residues with a true one,
  or all of the shorter one; a segment where UniProt states no label counts as wrong;
- recall of the membrane helices of these proteins, by the same rule.

Predictions that exist are not computed again. ``--folds`` compares some folds only.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from topo.inference import load_model, predict
from topo.io import read_labelled
from topo.io.files import atomic_text
from topo.io.grammar import load_grammar
from topo.metrics.bootstrap import add_up, interval, resample
from topo.metrics.own_labels import segments_overlap
from topo.metrics.segment import count_matches, segments_of
from topo.protein import Protein

GRAMMAR = Path(__file__).parents[2] / "configs/labels/extended.yaml"
FOLDS = "cv0,cv1,cv3,cv4"
MEASURES = {
    "INTRAMEM segments called helix": ("called", "segments"),
    "recall of re-entrant segments": ("found", "segments"),
    "precision of re-entrant segments": ("right", "predicted"),
    "recall of helices": ("helices_found", "helices"),
}
"""Measure -> names of its numerator and denominator in :func:`count`."""


def main() -> None:
    """Predict what is missing and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("recipes", nargs=2)
    parser.add_argument("--folds", default=FOLDS)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    out, folds = options.out, options.folds.split(",")
    scheme = load_grammar(GRAMMAR).scheme
    truth = [p for p in read_labelled(out / "reentrant.json", scheme) if p.fold in folds]
    counts = []
    for recipe in options.recipes:
        labels = {}
        for fold in folds:
            labels |= predicted(out / recipe, fold, [p for p in truth if p.fold == fold])
        rows = [count(p.labels or "", labels[p.id]) for p in truth]
        counts.append({name: np.array([row[name] for row in rows]) for name in rows[0]})
    text = table(counts, options.recipes, len(truth), options.resamples)
    print(text)
    with atomic_text(out / options.recipes[1] / "reentrant.md") as file:
        file.write(text)


def predicted(folder: Path, fold: str, proteins: Sequence[Protein]) -> dict[str, str]:
    """Return the labels by id that the model of a fold predicts, kept in a file."""
    path = folder / f"reentrant-{fold}.tsv"
    if not path.is_file():
        run = sorted((folder / "runs").glob(f"{fold}-s*"))[-1]
        bare = [Protein(p.id, p.sequence) for p in proteins]
        with atomic_text(path) as file:
            for prediction in predict(bare, load_model(run)):
                file.write(f"{prediction.id}\t{prediction.labels}\n")
    with open(path, encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("\t") for line in file)


def count(truth: str, labels: str) -> dict[str, int]:
    """Count the segments of one protein, see :data:`MEASURES`."""
    true, guess = segments_of(truth, "R"), segments_of(labels, "R")
    helices, found = segments_of(truth, "M"), segments_of(labels, "M")
    called = sum(2 * labels[s.start : s.end].count("M") > s.length for s in true)
    shared = count_matches(true, guess, segments_overlap)
    return {
        "segments": len(true),
        "called": called,
        "predicted": len(guess),
        "found": shared,
        "right": shared,
        "helices": len(helices),
        "helices_found": count_matches(helices, found, segments_overlap),
    }


def table(
    counts: Sequence[Mapping[str, np.ndarray]], names: Sequence[str], size: int, resamples: int
) -> str:
    """Return the measures of both recipes and their difference as a Markdown table."""
    sums, draws = [add_up(each) for each in counts], [resample(c, resamples, 0) for c in counts]
    lines = [
        f"{size} proteins with {int(sums[0]['segments'])} segments and "
        f"{int(sums[0]['helices'])} helices; 95 % bootstrap intervals in parentheses",
        "",
        f"| | {names[0]} | {names[1]} | difference |",
        "|---|---|---|---|",
    ]
    for measure, (above, below) in MEASURES.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            values = [float(each[above] / each[below]) for each in sums]
            drawn = [each[above] / each[below] for each in draws]
        cells = [
            f"{shown(value, samples)}, {int(each[above])} of {int(each[below])}"
            for value, samples, each in zip(values, drawn, sums, strict=True)
        ]
        cells.append(shown(values[1] - values[0], drawn[1] - drawn[0]))
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def shown(value: float, samples: np.ndarray) -> str:
    """Format a value with its interval."""
    low, high = interval(samples)
    return "-" if np.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
