"""Optuna study of a sweep, shared by several processes without a server.

=================  ===========================================================================
``study.db``       the study (SQLite); every process with the same folder joins it
``runs/``          the run folders, one per trial
``workers/``       the lock files, one per process
``trials.csv``     parameters, metric and state of each trial
``best.yaml``      configuration of the best trial
``importance.png`` importance of the parameters for the metric
=================  ===========================================================================

The trial of a process that died is queued again, and resumes after its last finished epoch. With
another storage (:mod:`topo.sweep.storage`) the folder has no ``study.db`` and ``workers/``, and
each machine may have its own folder; a trial that is taken up in another one starts anew.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from topo.config import Config
from topo.data.splits import Splits
from topo.errors import ConfigError, TopoError
from topo.runs import Run, make_folder
from topo.sweep.file import Parameter, Sweep
from topo.sweep.storage import FolderStorage, StudyStorage

TRIES = 3
"""Number of processes that may die in one trial, without a new epoch, before it has failed."""

_POLL = 1.0  # seconds between checks of the trials of other processes


class SharedStudy:
    """A study in a folder, with this process as one of its workers.

    Parameters
    ----------
    sweep
        Sweep that the study runs.
    folder
        Folder of the study; created if it does not exist.
    trials
        Total number of trials; None takes ``run_cap`` of the sweep, or all points of a grid.
    seed
        Seed of the draws, which depend only on it and on the number of trials before.
    retry_failed
        Whether to queue the failed trials again.
    storage
        Storage of the study; by default the folder.

    Raises
    ------
    ConfigError
        If the folder holds the study of another sweep, or the number of trials is not limited.
    TopoError
        If the folder cannot be written, or its study cannot be read.
    """

    def __init__(
        self,
        sweep: Sweep,
        folder: Path,
        trials: int | None = None,
        seed: int = 0,
        *,
        retry_failed: bool = False,
        storage: StudyStorage | None = None,
    ):
        self.sweep, self.folder, self.seed = sweep, folder, seed
        points = sweep.grid() if sweep.method == "grid" else []
        total = trials or sweep.cap or len(points)
        if not total:
            raise ConfigError("found no run_cap in the file, expected one or --trials")
        self.total = min(total, len(points)) if points else total
        self.distributions = {p.name: distribution(p) for p in sweep.parameters}
        _quieten()
        make_folder(folder)
        self.storage = storage or FolderStorage(folder)
        with self.storage.exclusive():
            with _readable(self.storage.place):
                self.study = _open(self.storage, sweep)
            self._check_same()
            if "sweep" not in self.study.user_attrs:
                for point in points[: self.total]:
                    self.study.enqueue_trial(point, skip_if_exists=True)
                self.study.set_user_attr("sweep", _described(sweep))
            if retry_failed:
                self._queue_failed()
        self._splits: tuple[tuple[Any, ...], Splits] | None = None

    def splits(self, config: Config) -> Splits:
        """Return the proteins of a trial; those of the previous trial where they are the same."""
        key = (config.data, config.model.heads.grammar, config.training.seed)
        if self._splits is None or self._splits[0] != key:
            self._splits = key, Splits.of(config)
        return self._splits[1]

    def take(self) -> Trial | None:
        """Return the next trial for this process, or None when all trials are finished.

        While other processes run the last trials, this process waits: if one of them dies, it
        takes over the trial.
        """
        while True:
            with self.storage.exclusive():
                self.storage.fail_dead(self.study, self._requeue)
                trials = self.study.get_trials(deepcopy=False)
                if len(effective(trials)) < self.total or _in(trials, TrialState.WAITING):
                    self.study.sampler = self._sampler(len(trials))
                    trial = self.study.ask(self.distributions)
                    self.storage.begin(trial)
                    return trial
            if not _in(trials, TrialState.RUNNING):
                return None
            time.sleep(_POLL)

    def position(self, trial: Trial) -> int:
        """Return how many trials have begun, with this one, from 1 to the total."""
        trials = effective(self.study.get_trials(deepcopy=False))
        begun = [t for t in trials if t.state != TrialState.WAITING and t.number != trial.number]
        return min(len(begun) + 1, self.total)

    def run_of(self, trial: Trial | FrozenTrial) -> Run | None:
        """Return the run of a trial, None before it has one."""
        name = trial.user_attrs.get("run")
        return Run(self.folder / "runs" / name) if name is not None else None

    def _requeue(self, trial: FrozenTrial) -> None:
        """Queue the trial of a dead process again; the caller has the lock."""
        trials = self.study.get_trials(deepcopy=False)
        tries, epochs = trial.user_attrs.get("tries", 1), self._epochs(trial)
        if epochs > trial.user_attrs.get("epochs", 0):
            tries = 0  # a process that trained an epoch does not count
        elif trial.user_attrs.get("stopped"):
            tries -= 1  # nor does one that a signal or an error of its input ended
        queued = {other.user_attrs.get("retry_of") for other in trials}
        if tries < TRIES and trial.number not in queued:
            self._queue_again(trial, tries=tries + 1, epochs=epochs)

    def _queue_failed(self) -> None:
        """Queue the failed trials again, from the start where an error ended them."""
        for trial in _in(effective(self.study.get_trials(deepcopy=False)), TrialState.FAIL):
            self._queue_again(trial, fresh="error" in trial.user_attrs)

    def _queue_again(self, trial: FrozenTrial, fresh: bool = False, **attributes: Any) -> None:
        attributes |= {"retry_of": trial.number}
        if not fresh:
            attributes["first"] = first_number(trial)
            if "run" in trial.user_attrs:
                attributes["run"] = trial.user_attrs["run"]
        fixed = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        self.study.enqueue_trial(fixed, user_attrs=attributes)

    def _epochs(self, trial: FrozenTrial) -> int:
        run = self.run_of(trial)
        try:
            return len(run.history()) if run else 0
        except TopoError:
            return 0

    def _check_same(self) -> None:
        known = self.study.user_attrs.get("sweep")
        if known is not None and known != _described(self.sweep):
            raise ConfigError(
                f"{self.storage.place}: holds the study of another sweep; choose another --output"
            )

    def _sampler(self, before: int) -> optuna.samplers.BaseSampler:
        if self.sweep.method == "bayes":
            return optuna.samplers.TPESampler(
                seed=self.seed + before,
                multivariate=True,
                constant_liar=True,
                n_startup_trials=min(10, max(3, self.total // 4)),
            )
        return optuna.samplers.RandomSampler(seed=self.seed + before)


def first_number(trial: Trial | FrozenTrial) -> int:
    """Return the number under which a trial was first drawn, by which its run is named."""
    return trial.user_attrs.get("first", trial.number)


def effective(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that were not queued again under another number."""
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    return [trial for trial in trials if trial.number not in retried]


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return the Optuna distribution of a parameter."""
    p = parameter
    if p.values:
        return CategoricalDistribution(p.values)
    if p.integer:
        return IntDistribution(int(p.low), int(p.high), step=int(p.step or 1))
    return FloatDistribution(p.low, p.high, log=p.log, step=p.step)


def _open(storage: StudyStorage, sweep: Sweep) -> optuna.Study:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if sweep.early:
        pruner = optuna.pruners.SuccessiveHalvingPruner(sweep.early.first, sweep.early.eta)
    return optuna.create_study(
        study_name=storage.study_name,
        storage=storage.open(),
        pruner=pruner,
        direction="maximize" if sweep.maximise else "minimize",
        load_if_exists=True,
    )


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Turn the errors of a damaged study into one that names its place."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError, sqlite3.Error) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise TopoError(f"{place}: cannot be read ({reason})") from None


def _described(sweep: Sweep) -> dict[str, Any]:
    """Return the fields that identify a sweep, as JSON values; the cap is not one of them."""
    tree = {k: v for k, v in dataclasses.asdict(sweep).items() if k != "cap"}
    return json.loads(json.dumps(tree))


def _in(trials: Sequence[FrozenTrial], state: TrialState) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == state]


def _quieten() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    # Advice to use Study.optimize, which records the heartbeat that topo.sweep.storage records.
    warnings.filterwarnings("ignore", "Heartbeat of storage is supposed", UserWarning)
