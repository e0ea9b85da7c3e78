"""Options of ``topo predict`` for constraints, alternatives and exported sequences."""

from __future__ import annotations

from typing import Annotated

import typer

ConstraintTable = Annotated[
    str | None,
    typer.Option(
        help="Path to a table of constraints: id, first, last, what. Predictions are conditional "
        "on them."
    ),
]
"""Table of constraints."""

Fixed = Annotated[
    list[str] | None,
    typer.Option(
        help="Constraint on a single protein: 1-20:inside, 45:outside, 1-22:signal, "
        "100-140:no-membrane, N-term:in, C-term:out, 'type:TM|SP+TM' or segments:7. May be "
        "repeated."
    ),
]
"""Constraints on the only protein."""

AlternativeCount = Annotated[
    int,
    typer.Option(
        help="Number of topologies to list for each protein with their probabilities, in "
        "summary.tsv and JSON lines. At most 100."
    ),
]
"""Number of alternatives."""

ExportNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Sequences to write as FASTA: extracellular, cytoplasmic, periplasmic, loops, or "
        "mature (chains without signal peptide). May be repeated."
    ),
]
"""Names of exported sequences."""

ExportMinimum = Annotated[
    int, typer.Option(min=1, help="Minimum length of an exported segment, in residues.")
]
"""Least length of exported segments."""

ExportPadding = Annotated[
    int,
    typer.Option(min=0, help="Number of residues to add on either side of an exported segment."),
]
"""Residues around exported segments."""
