"""Comparison of training losses: cross-entropy of residues and likelihood of the CRF.

For each seed and loss, the script trains one model with otherwise equal settings and predicts the
test fold with each decoder. A share of the training proteins, ``data.holdout``, selects the epoch.
Means and standard deviations over the seeds are printed and written to ``table.md`` in the output
folder, the metrics of each run and decoder to ``evaluations/``. Existing runs are not trained
again, so that several processes can share the seeds or losses and a last one writes the table.

    python checkpoints/training/compare_losses.py CONFIG -o OUTPUT --data LABELS
        [--test cv3] [--seeds 0,1,2] [--losses cross_entropy,crf] [--after OUTPUT]
        [section.field=value ...]

With ``--after``, each run starts from the weights of the run with the same loss and seed in the
output folder of an earlier comparison, for instance for a second stage on other data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from topo.config import Config, load_config
from topo.data.splits import Splits
from topo.inference import predict_split
from topo.io.files import atomic_text
from topo.labels import TYPES
from topo.metrics.evaluation import evaluate
from topo.report.evaluation_files import file_record, write_evaluation
from topo.runs import Run
from topo.training.loop import fit

DECODERS = {"cross_entropy": ("argmax", "viterbi", "posterior"), "crf": ("viterbi", "posterior")}
"""Decoders of the models by training loss."""
METRICS = {
    **{f"type {name}": ("type", "accuracy", name) for name in TYPES},
    **{f"topology {name}": ("topology", "accuracy", name) for name in ("TM", "SP+TM", "BETA")},
    "residues": ("residue", "accuracy"),
    "residue calibration error": ("residue", "calibration_error"),
    "type calibration error": ("type_head", "calibration_error"),
    "legal": ("topology", "legal"),
}
"""Key in ``metrics.json`` by column of the table."""


def main() -> None:
    """Train, predict, evaluate and write the table."""
    parser = training_arguments(__doc__)
    parser.add_argument("--test", default="cv3")
    parser.add_argument("--seeds", type=_seeds, default=[0, 1, 2], metavar="0,1,2")
    parser.add_argument("--losses", type=_losses, default=list(DECODERS), metavar="LOSS,LOSS")
    parser.add_argument("--after", type=Path, metavar="OUTPUT")
    options = parser.parse_intermixed_args()
    for seed in options.seeds:
        for loss in options.losses:
            run = Run(options.output / f"{loss}-{seed}")
            train_once(run, _config(options, loss, seed))
            for decoder in DECODERS[loss]:
                folder = _folder(options, run.path.name, decoder)
                evaluate_run(run, "test", decoder, options.data, folder)
    show(_table(options), options.output)


def training_arguments(purpose: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that all comparisons of trainings share."""
    parser = argparse.ArgumentParser(description=purpose.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("overrides", nargs="*", metavar="section.field=value")
    return parser


def train_once(run: Run, config: Config) -> None:
    """Train a run unless its model exists."""
    if not run.model.is_dir():
        run.path.mkdir(parents=True, exist_ok=True)
        fit(config, Splits.of(config), run)


def show(table: Iterable[str], folder: Path) -> None:
    """Print a table and write it to ``table.md``."""
    lines = list(table)
    with atomic_text(folder / "table.md") as file:
        file.writelines(f"{line}\n" for line in lines)
    print(*lines, sep="\n")


def _seeds(text: str) -> list[int]:
    return [int(seed) for seed in text.split(",")]


def _losses(text: str) -> list[str]:
    losses = text.split(",")
    if unknown := set(losses) - {*DECODERS}:
        raise argparse.ArgumentTypeError(f"found {unknown.pop()}, expected {', '.join(DECODERS)}")
    return losses


def _config(options: argparse.Namespace, loss: str, seed: int) -> Config:
    fields = {
        "model.heads.topology": loss,
        "data.path": str(options.data),
        "data.test": [options.test],
        "training.seed": seed,
    }
    if options.after:
        fields["training.init"] = str(options.after / f"{loss}-{seed}" / "model")
    return load_config(options.config, options.overrides, fields=fields)


def _folder(options: argparse.Namespace, run: str, decoder: str) -> Path:
    return options.output / "evaluations" / f"{run}-{decoder}"


def evaluate_run(run: Run, split: str, decoder: str, data: Path, folder: Path) -> None:
    """Predict a split of a run and write its metrics, unless they exist."""
    if not (folder / "metrics.json").exists():
        truth, predictions, _ = predict_split(run.path, split, decoder)
        source = {"run": str(run.path), "split": split, "decoder": decoder}
        source["data"] = file_record(str(data))
        write_evaluation(evaluate(truth, predictions), folder, source=source)


def _table(options: argparse.Namespace) -> Iterator[str]:
    yield f"| loss, decoder, {len(options.seeds)} seeds | " + " | ".join(METRICS) + " |"
    yield "|---" * (len(METRICS) + 1) + "|"
    for loss in options.losses:
        for decoder in DECODERS[loss]:
            runs = [
                read_metrics(_folder(options, f"{loss}-{seed}", decoder)) for seed in options.seeds
            ]
            mean, spread = np.mean(runs, 0), np.std(runs, 0, ddof=min(1, len(runs) - 1))
            cells = (
                "-" if np.isnan(m) else f"{m:.3f} ± {s:.3f}"
                for m, s in zip(mean, spread, strict=True)
            )
            yield f"| {loss}, {decoder} | " + " | ".join(cells) + " |"


def read_metrics(folder: Path) -> list[float]:
    """Read the columns of :data:`METRICS` from an evaluation; NaN for missing values."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = []
    for key in METRICS.values():
        entry = metrics
        for name in key:
            entry = entry[name]
        found.append(np.nan if entry["value"] is None else entry["value"])
    return found


if __name__ == "__main__":
    main()
