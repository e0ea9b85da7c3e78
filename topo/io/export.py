"""Sequences of the loops on one side of the membrane, as FASTA files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import TextIO

from topo.errors import ConfigError
from topo.io.fasta import wrapped
from topo.io.files import atomic_text
from topo.io.ids import plain_id
from topo.io.signalp import signal_end
from topo.labels import INSIDE, LABEL_NAMES, OUTSIDE, PERIPLASM, SIDES
from topo.protein import Prediction

LABELS_OF = {
    "extracellular": (OUTSIDE,),
    "cytoplasmic": (INSIDE,),
    "periplasmic": (PERIPLASM,),
    "loops": SIDES,
}
"""Labels of the segments that each export holds."""

EXPORTS = (*LABELS_OF, "mature")
"""Names for ``--export``; ``mature`` is every chain without its signal peptide."""


class Exports:
    """Writes the sequences of predictions; made by :func:`open_exports`.

    Attributes
    ----------
    files
        Names of the files.
    """

    def __init__(self, streams: dict[str, TextIO], minimum: int, padding: int) -> None:
        self.files = [_file(name) for name in streams]
        self._streams, self._minimum, self._padding = streams, minimum, padding

    def write(self, prediction: Prediction) -> None:
        """Write the sequences of one protein."""
        for name, stream in self._streams.items():
            stream.write(export_records(prediction, name, self._minimum, self._padding))


def export_records(prediction: Prediction, name: str, minimum: int = 1, padding: int = 0) -> str:
    """Format the sequences of one protein as FASTA.

    The header holds the place of the sequence, counted from 1 and inclusive, and what it is:
    ``>ID/20-45 outside``. With padding it also holds the place of the segment itself.

    Parameters
    ----------
    prediction
        Prediction of the protein.
    name
        One of :data:`EXPORTS`.
    minimum
        Least number of residues of a segment, without padding.
    padding
        Number of residues to add on either side, as far as the chain has them.
    """
    size = len(prediction)
    if name == "mature":
        parts = [("mature", signal_end(prediction), size)]
        padding = 0
    else:
        parts = [
            (LABEL_NAMES[segment.label], segment.start, segment.end)
            for segment in prediction.segments
            if segment.label in LABELS_OF[name]
        ]
    records = []
    for what, start, stop in parts:
        if stop - start < max(minimum, 1):
            continue
        low, high = max(start - padding, 0), min(stop + padding, size)
        own = "" if (low, high) == (start, stop) else f" segment={start + 1}-{stop}"
        place = f"{plain_id(prediction.id)}/{low + 1}-{high}"
        records.append(f">{place} {what}{own}\n{wrapped(prediction.sequence[low:high])}")
    return "".join(records)


@contextmanager
def open_exports(
    folder: str | PathLike[str], names: Sequence[str], minimum: int = 1, padding: int = 0
) -> Iterator[Exports]:
    """Open the files of exports, each named as its export; they replace earlier ones at the end.

    Parameters
    ----------
    folder
        Path to the output folder.
    names
        Names among :data:`EXPORTS`.
    minimum, padding
        As for :func:`export_records`.

    Yields
    ------
    Exports
        Call ``write`` with each prediction.

    Raises
    ------
    TopoError
        If a file cannot be written.
    """
    check_exports(names)
    with ExitStack() as stack:
        streams = {
            name: stack.enter_context(atomic_text(Path(folder) / _file(name)))
            for name in dict.fromkeys(names)
        }
        yield Exports(streams, minimum, padding)


def check_exports(names: Sequence[str]) -> None:
    """Check that all exports exist.

    Raises
    ------
    ConfigError
        If one does not.
    """
    for name in names:
        if name not in EXPORTS:
            raise ConfigError(f"found export {name!r}, expected one of {', '.join(EXPORTS)}")


def _file(name: str) -> str:
    return f"export_{name}.fasta"
