"""Summary table of a prediction run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from topo.labels import MEMBRANE
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction

_NO_TYPE = "no type"


@dataclass
class Counts:
    """Counts of a stream of predictions by type.

    Attributes
    ----------
    proteins, residues, segments
        Number of proteins, residues, and membrane segments (helices and strands) by type.
    confidences
        Sum and number of the known confidences by type.
    """

    proteins: Counter[str] = field(default_factory=Counter)
    residues: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    confidences: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, prediction: Prediction) -> None:
        """Count one prediction."""
        kind = prediction.type or _NO_TYPE
        self.proteins[kind] += 1
        self.residues[kind] += len(prediction)
        membrane = prediction.scheme.alike(*MEMBRANE)
        self.segments[kind] += sum(s.label in membrane for s in prediction.segments)
        if prediction.confidence is not None:
            total, number = self.confidences.get(kind, (0.0, 0))
            self.confidences[kind] = total + float(prediction.confidence), number + 1


def summary_table(counts: Counts, scheme: LabelScheme = SIX) -> Table:
    """Return a table of the counts with one row per type and the sum.

    Parameters
    ----------
    counts
        Counts of all predictions (:meth:`Counts.add`).
    scheme
        Scheme of the types.

    Returns
    -------
    rich.table.Table
        Table for ``rich.print``; types without proteins are shown with 0.
    """
    table = Table(show_footer=True)
    total = sum(counts.proteins.values())
    table.add_column("type", "all")
    for name, count in (
        ("proteins", f"{total:,}"),
        ("share", "100.0 %" if total else "-"),
        ("residues", f"{sum(counts.residues.values()):,}"),
        ("membrane segments", f"{sum(counts.segments.values()):,}"),
        ("mean confidence", _mean(list(counts.confidences.values()))),
    ):
        table.add_column(name, count, justify="right")
    for kind in (*scheme.type_names, *([_NO_TYPE] if counts.proteins[_NO_TYPE] else [])):
        known = counts.confidences.get(kind)
        table.add_row(
            kind,
            f"{counts.proteins[kind]:,}",
            f"{100 * counts.proteins[kind] / total:.1f} %" if total else "-",
            f"{counts.residues[kind]:,}",
            f"{counts.segments[kind]:,}",
            _mean([known] if known else []),
        )
    return table


def _mean(sums: list[tuple[float, int]]) -> str:
    number = sum(count for _, count in sums)
    return f"{sum(total for total, _ in sums) / number:.3f}" if number else "-"
