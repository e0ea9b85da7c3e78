"""Options of ``topo predict`` for constraints, alternatives and exported sequences."""

from __future__ import annotations

from typing import Annotated

import typer

ConstraintFile = Annotated[
    str | None,
    typer.Option(
        help="Path to a table of constraints (id, first, last, what), or to features as GFF3 or "
        "Swiss-Prot records. Predictions are conditional on them."
    ),
]
"""File of constraints."""

ConstraintFormat = Annotated[
    str,
    typer.Option(
        "--constraints-format",
        help="Format of the constraints: table, gff3, swissprot, or auto (by the first lines).",
    ),
]
"""Format of the file of constraints."""

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
