"""The self-contained page ``report.html`` of a run of predictions.

The browser draws everything from compact data: an index of all proteins, and blocks of documents
(:func:`topo.report.document.protein_document`), compressed by zlib and encoded as base64.
Probabilities are rounded to 0.01 and stored for the first proteins only, up to
:data:`PROBABILITY_RESIDUES` residues, which the page states; diagrams up to :data:`DIAGRAM_BEADS`
beads, of soluble proteins up to :data:`SOLUBLE_BEADS`. If these proteins have structures, the page
contains their C-alpha atoms and 3Dmol.js (about 540 kB). The page contains no date, so that equal
predictions result in equal pages.
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

from topo.io.files import atomic_text, temporary_text
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction
from topo.report.document import protein_document
from topo.report.panel import (
    color_key,
    color_style,
    list_script,
    panel_html,
    panel_script,
    panel_style,
    viewer_script,
    without_membrane,
)
from topo.report.template import asset, fill_page

PROBABILITY_RESIDUES = 3_000_000
"""Number of residues whose probabilities a page contains, about 3 MB."""
DIAGRAM_BEADS = 3_000_000
"""Number of beads of all diagrams of a page, about 10 MB."""
SOLUBLE_BEADS = 100_000
"""Number of beads of the diagrams of soluble proteins, which are threads without a membrane.

A proteome has many; the limit keeps a page's cost small beside that of the predictions.
"""

_BLOCK = 32
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
SOLUBLE = "GLOB"
"""Type without membrane segments and signal peptide."""


class Page:
    """Collects the predictions of a page; created by :func:`open_page`.

    The index is kept in memory (about 200 bytes per protein), the blocks in a temporary file.
    """

    def __init__(
        self, spool: IO[str], probability_residues: int, scheme: LabelScheme = SIX
    ) -> None:
        self.proteins: list[list[Any]] = []
        self._spool, self._types = spool, scheme.type_names
        self._left = probability_residues
        self._beads_left, self._soluble_left = DIAGRAM_BEADS, SOLUBLE_BEADS
        self._left_out = 0
        self._pending: list[str] = []
        self._blocks = 0
        self.structures = 0

    def write(self, prediction: Prediction) -> None:
        """Add the next protein."""
        known = prediction.probabilities is not None
        traced = known and len(prediction) <= self._left
        self._left_out += known and not traced
        self._left -= len(prediction) if traced else 0
        document = protein_document(
            prediction, probabilities=traced, diagram=self._room(prediction)
        )
        if document["diagram"]:
            beads = sum(len(run) // 2 for _, run in document["diagram"]["runs"])
            self._beads_left -= beads
            self._soluble_left -= beads if prediction.type == SOLUBLE else 0
        self.structures += document["structure"] is not None
        self.proteins.append(
            [
                prediction.id,
                None if prediction.type is None else self._types.index(prediction.type),
                document["confidence"],
                document["topology"],
                document["description"],
                int(traced),
            ]
        )
        self._pending.append(_ENCODE(document))
        if len(self._pending) == _BLOCK:
            self.flush()

    def _room(self, prediction: Prediction) -> bool:
        """Whether there is room for the diagram of a prediction."""
        soluble = prediction.type == SOLUBLE
        return self._beads_left > 0 and (not soluble or self._soluble_left > 0)

    def index(self) -> dict[str, Any]:
        """Return the index; ``left_out`` counts proteins whose probabilities exceed the limit."""
        return {
            "types": self._types,
            "block": _BLOCK,
            "left_out": self._left_out,
            "proteins": self.proteins,
        }

    def flush(self) -> None:
        """Write the pending proteins as one block."""
        if self._pending:
            text = _pack(f"[{','.join(self._pending)}]".encode("ascii"))
            self._spool.write(
                f'<script type="text/plain" id="block-{self._blocks}">{text}</script>\n'
            )
            self._blocks += 1
            self._pending = []


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 3)).decode("ascii")


@contextmanager
def open_page(
    path: str | PathLike[str],
    downloads: Sequence[str] = (),
    *,
    title: str = "Membrane topology predictions",
    probability_residues: int = PROBABILITY_RESIDUES,
    scheme: LabelScheme = SIX,
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
    scheme
        Scheme of the labels of the predictions.

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
        page = Page(spool, probability_residues, scheme)
        yield page
        page.flush()
        spool.seek(0)
        packed = _pack(json.dumps(page.index(), separators=(",", ":")).encode("ascii"))
        template = _template(title, downloads, page.structures > 0, scheme)
        head, tail = template.split("{{blocks}}")
        before, after = head.split("{{index}}")
        with atomic_text(path) as stream:
            stream.write(before + packed + after)
            copyfileobj(spool, stream)
            stream.write(tail)


def _template(
    title: str, downloads: Sequence[str], structures: bool = False, scheme: LabelScheme = SIX
) -> str:
    """Return the page with placeholders for the index and the blocks."""
    scripts = [viewer_script()] if structures else []
    scripts.append(f'"use strict";\n{panel_script(scheme)}\n{list_script(scheme)}')
    return fill_page(
        title,
        without_membrane(asset("predictions.html"), scheme).rstrip("\n"),
        style=panel_style() + color_style(scheme),
        scripts=scripts,
        key=color_key(scheme),
        protein=panel_html(scheme),
        downloads=_links(downloads),
    )


def _links(downloads: Sequence[str]) -> str:
    items = [
        f'<li><a href="{quote(name)}" download>{html.escape(name)}</a></li>' for name in downloads
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""
