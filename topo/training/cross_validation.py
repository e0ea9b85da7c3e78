"""Cross-validation with one model per fold, evaluated on the fold it was not trained on."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from topo.checkpoint import save_ensemble
from topo.config import Config, first_difference, parse_config, with_absolute_paths
from topo.data.splits import Splits
from topo.errors import ConfigError
from topo.inference import load_model, predict
from topo.io import read_labelled, read_three_line, write_three_line
from topo.io.claims import POLL, Claims
from topo.io.files import remove_temporary
from topo.io.ids import FileNames
from topo.metrics.headline import HEADLINES, headline_metrics
from topo.model_card import ensemble_card
from topo.protein import Prediction, Protein
from topo.resources import bundled
from topo.runs import Run, make_folder, run_name
from topo.training.loop import fit
from topo.training.resuming import check_same_data

VALIDATION = ("fold", "share")
"""Validation sets: the fold after the test fold, or a share of the training proteins."""

FILES = re.compile(r".+\.(png|svg|html|md|csv|tsv|json|yaml|3line)")
"""Names of the files in the folder of a cross-validation and of its runs."""

_PREDICTIONS = "predictions.3line"
_TIMED = 50  # number of proteins on which the time of an ensemble is measured


@dataclass(frozen=True)
class FoldResult:
    """Run, labelled proteins and predictions of one fold."""

    name: str
    run: Run
    proteins: Sequence[Protein]
    predictions: Sequence[Prediction]

    def metrics(self) -> dict[str, float]:
        """Return the headline metrics of the predictions."""
        return headline_metrics([p.labels or "" for p in self.proteins], self.predictions)


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of a metric over the ``n`` folds that have it."""

    mean: float
    deviation: float
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "-"
        return f"{self.mean:.4f} +- {self.deviation:.4f}" if self.n > 1 else f"{self.mean:.4f}"


def plan_folds(config: Config, validation: str = "fold") -> dict[str, Config]:
    """Return the configuration of each run, by the name of its test fold.

    Parameters
    ----------
    config
        Configuration of a training. ``data.train`` lists the folds to use; if empty, all folds of
        the file are used.
    validation
        Validation set, one of :data:`VALIDATION`.

    Raises
    ------
    ConfigError
        If the file has too few folds, or ``config`` names folds for validation or test.
    """
    if validation not in VALIDATION:
        raise ConfigError(f"found {validation!r}, expected one of {', '.join(VALIDATION)}")
    if config.data.validation or config.data.test:
        raise ConfigError("found folds to validate or test on, which a cross-validation chooses")
    path = config.data.path or str(bundled("example") / "example.partitions.json")
    names = config.data.train or fold_names(path)
    needed = 3 if validation == "fold" else 2
    if len(names) < needed:
        raise ConfigError(f"{path}: found {len(names)} folds, expected at least {needed}")
    plans = {}
    for place, name in enumerate(names):
        held = [names[(place + 1) % len(names)]] if validation == "fold" else []
        rest = [fold for fold in names if fold != name and fold not in held]
        data = {"path": path, "train": rest, "validation": held, "test": [name]}
        tree = config.model_dump(mode="json")
        plans[name] = parse_config({**tree, "data": {**tree["data"], **data}})
    return plans


def fold_names(path: str) -> list[str]:
    """Return the names of the folds of a file in the order of their first protein."""
    folds = dict.fromkeys(protein.fold for protein in read_labelled(path))
    return [fold for fold in folds if fold is not None]


def run_folds(
    plans: Mapping[str, Config],
    folder: Path,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    draw: Callable[[Run], None] = lambda run: None,
) -> Iterator[FoldResult]:
    """Train and predict fold by fold, continuing an earlier call on the same folder.

    Several processes with the same folder share the folds. A process takes up the folds of those
    that die, and waits for the folds of the others.

    Parameters
    ----------
    plans
        Configurations by fold from :func:`plan_folds`.
    folder
        Output folder. The run of a fold is written to ``fold-NAME``, with its predictions in
        ``predictions.3line``; see :class:`topo.io.ids.FileNames` for names of other letters.
    progress
        Whether to show a progress bar.
    tell
        Function that receives a line at the start of each fold.
    draw
        Function that draws the curves of a trained run.

    Yields
    ------
    FoldResult
        Result of each fold; first those that this process could take at once, in the order of
        ``plans``.

    Raises
    ------
    ConfigError
        If the folder holds a fold with another configuration, or its data have changed.
    """
    make_folder(folder)
    files = FileNames()
    runs = {name: Run(folder / f"fold-{files.name(name)}") for name in plans}
    claims = Claims(folder / "claims")
    left = list(plans)
    while left:
        busy = []
        for name in left:
            result = _complete_fold(name, plans[name], runs[name], claims, progress, tell, draw)
            if result is None:
                busy.append(name)
            else:
                yield result
        if busy == left:
            time.sleep(POLL)
        left = busy


