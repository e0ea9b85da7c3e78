"""Running a sweep without a server: trials of an Optuna study that several processes share.

=================  ===========================================================================
``study.db``       the study (SQLite); every process that is given the same folder joins it
``runs/``          the trainings, one a trial
``workers/``       one locked file a process
``trials.csv``     what each trial was and how it ended
``best.yaml``      configuration of the best trial
``importance.png`` which parameters the metric depends on
=================  ===========================================================================

A trial whose process has died is queued again, and goes on after its last finished epoch.
"""

from __future__ import annotations

import dataclasses
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState

from topo.config import Config
from topo.data.splits import Splits
from topo.errors import ConfigError, TopoError
from topo.runs import Run, run_name
from topo.sweep.file import Parameter, Sweep
from topo.sweep.workers import Worker, exclusive, is_alive
from topo.training.loop import fit

TRIES = 3
"""Processes that may die over one trial before it counts as failed."""

_POLL = 1.0  # seconds between looks at trials that other processes run


class SharedStudy:
    """A study in a folder, and this process as one of its workers.

    Parameters
    ----------
    sweep
        What is swept; a folder that holds another sweep is refused.
    folder
        Made if it is not there.
    trials
        Trials in all; None takes the file's ``run_cap``, or for a grid all of its points.
    seed
        Of the draws; they depend on it and on the number of trials before only.

    Raises
    ------
    ConfigError
        If the folder holds the study of another sweep, or the number of trials is open.
    """

    def __init__(self, sweep: Sweep, folder: Path, trials: int | None = None, seed: int = 0):
        self.sweep, self.folder, self.seed = sweep, folder, seed
        points = sweep.grid() if sweep.method == "grid" else []
        total = trials or sweep.cap or len(points)
        if not total:
            raise ConfigError("found no run_cap in the file, expected one or --trials")
        self.total = min(total, len(points)) if points else total
        self.distributions = {p.name: distribution(p) for p in sweep.parameters}
        _quieten()
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / "lock"):
            self.study = _open(folder, sweep)
            self._check_same()
            if "sweep" not in self.study.user_attrs:
                for point in points[: self.total]:
                    self.study.enqueue_trial(point, skip_if_exists=True)
                self.study.set_user_attr("sweep", _described(sweep))
        self.worker = Worker(folder / "workers")
        self._splits: tuple[tuple[Any, ...], Splits] | None = None

    def splits(self, config: Config) -> Splits:
        """Return the proteins of a trial; those of the previous trial where they are the same."""
        key = (config.data, config.model.heads.grammar, config.training.seed)
        if self._splits is None or self._splits[0] != key:
            self._splits = key, Splits.of(config)
        return self._splits[1]

    def take(self) -> Trial | None:
        """Return the next trial for this process, or None when all are done.

        Waits while other processes run the last ones: should one of them die, its trial is ours.
        """
        while True:
            with exclusive(self.folder / "lock"):
                self._requeue()
                trials = self.study.get_trials(deepcopy=False)
                if len(effective(trials)) < self.total or _in(trials, TrialState.WAITING):
                    self.study.sampler = self._sampler(len(trials))
                    trial = self.study.ask(self.distributions)
                    trial.set_user_attr("worker", self.worker.name)
                    return trial
            if not _in(trials, TrialState.RUNNING):
                return None
            time.sleep(_POLL)

    def _requeue(self) -> None:
        """Queue the trials of dead processes again; the lock is held."""
        trials = self.study.get_trials(deepcopy=False)
        queued = {trial.user_attrs.get("retry_of") for trial in trials}
        for trial in _in(trials, TrialState.RUNNING):
            # Without a name, the process died between the two lines in which it took the trial.
            if is_alive(self.folder / "workers", trial.user_attrs.get("worker", "none")):
                continue
            tries = trial.user_attrs.get("tries", 1)
            if tries < TRIES and trial.number not in queued:
                attributes = {"retry_of": trial.number, "tries": tries + 1}
                if "run" in trial.user_attrs:
                    attributes["run"] = trial.user_attrs["run"]
                fixed = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
                self.study.enqueue_trial(fixed, user_attrs=attributes)
            self.study.tell(trial.number, state=TrialState.FAIL)

    def _check_same(self) -> None:
        known = self.study.user_attrs.get("sweep")
        if known is not None and known != _described(self.sweep):
            raise ConfigError(
                f"{self.folder}: holds the study of another sweep; give another --output"
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


def run_sweep(
    shared: SharedStudy,
    settings: Callable[[Sequence[str]], Config],
    *,
    wandb: str = "off",
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Train trial after trial until none is left.

    Parameters
    ----------
    shared
        The study.
    settings
        Turns arguments of ``topo train`` into a configuration.
    wandb
        Tracking of the trainings, in place of what the file says.
    progress
        Show a progress bar.
    tell
        Takes a line on the start and end of each trial.

    Raises
    ------
    TopoError
        What the user can mend, e.g. data that cannot be read; the trial is queued again for the
        next start.
    """
    try:
        while (trial := shared.take()) is not None:
            command = shared.sweep.command(trial.params)
            config = settings(command)
            config.tracking.wandb = wandb
            tell(f"trial {trial.number}: topo train {' '.join(command)}")
            _run_trial(shared, trial, config, progress)
            done = shared.study.get_trials(deepcopy=False)[trial.number]
            value = "" if done.value is None else f" {done.value:.4f}"
            tell(f"trial {trial.number}: {done.state.name.lower()}{value}")
    finally:
        shared.worker.close()


def effective(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Leave out the trials that were queued again under another number."""
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    return [trial for trial in trials if trial.number not in retried]


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return where Optuna draws a parameter from."""
    p = parameter
    if p.values:
        return CategoricalDistribution(p.values)
    if p.integer:
        return IntDistribution(int(p.low), int(p.high), step=int(p.step or 1))
    return FloatDistribution(p.low, p.high, log=p.log, step=p.step)


class _Reporter(pl.Callback):
    """Reports each epoch's metric to the study, and stops the training if the study says so."""

    def __init__(self, trial: Trial, run: Run, metric: str) -> None:
        self.trial, self.run, self.metric = trial, run, metric
        self.reported, self.pruned = 0, False

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Report the rows that are new; a resumed training begins with several."""
        for row in self.run.history()[self.reported :]:
            self.trial.report(_metric(row, self.metric), step=int(row["epoch"]) + 1)
            self.reported += 1
        if self.trial.should_prune():
            self.pruned = trainer.should_stop = True


def _run_trial(shared: SharedStudy, trial: Trial, config: Config, progress: bool) -> None:
    run = _trial_run(shared, trial, config)
    reporter = _Reporter(trial, run, shared.sweep.metric)
    try:
        if not run.model.is_dir():
            resume = run.resume_file.is_file()
            splits = shared.splits(config)
            fit(config, splits, run, resume=resume, progress=progress, also=[reporter])
    except TopoError:
        raise
    except Exception as error:  # a diverged or too large model must not end the sweep
        trial.set_user_attr("error", f"{type(error).__name__}: {error}"[:500])
        shared.study.tell(trial, state=TrialState.FAIL)
        return
    if reporter.pruned:
        shared.study.tell(trial, state=TrialState.PRUNED)
        return
    values = [_metric(row, shared.sweep.metric) for row in run.history()]
    known = [value for value in values if value == value]
    if known:
        shared.study.tell(trial, max(known) if shared.sweep.maximise else min(known))
    else:
        shared.study.tell(trial, state=TrialState.FAIL)


def _trial_run(shared: SharedStudy, trial: Trial, config: Config) -> Run:
    """Return the run of a trial, an earlier process's where the trial is tried again."""
    name = trial.user_attrs.get("run")
    if name is None:
        name = f"{trial.number:03d}_{run_name(config)}"
        trial.set_user_attr("run", name)
    run = Run(shared.folder / "runs" / name)
    run.path.mkdir(parents=True, exist_ok=True)
    return run


def _metric(row: Mapping[str, float], name: str) -> float:
    if name not in row:
        raise ConfigError(f"metric.name: this model has no {name}")
    return row[name]


def _open(folder: Path, sweep: Sweep) -> optuna.Study:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if sweep.early:
        pruner = optuna.pruners.SuccessiveHalvingPruner(sweep.early.first, sweep.early.eta)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{(folder / 'study.db').resolve()}",
        engine_kwargs={"connect_args": {"timeout": 600}},
    )
    return optuna.create_study(
        study_name="sweep",
        storage=storage,
        pruner=pruner,
        direction="maximize" if sweep.maximise else "minimize",
        load_if_exists=True,
    )


def _described(sweep: Sweep) -> dict[str, Any]:
    """Return what makes two sweeps the same, as JSON gives it back; the cap may be raised."""
    tree = {k: v for k, v in dataclasses.asdict(sweep).items() if k != "cap"}
    return json.loads(json.dumps(tree))


def _in(trials: Sequence[FrozenTrial], state: TrialState) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == state]


def _quieten() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
