"""Options of the verbs that read features of residues from a file."""

from __future__ import annotations

from typing import Annotated

import typer

Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="FILE",
        help="Path to an HDF5 file with the features of each protein that the model was trained "
        "with, e.g. embeddings of a language model.",
    ),
]
"""File of features."""

MissingFeatures = Annotated[
    str,
    typer.Option(
        "--missing-features",
        metavar="refuse|mask",
        help="Treatment of proteins without features in the file: refuse (an error lists them) or "
        "mask (they are predicted without features).",
    ),
]
"""What happens to proteins without features."""
