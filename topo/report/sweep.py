"""Report of a sweep: trials, importance of the parameters, best configuration."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from topo.config import dump_config
from topo.io.files import atomic_path, atomic_text, remove_temporary
from topo.io.ids import table_cell
from topo.report.curves import draw_curves
from topo.report.run_table import find_runs
from topo.runs import Run
from topo.sweep.study import SharedStudy, effective

if TYPE_CHECKING:
    from rich.table import Table

_FILES = ("trials.csv", "best.yaml", "importance.png")


def write_sweep(shared: SharedStudy) -> list[Path]:
    """Write ``trials.csv`` and, if trials are finished, ``best.yaml`` and ``importance.png``.

    ``curves.png`` is drawn for each run that has none, except for those that are being trained.

    Returns
    -------
    list of Path
        Paths to the written files.
    """
    trials = ranked(shared)
    found = importance(shared)
    with shared.storage.exclusive():
        _draw_missing_curves(shared)
        remove_temporary(shared.folder, _FILES)  # of a process that was killed
        written = [_write_trials(shared, trials)]
        if finished := _finished(trials):
            written.append(_write_best(shared, finished[0]))
        if found:
            written.append(_write_importance(shared, found))
    return written


def _draw_missing_curves(shared: SharedStudy) -> None:
    """Draw the curves of the runs without; the caller is exclusive."""
    active = shared.study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    busy = {run.path for trial in active if (run := shared.run_of(trial))}
    for run in find_runs([shared.folder / "runs"]):
        if run.path not in busy and not (run.path / "curves.png").is_file():
            draw_curves(run)


def ranked(shared: SharedStudy) -> list[FrozenTrial]:
    """Return the effective trials, the best first, those without a value last."""
    trials = effective(shared.study.get_trials(deepcopy=False))
    sign = -1 if shared.sweep.maximise else 1
    done = _finished(trials)
    rest = [trial for trial in trials if trial not in done]
    return sorted(done, key=lambda trial: sign * (trial.value or 0.0)) + rest


def importance(shared: SharedStudy) -> dict[str, float]:
    """Return the fraction of the metric's variance that each parameter explains (fANOVA).

    The result is empty with fewer than two finished trials, or if the metric or all parameters are
    constant.
    """
    import optuna

    done = _finished(shared.study.get_trials(deepcopy=False))
    varied = [
        name for name in shared.distributions if len({trial.params.get(name) for trial in done}) > 1
    ]
    if not varied or len({trial.value for trial in done}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(
        shared.study, evaluator=evaluator, params=varied
    )
    return {name: float(value) for name, value in found.items()}


def trial_table(shared: SharedStudy) -> Table:
    """Return a table of the trials for the terminal, the best first."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("trial", *map(escape, shared.distributions), shared.sweep.metric, "state", "run")
    for trial in ranked(shared):
        parameters = (escape(str(trial.params.get(name, ""))) for name in shared.distributions)
        value = "" if trial.value is None else f"{trial.value:.4f}"
        run = escape(str(trial.user_attrs.get("run", "")))
        table.add_row(str(trial.number), *parameters, value, trial.state.name.lower(), run)
    return table


def _finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state.name == "COMPLETE"]


def _write_trials(shared: SharedStudy, trials: Sequence[FrozenTrial]) -> Path:
    path = shared.folder / "trials.csv"
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        names = list(shared.distributions)
        writer.writerow(["trial", "state", shared.sweep.metric, *names, "seconds", "run", "error"])
        for trial in trials:
            parameters = [trial.params.get(name, "") for name in names]
            seconds = round(trial.duration.total_seconds(), 1) if trial.duration else ""
            notes = [trial.user_attrs.get(key, "") for key in ("run", "error")]
            state = trial.state.name.lower()
            value = "" if trial.value is None else trial.value
            cells = [trial.number, state, value, *parameters, seconds, *notes]
            writer.writerow([table_cell(x) if isinstance(x, str) else x for x in cells])
    return path


def _write_best(shared: SharedStudy, best: FrozenTrial) -> Path:
    path = shared.folder / "best.yaml"
    config = Run(shared.folder / "runs" / best.user_attrs["run"]).config()
    with atomic_text(path) as file:
        file.write(f"# trial {best.number}, {shared.sweep.metric} {best.value:.6g}\n")
        file.write(dump_config(config))
    return path


def _write_importance(shared: SharedStudy, found: Mapping[str, float]) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.4 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    names = list(found)[::-1]
    bars = axes.barh(names, [found[name] for name in names], color="#0072B2")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlim=(0, 1.08), xlabel=f"share of the variance of {shared.sweep.metric}")
    axes.spines[["top", "right"]].set_visible(False)
    path = shared.folder / "importance.png"
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path
