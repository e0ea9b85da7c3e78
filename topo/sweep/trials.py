"""Training of the trials of a sweep."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence

import lightning.pytorch as pl
from optuna.trial import Trial, TrialState

from topo.config import Config
from topo.errors import ConfigError, DivergedError, TopoError
from topo.runs import Run, make_folder, run_name
from topo.sweep.study import SharedStudy, first_number
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
            place = f"{shared.position(trial)} of {shared.total}"
            shown = shlex.join(["topo", "train", *_with_tracking(command, wandb)])
            tell(f"trial {trial.number} ({place}): {shown}")
            try:
                _run_trial(shared, trial, config, progress)
            except BaseException:  # a signal, or an input that cannot be read: to be queued again
                trial.set_user_attr("stopped", True)
                raise
            done = shared.study.get_trials(deepcopy=False)[trial.number]
            value = "" if done.value is None else f" {done.value:.4f}"
            tell(f"trial {trial.number}: {done.state.name.lower()}{value}")
    finally:
        shared.storage.close()


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
    except DivergedError as error:
        _record_failure(shared, trial, str(error))
        return
    except TopoError:
        raise
    except Exception as error:  # a diverged or too large model does not end the sweep
        _record_failure(shared, trial, f"{type(error).__name__}: {error}")
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


def _record_failure(shared: SharedStudy, trial: Trial, reason: str) -> None:
    trial.set_user_attr("error", " ".join(reason.split())[:500])
    shared.study.tell(trial, state=TrialState.FAIL)


def _with_tracking(command: Sequence[str], mode: str) -> list[str]:
    """Return the words of a command with the tracking that is used, in place of the file's."""
    kept, rest = [], iter(command)
    for word in rest:
        if word == "--wandb":
            next(rest, None)
        elif not word.startswith("--wandb="):
            kept.append(word)
    return kept if mode == "off" else [*kept, f"--wandb={mode}"]


def _trial_run(shared: SharedStudy, trial: Trial, config: Config) -> Run:
    """Return the run of a trial; a trial that was queued again continues its earlier run."""
    if shared.run_of(trial) is None:
        trial.set_user_attr("run", f"{first_number(trial):03d}_{run_name(config)}")
    run = shared.run_of(trial)
    assert run is not None, "a trial whose run was named"
    make_folder(run.path)
    run.remove_temporary()  # of a process that was killed after the end of the training
    return run


def _metric(row: Mapping[str, float], name: str) -> float:
    if name not in row:
        raise ConfigError(f"metric.name: this model has no {name}")
    return row[name]
