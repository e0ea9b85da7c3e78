"""Held-out predictions of a cross-validation, pooled and scored.

    python checkpoints/training/pool_folds.py predict FOLDS.json FOLD,... MODEL OUTPUT.jsonl
    python checkpoints/training/pool_folds.py score FOLDS.json FOLDER FILE.jsonl ...
    python checkpoints/training/pool_folds.py errors FOLDS.json FILE ...

``predict`` writes the predictions with their probabilities and, for a single model, beside them
``OUTPUT.nats.tsv``: the negative logarithm of the probability of each membrane protein's topology
given its type, labels within five residues of a segment's end (three in barrels) hidden, at most
12. ``score`` pools the files in FOLDER and writes there summary.md, predictions.3line (for ``topo
compare``) and metrics.json. ``errors`` prints the wrong topologies of several files of predictions
by kind of error, on the proteins that all of them predict. What exists is not predicted again.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topo.checkpoint import Checkpoint, ensemble_members
from topo.data.augmentation import blur_boundaries
from topo.graph import collate, residue_graph
from topo.inference import load_model, predict
from topo.io import read_partitions, read_predictions, write_three_line
from topo.io.files import atomic_text
from topo.io.jsonl import jsonl_record
from topo.labels import TYPES, UNKNOWN_INDEX, protein_type
from topo.metrics.evaluation import Evaluation, evaluate
from topo.metrics.headline import headline_metrics
from topo.protein import Prediction, Protein

MEMBRANE_TYPES = ("TM", "SP+TM", "BETA")
LIMIT = 12.0
"""Nats of a protein, at most, so that a few do not decide the mean."""
KINDS = {
    "type": "wrong type",
    "too few segments": "missing segment",
    "too many segments": "extra segment",
    "orientation": "inverted",
    "boundary": "shifted segment",
}
"""Kind of error -> start of the reasons of :func:`topo.metrics.topology.why_wrong`."""


def main() -> None:
    """Predict one fold, or score all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("predict", help="predict a held-out fold")
    for name in ("folds", "names", "model", "output"):
        one.add_argument(name)
    one.add_argument("--relatives", help="file of relatives, as for topo predict")
    pool = verbs.add_parser("score", help="pool and score the predictions of all folds")
    pool.add_argument("folds")
    pool.add_argument("folder", type=Path)
    pool.add_argument("files", nargs="+")
    table = verbs.add_parser("errors", help="compare kinds of errors")
    table.add_argument("folds")
    table.add_argument("files", nargs="+")
    options = parser.parse_args()
    if options.verb == "predict":
        if not Path(options.output).is_file():
            names = options.names.split(",")
            predict_fold(options.folds, names, options.model, options.output, options.relatives)
        return
    if options.verb == "errors":
        print(compare_errors(list(read_partitions(options.folds)), options.files))
        return
    missing = [name for name in options.files if not (options.folder / name).is_file()]
    if missing:
        print(f"not pooled: {', '.join(missing)} still missing in {options.folder}")
        return
    truth = list(read_partitions(options.folds))
    print(pool_folds(truth, options.folder, options.files))


def predict_fold(
    path: str, names: Sequence[str], model: str, output: str, relatives: str | None = None
) -> None:
    """Write the nats, then the predictions, of the proteins of some folds."""
    torch.set_num_threads(1)
    proteins, checkpoint = list(read_partitions(path, names)), load_model(model)
    if not ensemble_members(checkpoint.path):
        with atomic_text(Path(output).with_suffix(".nats.tsv")) as table:
            table.write("id\ttype\tnats\n")
            for protein, kind, value in topology_nats(proteins, checkpoint):
                table.write(f"{protein.id}\t{kind}\t{value:.4f}\n")
    bare = [Protein(p.id, p.sequence) for p in proteins]
    found = predict(bare, checkpoint, relatives=relatives)
    with atomic_text(output) as file:
        file.writelines(jsonl_record(prediction.in_six()) for prediction in found)


@torch.no_grad()
def topology_nats(
    proteins: Iterable[Protein], checkpoint: Checkpoint
) -> Iterator[tuple[Protein, str, float]]:
    """Yield each membrane protein with its type and the nats of its topology given that type."""
    tagger = checkpoint.tagger.eval()
    scheme = tagger.crf.grammar.scheme
    for protein in proteins:
        kind = protein_type(protein.labels or "")
        if kind not in MEMBRANE_TYPES:
            continue
        graph = collate([residue_graph(protein, checkpoint.config.graph)])
        scores = tagger(graph)
        labels = scheme.encode_six(protein.labels or "")
        labels = blur_boundaries(labels, 3 if kind == "BETA" else 5, scheme)
        types = torch.tensor([[name == kind for name in scheme.type_names]])
        both, type_alone = (
            float(
                tagger.crf(
                    scores.emissions, scores.lengths, y, cleavage=scores.cleavage, types=types
                )
            )
            for y in (torch.from_numpy(labels), torch.full((len(protein),), UNKNOWN_INDEX))
        )
        yield protein, kind, min(both - type_alone, LIMIT)


