"""Option of ``topo predict`` for relatives, and the search for them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.progress import residues_progress

if TYPE_CHECKING:
    from topo.checkpoint import Checkpoint
    from topo.inference import Settings
    from topo.inference.relatives import Relatives
    from topo.protein import Protein

RelativesSource = Annotated[
    str | None,
    typer.Option(
        help="FASTA file of proteins among which similar ones support each prediction, or self "
        "for the proteins of the input. Needs MMseqs2."
    ),
]
"""Source of relatives."""


def made_with(source: str | None) -> dict[str, Any]:
    """Return what the predictions depend on, for the store of a run that can be resumed."""
    from topo.inference.relatives import SELF
    from topo.io.files import checksum

    if source is None:
        return {}
    return {"relatives": source if source == SELF else checksum(source)}


@contextmanager
def relatives_of(
    source: str | None, proteins: Iterable[Protein], model: Checkpoint, settings: Settings
) -> Iterator[Relatives | None]:
    """Search for the relatives of proteins and score them; None where they are not asked for."""
    from topo.inference.relatives import open_relatives

    if source is None:
        yield None
        return
    progress = residues_progress
    with open_relatives(source, proteins, model, settings, progress=progress) as found:
        print(f"topo: {found.summary()}", file=sys.stderr)
        yield found