def _complete_fold(
    name: str,
    config: Config,
    run: Run,
    claims: Claims,
    progress: bool,
    tell: Callable[[str], None],
    draw: Callable[[Run], None],
) -> FoldResult | None:
    """Train and predict a fold unless that is done; None if another process is at work on it."""
    if not _is_complete(run):
        claim = claims.take(run.path.name)
        if claim is None:
            return None
        with claim:
            remove_temporary(run.path, (), FILES)  # of a process that was killed
            return _fold_result(name, config, run, progress, tell, draw)
    claims.discard(run.path.name)
    return _fold_result(name, config, run, progress, tell)


def _fold_result(
    name: str,
    config: Config,
    run: Run,
    progress: bool,
    tell: Callable[[str], None],
    draw: Callable[[Run], None] = lambda run: None,
) -> FoldResult:
    splits = Splits.of(config)
    _check_same(run, config, splits)
    if run.model.is_dir():
        tell(f"fold {name}: already trained")
    else:
        resume = run.resume_file.is_file()
        tell(f"fold {name}: {'resuming' if resume else 'training'} {run.path}")
        tell(splits.draws_line(config.sampling))
        run.path.mkdir(parents=True, exist_ok=True)
        fit(config, splits, run, resume=resume, progress=progress)
    draw(run)  # before the predictions, which complete the fold
    return FoldResult(name, run, splits.test.proteins, _predictions(run, splits))


def _is_complete(run: Run) -> bool:
    return run.model.is_dir() and (run.path / _PREDICTIONS).is_file()


def spreads(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, Spread]:
    """Return the spread of each headline metric, given the metrics of each fold."""
    return {name: spread([row[name] for row in metrics.values()]) for name in HEADLINES}


def spread(values: Sequence[float]) -> Spread:
    """Return mean and sample standard deviation of values, without those that are NaN."""
    known = [value for value in values if not math.isnan(value)]
    deviation = statistics.stdev(known) if len(known) > 1 else math.nan
    return Spread(statistics.fmean(known) if known else math.nan, deviation, len(known))


def write_ensemble(
    folder: Path, config: Config, results: Sequence[FoldResult], metrics: Mapping[str, Spread]
) -> dict[str, Any]:
    """Write the models of the folds as an ensemble to ``FOLDER/model``.

    Parameters
    ----------
    folder
        Output folder of the cross-validation.
    config
        Configuration that the runs share.
    results
        Result of each fold.
    metrics
        Spread of each headline metric.

    Returns
    -------
    dict
        Number of members and parameters, and the time of the ensemble relative to one model.
    """
    members = {result.run.path.name: result.run.model for result in results}
    name = run_name(config)
    document = {"members": list(members), "folds": {k: str(v) for k, v in metrics.items()}}
    save_ensemble(folder / "model", members, config, document, "")
    cost = _measure(folder / "model", results[0])
    parameters = sum(int(result.run.info()["parameters"]) for result in results)
    cost |= {"parameters": parameters, "members": len(members)}
    text = (
        f"Cost: {len(members)} times the weights ({parameters:,} in all) and "
        f"{cost['times']:.1f} times the time of one model (measured on {cost['proteins']} "
        f"proteins, {cost['seconds']:.2f} s against {cost['seconds_of_one']:.2f} s)."
    )
    card = ensemble_card(name, list(members), text, document["folds"])
    save_ensemble(folder / "model", members, config, document | {"cost": cost}, card)
    return cost


def _measure(model: Path, result: FoldResult) -> dict[str, Any]:
    proteins = list(islice(result.proteins, _TIMED))
    seconds = []
    for path in (result.run.model, model):
        loaded = load_model(path)
        list(predict(proteins[:2], loaded))  # excludes the time of compilation
        start = time.perf_counter()
        list(predict(proteins, loaded))
        seconds.append(time.perf_counter() - start)
    one, all_ = seconds
    return {
        "proteins": len(proteins),
        "seconds": round(all_, 3),
        "seconds_of_one": round(one, 3),
        "times": round(all_ / one, 2),
    }


def _predictions(run: Run, splits: Splits) -> list[Prediction]:
    path, scheme = run.path / _PREDICTIONS, splits.test.scheme
    if not path.is_file():
        found = predict(splits.test.proteins, run.model)
        proteins = (Protein(p.id, p.sequence, p.labels) for p in found)
        write_three_line(proteins, path, scheme)
    return [
        Prediction(p.id, p.sequence, p.labels or "", p.header_type, scheme=scheme)
        for p in read_three_line(path, scheme)
    ]


def _check_same(run: Run, config: Config, splits: Splits) -> None:
    if not (run.path / "config.yaml").is_file():
        return
    ours, theirs = (with_absolute_paths(c) for c in (run.config(), config))
    if difference := first_difference(ours, theirs):
        raise ConfigError(
            f"{run.path}: {difference}; expected the same configuration, or another output folder"
        )
    check_same_data(run, splits)
