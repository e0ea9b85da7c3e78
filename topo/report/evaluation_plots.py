"""Confusion matrices and reliability diagrams of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def evaluation_figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of each confusion matrix and reliability diagram."""
    yield "type_confusion", confusion_figure(metrics["type"]["confusion"], "Protein types")
    yield "residue_confusion", confusion_figure(metrics["residue"]["confusion"], "Residue labels")
    if "type_head" in metrics:
        head = metrics["type_head"]
        yield "type_head_confusion", confusion_figure(head["confusion"], "Type head")
        yield "type_head_reliability", reliability_figure(head["reliability"], "Type head")
    if "reliability" in metrics["residue"]:
        figure = reliability_figure(metrics["residue"]["reliability"], "Residue labels")
        yield "reliability", figure
    if "confidence" in metrics:
        table = metrics["confidence"]["reliability"]
        yield "confidence_reliability", reliability_figure(table, "Topology confidence")


def confusion_figure(confusion: Mapping[str, Any], title: str) -> Figure:
    """Draw a confusion matrix with counts as text, coloured by the fraction of the row."""
    counts = np.array(confusion["counts"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(counts.shape[1]), confusion["predicted"])
    axes.set_yticks(range(counts.shape[0]), confusion["true"])
    axes.set(xlabel="predicted", ylabel="true", title=title)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, label="share of the true")
    return figure


def reliability_figure(table: Mapping[str, Any], title: str) -> Figure:
    """Draw accuracy against mean confidence of each bin; the diagonal is perfect calibration."""
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1)
    axes.plot(table["confidence"], table["accuracy"], marker="o", color="#0072B2")
    axes.set(xlabel="confidence", ylabel="accuracy", title=title, xlim=(0, 1.02), ylim=(0, 1.02))
    return figure
