"""Training of the trials of a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import lightning.pytorch as pl
from optuna.trial import Trial, TrialState

from topo.config import Config
from topo.errors import ConfigError, DivergedError, TopoError
from topo.runs import Run, run_name
from topo.sweep.study import SharedStudy
from topo.training.loop import fit


def run_sweep(
    shared: SharedStudy,
    settings: Callable[[Sequence[str]], Config],
    *,
    wandb: str = "off",
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Train the trials of a study until none is left.

    Parameters
    ----------
    shared
        Study to take trials from.
    settings
        Function from arguments of ``topo train`` to a configuration.
    wandb
        Tracking mode of the trainings; overrides that of the configuration.
    progress
        Whether to show a progress bar.
    tell
        Function that receives a line at the start and end of each trial.

    Raises
    ------
    TopoError
        If the training cannot start, for instance because data cannot be read. The trial is
        queued again when the sweep is next started.
    """
    try:
        while (trial := shared.take()) is not None:
            command = shared.sweep.command(trial.params)
            config = settings(command)
            config.tracking.wandb = wandb  # pyright: ignore[reportAttributeAccessIssue]: checked
            tell(f"trial {trial.number}: topo train {' '.join(command)}")
            _run_trial(shared, trial, config, progress)
            done = shared.study.get_trials(deepcopy=False)[trial.number]
            value = "" if done.value is None else f" {done.value:.4f}"
            tell(f"trial {trial.number}: {done.state.name.lower()}{value}")
    finally:
        shared.worker.close()


class _Reporter(pl.Callback):
    """Callback that reports the metric of each epoch and stops a training that is pruned."""

    def __init__(self, trial: Trial, run: Run, metric: str) -> None:
        self.trial, self.run, self.metric = trial, run, metric
        self.reported, self.pruned = 0, False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the new rows; a resumed training starts with several."""
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
    except TopoError as error:
        if not isinstance(error, DivergedError):
            raise
        trial.set_user_attr("error", str(error)[:500])
        shared.study.tell(trial, state=TrialState.FAIL)
        return
    except Exception as error:  # a diverged or too large model does not end the sweep
        trial.set_user_attr("error", f"{type(error).__name__}: {error}"[:500])
        shared.study.tell(trial, state=TrialState.FAIL)
        return
    if reporter.pruned:
        shared.study.tell(trial, state=TrialState.PRUNED)
        return
    values = [_metric(row, shared.sweep.metric) for row in run.history()]
    known = [value for value in values if not math.isnan(value)]
    if known:
        shared.study.tell(trial, max(known) if shared.sweep.maximise else min(known))
    else:
        shared.study.tell(trial, state=TrialState.FAIL)


def _trial_run(shared: SharedStudy, trial: Trial, config: Config) -> Run:
    """Return the run of a trial; a trial that was queued again continues its earlier run."""
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
