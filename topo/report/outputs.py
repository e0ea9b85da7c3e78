"""Output files of a prediction run: formats, page and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path

from topo.io.output_formats import DEFAULT_FORMATS
from topo.io.writers import Writers, open_writers
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction
from topo.report.pictures import Pictures
from topo.report.predictions_page import open_page


@contextmanager
def open_outputs(
    folder: str | PathLike[str],
    formats: Sequence[str] = DEFAULT_FORMATS,
    *,
    probabilities: str | None = None,
    timestamp: str | None = None,
    title: str = "Membrane topology predictions",
    plots: str | None = None,
    picture_formats: Sequence[str] = ("png",),
    is_wrong: Callable[[Prediction], bool] | None = None,
    extras: Sequence[str] = (),
    scheme: LabelScheme = SIX,
) -> Iterator[Writers]:
    """Open all output files of a prediction run in a folder.

    Parameters
    ----------
    folder, formats, probabilities, timestamp, extras, scheme
        See :func:`topo.io.writers.open_writers`.
    title
        Title of ``report.html``.
    plots, picture_formats, is_wrong
        See :class:`topo.report.pictures.Pictures`; pictures are written to the folder ``plots``.

    Yields
    ------
    Writers
        Writers of all files; call ``write`` with each prediction.

    Raises
    ------
    TopoError
        On an unknown name, or if a file cannot be written.
    """
    pictures = Pictures(Path(folder) / "plots", plots, picture_formats, is_wrong)
    with open_writers(
        folder,
        formats,
        probabilities=probabilities,
        timestamp=timestamp,
        page=partial(open_page, title=title, scheme=scheme),
        extras=extras,
        scheme=scheme,
    ) as writers:
        writers.add(pictures.write)
        yield writers
        pictures.close()
        writers.renamed().extend(pictures.names)