def pool_folds(truth: Sequence[Protein], folder: Path, files: Sequence[str]) -> str:
    """Score the pooled predictions, write the files and return the summary."""
    rows = {name: list(read_predictions(folder / name)) for name in files}
    pooled = [prediction for predictions in rows.values() for prediction in predictions]
    write_three_line(
        (Protein(p.id, p.sequence, p.labels) for p in pooled), folder / "predictions.3line"
    )
    found = evaluate(truth, pooled)
    with atomic_text(folder / "metrics.json") as file:
        json.dump(found.metrics, file, indent=1)
    by_fold = {Path(name).stem: _figures(truth, predictions) for name, predictions in rows.items()}
    text = summary(found, by_fold, _mean_nats(folder, files))
    with atomic_text(folder / "summary.md") as file:
        file.write(text)
    return text


def summary(
    found: Evaluation, by_fold: Mapping[str, Mapping[str, float]], nats: Mapping[str, float]
) -> str:
    """Return the tables of a cross-validation as Markdown."""
    metrics = found.metrics
    lines = [
        f"{metrics['alignment']['scored']} proteins; 95 % bootstrap intervals in parentheses",
        "",
        "| | proteins | type | topology | nats | " + " | ".join(by_fold) + " |",
        "|---" * (5 + len(by_fold)) + "|",
    ]
    for name in TYPES:
        kind, topology = metrics["type"]["accuracy"][name], metrics["topology"]["accuracy"][name]
        folds = [
            f"{row[f'type_accuracy_{name}']:.3f} / {row[f'topology_accuracy_{name}']:.3f}"
            for row in by_fold.values()
        ]
        cells = [name, str(kind["n"]), _shown(kind), _shown(topology)]
        lines.append(_row([*cells, f"{nats[name]:.2f}" if name in nats else "", *folds]))
    residues = [f"{row['residue_accuracy']:.4f}" for row in by_fold.values()]
    lines.append(
        _row(["residues", "", _shown(metrics["residue"]["accuracy"], 4), "", "", *residues])
    )
    for name, key in (("residue", "residue"), ("type", "type_head")):
        error = metrics.get(key, {}).get("calibration_error")
        if error is not None:
            cells = [f"{name} calibration error", "", _shown(error, 4), "", ""]
            lines.append(_row([*cells, *[""] * len(by_fold)]))
    lines += ["", _row(["wrong topologies", *KINDS, "all"]), "|---" * (len(KINDS) + 2) + "|"]
    errors = error_kinds(found)
    lines += [_row([name, *_counts(errors[name])]) for name in MEMBRANE_TYPES]
    return "\n".join(lines) + "\n"


def compare_errors(truth: Sequence[Protein], files: Sequence[str]) -> str:
    """Return a table of the wrong topologies of each file by type and kind of error."""
    rows = [list(read_predictions(file)) for file in files]
    common = set.intersection(*({p.sequence for p in predictions} for predictions in rows))
    scored = [protein for protein in truth if protein.sequence in common]
    lines = [
        f"{len(scored)} proteins",
        "",
        _row(["wrong topologies", "predictions", *KINDS, "all"]),
        "|---" * (len(KINDS) + 3) + "|",
    ]
    found = [error_kinds(evaluate(scored, some, resamples=0)) for some in rows]
    for name in MEMBRANE_TYPES:
        for file, errors in zip(files, found, strict=True):
            lines.append(_row([name, file, *_counts(errors[name])]))
    return "\n".join(lines)


def error_kinds(found: Evaluation) -> dict[str, Counter[str]]:
    """Count the wrong topologies of each type by kind of error."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for score in found.proteins:
        reason = score.verdict.reason or ""
        for kind, start in KINDS.items():
            if reason.startswith(start):
                counts[score.verdict.true_type or ""][kind] += 1
    return counts


def _figures(truth: Sequence[Protein], predictions: Sequence[Prediction]) -> dict[str, float]:
    labels = {protein.sequence: protein.labels or "" for protein in truth}
    return headline_metrics([labels[p.sequence] for p in predictions], predictions)


def _mean_nats(folder: Path, files: Iterable[str]) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for name in files:
        path = (folder / name).with_suffix(".nats.tsv")
        if not path.is_file():
            return {}
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                values[row["type"]].append(float(row["nats"]))
    return {kind: float(np.mean(of_type)) for kind, of_type in values.items()}


def _shown(entry: Mapping[str, Any], digits: int = 3) -> str:
    if entry["value"] is None:
        return "-"
    value, low, high = (f"{entry[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} ({low}-{high})"


def _counts(errors: Mapping[str, int]) -> list[str]:
    numbers = [errors[kind] for kind in KINDS]
    return [str(number) for number in (*numbers, sum(numbers))]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
