"""Image files of probability traces and snake diagrams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING

from topo.errors import TopoError
from topo.io.files import atomic_path
from topo.io.ids import FileNames
from topo.protein import Prediction
from topo.report.snake.figure import draw_snake
from topo.report.traces import draw_traces

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE_FORMATS = ("png", "svg", "pdf")
PLOTS = ("none", "wrong", "all")
AUTOMATIC_LIMIT = 50
"""Largest number of proteins for which pictures are drawn by default."""


def save_pictures(
    prediction: Prediction,
    folder: str | PathLike[str],
    name: str | None = None,
    formats: Sequence[str] = ("png",),
    truth: str | None = None,
) -> list[Path]:
    """Save ``NAME_traces`` and ``NAME_snake`` of one protein.

    Parameters
    ----------
    prediction
        Prediction to draw.
    folder
        Path to the output folder; it is created if it does not exist.
    name
        Beginning of the file names; by default the id without characters that are unsafe in file
        names.
    formats
        Formats from :data:`PICTURE_FORMATS`.
    truth
        Known labels, drawn next to the predicted ones.

    Returns
    -------
    list of Path
        Paths to the files.

    Raises
    ------
    TopoError
        If a format is unknown or a file cannot be written.
    """
    if unknown := [form for form in formats if form not in PICTURE_FORMATS]:
        raise TopoError(
            f"unknown picture format {unknown[0]!r}, expected one of {', '.join(PICTURE_FORMATS)}"
        )
    name = name or FileNames().name(prediction.id)
    written = []
    for kind, figure in (
        ("traces", draw_traces(prediction, truth)),
        ("snake", draw_snake(prediction)),
    ):
        for form in formats:
            path = Path(folder) / f"{name}_{kind}.{form}"
            with atomic_path(path) as temporary:
                save_figure(figure, temporary, form)
            written.append(path)
    return written


def save_figure(figure: Figure, path: Path | IO[bytes], form: str) -> None:
    """Save a figure without a date or random names, so that equal figures make equal files."""
    from matplotlib import rc_context

    date = {"svg": "Date", "pdf": "CreationDate"}.get(form)
    with rc_context({"svg.hashsalt": "topo"}):
        figure.savefig(path, format=form, dpi=150, metadata={date: None} if date else None)


class Pictures:
    """Save pictures of a stream of predictions.

    Parameters
    ----------
    folder
        Path to the output folder.
    plots
        Predictions to draw: ``all``, ``wrong`` (those for which ``is_wrong`` is true) or ``none``.
        None draws all of them in :meth:`close` if there are at most :data:`AUTOMATIC_LIMIT`.
    formats
        Formats from :data:`PICTURE_FORMATS`.
    is_wrong
        Function that returns whether a prediction is wrong.

    Attributes
    ----------
    names
        Pairs of an id and the name of its pictures, for names that differ from the id.

    Raises
    ------
    TopoError
        If ``plots`` is unknown, or is ``wrong`` without ``is_wrong``.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        plots: str | None = None,
        formats: Sequence[str] = ("png",),
        is_wrong: Callable[[Prediction], bool] | None = None,
    ) -> None:
        if plots not in (None, *PLOTS):
            raise TopoError(f"unknown choice {plots!r} of plots, expected {', '.join(PLOTS)}")
        if plots == "wrong" and is_wrong is None:
            raise TopoError("plots of wrong predictions need an input with known labels")
        self.names: list[tuple[str, str]] = []
        self._folder = Path(folder)
        self._plots = plots
        self._formats = formats
        self._is_wrong = is_wrong or (lambda _: False)
        self._waiting: list[Prediction] = []
        self._too_many = False
        self._files = FileNames()

    def write(self, prediction: Prediction) -> None:
        """Draw the next prediction, or keep it until the number of predictions is known."""
        if self._plots == "all" or (self._plots == "wrong" and self._is_wrong(prediction)):
            self._save(prediction)
        elif self._plots is None and not self._too_many:
            self._waiting.append(prediction)
            if len(self._waiting) > AUTOMATIC_LIMIT:
                self._too_many, self._waiting = True, []

    def close(self) -> None:
        """Draw the predictions that were kept."""
        for prediction in self._waiting:
            self._save(prediction)
        self._waiting = []

    def _save(self, prediction: Prediction) -> None:
        name = self._files.name(prediction.id)
        if name != prediction.id:
            self.names.append((prediction.id, name))
        save_pictures(prediction, self._folder, name, self._formats)
