"""Training curves of a run."""

from __future__ import annotations

import math

from topo.io.files import atomic_path, remove_temporary
from topo.runs import Run

PANELS = {
    "loss": ("train_loss", "val_loss"),
    "accuracy": ("val_residue_accuracy", "val_type_accuracy_macro", "val_topology_accuracy_macro"),
    "gradient norm": ("gradient_norm", "gradient_norm_max"),
    "learning rate": ("learning_rate",),
}
"""Columns of ``history.csv`` in each panel, by its title."""


def draw_curves(run: Run) -> None:
    """Draw ``history.csv`` to ``curves.png`` in the folder of the run.

    What a killed process has left of an earlier drawing is removed, so that one process draws the
    curves of a run at a time.
    """
    from matplotlib.figure import Figure

    target = run.path / "curves.png"
    remove_temporary(run.path, (target.name,))
    history = run.history()
    epochs = [row["epoch"] + 1 for row in history]
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (title, columns) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for column in columns:
            axes.plot(
                epochs, [row.get(column, math.nan) for row in history], label=column, marker="."
            )
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    with atomic_path(target) as path:
        figure.savefig(path, dpi=120)
