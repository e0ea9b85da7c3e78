"""``report.html``: one self-contained page for a run of predictions.

The browser draws everything from compact data: an index of all proteins, and blocks of sequences
and probabilities, each zlib data as base64. Probabilities are rounded to 0.01, and kept for the
first proteins only, up to :data:`PROBABILITY_RESIDUES` residues; the page says so. Where those have
structures, the page holds their C-alphas and 3Dmol.js (some 540 kB) to show them. There is no date
in it, so that equal predictions give equal pages.
"""

from __future__ import annotations

import base64
import html
import json
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from os import PathLike
from shutil import copyfileobj
from typing import IO, Any
from urllib.parse import quote

import numpy as np

from topo._version import __version__
from topo.io.files import atomic_text
from topo.labels import LABEL_NAMES, TYPE_INDEX, TYPES
from topo.protein import Prediction
from topo.report.palette import LABEL_COLORS

PROBABILITY_RESIDUES = 3_000_000
"""Residues whose probabilities a page holds; some 3 MB of it."""

_BLOCK = 64
_FAR = 32767
"""Largest coordinate a page holds, in 0.1 angstrom; one less than its negative is unknown."""

_SCRIPTS = ("data.js", "draw.js", "table.js", "structure.js", "main.js")


class Page:
    """Gathers predictions for the page; made by :func:`open_page`.

    The index stays in memory (some 200 bytes a protein), the blocks go to a temporary file.
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
        """Gather what is said of all proteins; ``left_out`` have probabilities that do not fit."""
        return {
            "types": TYPES,
            "block": _BLOCK,
            "left_out": self._left_out,
            "proteins": self.proteins,
        }

    def _write_structure(self, coordinates: np.ndarray) -> None:
        """Keep C-alphas (R, 3), to 0.1 angstrom about their middle."""
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
    """Probabilities (R, 6) as whole per cent, one label after the other."""
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
    """Open ``report.html`` for writing; it is put together when the block ends well.

    Parameters
    ----------
    path
        The page.
    downloads
        Names of files beside the page that it links to.
    title
        Its heading.
    probability_residues
        Residues whose probabilities the page may hold.

    Yields
    ------
    Page
        Call ``write`` with each prediction.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    with tempfile.TemporaryFile("w+", encoding="ascii") as spool:
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
    """Fill in everything but the data."""
    assets = files("topo.report").joinpath("page")

    def asset(name: str) -> str:
        return assets.joinpath(name).read_text(encoding="utf-8")

    script = "\n".join(asset(name) for name in _SCRIPTS)
    script = script.replace("{{colors}}", json.dumps(LABEL_COLORS))
    script = script.replace("{{names}}", json.dumps(LABEL_NAMES))
    fields = {
        "title": html.escape(title),
        "program": f"topo {__version__}",
        "downloads": _links(downloads),
        "style": asset("style.css"),
        "viewer": f"<script>\n{_viewer(asset)}</script>" if structures else "",
        "script": f'"use strict";\n{script}',
    }
    text = asset("page.html")
    for name, value in fields.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _viewer(asset: Callable[[str], str]) -> str:
    """Return 3Dmol.js with its licence."""
    return f"/*!\n{asset('3Dmol-LICENSE.txt').replace('*/', '* /')}*/\n{asset('3Dmol-min.js')}\n"


def _links(downloads: Sequence[str]) -> str:
    items = [
        f'<li><a href="{quote(name)}" download>{html.escape(name)}</a></li>' for name in downloads
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""
