"""The self-contained page ``report.html`` of a run of predictions.

The browser draws everything from compact data: an index of all proteins, and blocks of sequences
and probabilities, compressed by zlib and encoded as base64. Probabilities are rounded to 0.01 and
stored for the first proteins only, up to :data:`PROBABILITY_RESIDUES` residues, which the page
states. If these proteins have structures, the page contains their C-alpha atoms and 3Dmol.js (about
540 kB). The page contains no date, so that equal predictions result in equal pages.
"""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from shutil import copyfileobj
from typing import IO, Any
from urllib.parse import quote

import numpy as np

from topo.io.files import atomic_text, temporary_text
from topo.labels import LABEL_NAMES, TYPE_INDEX, TYPES
from topo.protein import Prediction
from topo.report.palette import LABEL_COLORS
from topo.report.template import asset, fill_page

PROBABILITY_RESIDUES = 3_000_000
"""Number of residues whose probabilities a page contains, about 3 MB."""

_BLOCK = 64
_FAR = 32767
"""Largest coordinate in a page, in 0.1 angstrom; -_FAR - 1 encodes an unknown coordinate."""

_SCRIPTS = ("data.js", "draw.js", "table.js", "structure.js", "main.js")


class Page:
    """Collects the predictions of a page; created by :func:`open_page`.

    The index is kept in memory (about 200 bytes per protein), the blocks in a temporary file.
    """

    def __init__(self, spool: IO[str], probability_residues: int) -> None:
        self.proteins: list[list[Any]] = []
        self._spool = spool
        self._left = probability_residues
        self._left_out = 0
        self._pending: list[bytes] = []
        self._blocks = 0
        self.structures = 0

    def write(self, prediction: Prediction) -> None:
        """Add the next protein."""
        known = prediction.probabilities is not None
        traced = known and len(prediction) <= self._left
        self._left_out += known and not traced
        self._left -= len(prediction) if traced else 0
        topology = "".join(f"{s.label}{s.length}" for s in prediction.segments)
        confidence = prediction.confidence
        self.proteins.append(
            [
                prediction.id,
                None if prediction.type is None else TYPE_INDEX[prediction.type],
                None if confidence is None else round(float(confidence), 4),
                topology,
                int(traced),
            ]
        )
        self._pending.append(prediction.sequence.encode("ascii", "replace"))
        if traced:
            self._pending.append(_percent(prediction.probabilities))
        info = prediction.structure
        if traced and info is not None:
            self._write_structure(info.coordinates)
        if len(self.proteins) % _BLOCK == 0:
            self.flush()

    def index(self) -> dict[str, Any]:
        """Return the index; ``left_out`` counts proteins whose probabilities exceed the limit."""
        return {
            "types": TYPES,
            "block": _BLOCK,
            "left_out": self._left_out,
            "proteins": self.proteins,
        }

    def _write_structure(self, coordinates: np.ndarray) -> None:
        """Write C-alpha coordinates (R, 3), centred, rounded to 0.1 angstrom."""
        around = coordinates - np.nanmean(coordinates, axis=0)
        tenths = np.nan_to_num(np.rint(10 * around).clip(-_FAR, _FAR), nan=-_FAR - 1)
        text = _pack(tenths.astype("<i2").tobytes())
        at = len(self.proteins) - 1
        self._spool.write(f'<script type="text/plain" id="structure-{at}">{text}</script>\n')
        self.structures += 1

    def flush(self) -> None:
        """Write the pending proteins as one block."""
        if self._pending:
            text = _pack(b"".join(self._pending))
            self._spool.write(
                f'<script type="text/plain" id="block-{self._blocks}">{text}</script>\n'
            )
            self._blocks += 1
            self._pending = []


def _percent(probabilities: np.ndarray | None) -> bytes:
    """Encode probabilities (R, 6) as integer per cent, label by label."""
    percent = np.rint(np.asarray(probabilities).T.clip(0, 1) * 100)
    return percent.astype(np.uint8).tobytes()


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


@contextmanager
def open_page(
    path: str | PathLike[str],
    downloads: Sequence[str] = (),
    *,
    title: str = "Membrane topology predictions",
    probability_residues: int = PROBABILITY_RESIDUES,
) -> Iterator[Page]:
    """Open ``report.html`` for writing; the page is assembled when the block ends without error.

    Parameters
    ----------
    path
        Path to the page.
    downloads
        Names of files in the same folder that the page links to.
    title
        Title of the page.
    probability_residues
        Largest number of residues whose probabilities the page contains.

    Yields
    ------
    Page
        Collector of predictions; call its ``write`` with each prediction.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    with temporary_text() as spool:
        page = Page(spool, probability_residues)
        yield page
        page.flush()
        spool.seek(0)
        packed = _pack(json.dumps(page.index(), separators=(",", ":")).encode("ascii"))
        head, tail = _template(title, downloads, page.structures > 0).split("{{blocks}}")
        before, after = head.split("{{index}}")
        with atomic_text(path) as stream:
            stream.write(before + packed + after)
            copyfileobj(spool, stream)
            stream.write(tail)


def _template(title: str, downloads: Sequence[str], structures: bool = False) -> str:
    """Return the page with placeholders for the index and the blocks."""
    script = "\n".join(asset(name) for name in _SCRIPTS)
    script = script.replace("{{colors}}", json.dumps(LABEL_COLORS))
    script = script.replace("{{names}}", json.dumps(LABEL_NAMES))
    return fill_page(
        title,
        asset("predictions.html").rstrip("\n"),
        downloads=_links(downloads),
        viewer=f"<script>\n{_viewer()}</script>" if structures else "",
        script=f'"use strict";\n{script}',
    )


def _viewer() -> str:
    """Return 3Dmol.js with its licence and those of the programs that it contains."""
    texts = "\n".join(asset(f"3Dmol-{name}.txt") for name in ("LICENSE", "THIRD-PARTY"))
    return f"/*!\n{texts.replace('*/', '* /')}*/\n{asset('3Dmol-min.js')}\n"


def _links(downloads: Sequence[str]) -> str:
    items = [
        f'<li><a href="{quote(name)}" download>{html.escape(name)}</a></li>' for name in downloads
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""
