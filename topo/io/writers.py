"""Writers of predictions by format name, and the files of a run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Protocol, TextIO

from topo.errors import InputWarning
from topo.io.files import atomic_text, output_text
from topo.io.ids import plain_id, renamed_message, write_ids
from topo.io.output_formats import (
    DEFAULT_FORMATS,
    KEEP_IDS,
    TextFormat,
    check_formats,
    check_scheme,
    check_stream_format,
    text_formats,
)
from topo.io.parquet import open_predictions_parquet, open_probabilities_parquet
from topo.io.probabilities import CsvFolder, open_npz
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction

IDS_FILE = "ids.tsv"
INVALID_FILE = "invalid.tsv"


class Writer(Protocol):
    """Object that receives predictions one by one."""

    def write(self, prediction: Prediction) -> None:
        """Write the next prediction."""


PageOpener = Callable[[Path, Sequence[str]], AbstractContextManager[Writer]]
"""Function that opens the writer of ``report.html`` from its path and the names of other files."""


def output_names() -> frozenset[str]:
    """Return the names of all files of a run of predictions, except those of single proteins."""
    texts = {text.file for layouts in text_formats("").values() for text in layouts}
    more = {"predictions.parquet", "probabilities.npz", "probabilities.parquet", "report.html"}
    return frozenset(texts | more | {IDS_FILE, INVALID_FILE})


class Writers:
    """Passes each prediction to all open files; made by :func:`open_writers`.

    Attributes
    ----------
    files
        Names of the files, relative to the folder, in the order of the formats.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        self._writers: list[Callable[[Prediction], None]] = []
        self._renamed: list[tuple[str, str]] = []

    def add(self, write: Callable[[Prediction], None], *files: str) -> None:
        """Add a function that receives every prediction, and the names of the files it writes."""
        self._writers.append(write)
        self.files.extend(files)

    def write(self, prediction: Prediction) -> None:
        """Write one prediction to all files."""
        name = plain_id(prediction.id)
        if name != prediction.id:
            self._renamed.append((prediction.id, name))
        for write in self._writers:
            write(prediction)

    def renamed(self) -> list[tuple[str, str]]:
        """Pairs of id and encoded id, for the ids that plain text formats change."""
        return self._renamed


@contextmanager
def open_writers(
    folder: str | PathLike[str],
    formats: Sequence[str] = DEFAULT_FORMATS,
    *,
    probabilities: str | None = None,
    timestamp: str | None = None,
    page: PageOpener | None = None,
    extras: Sequence[str] = (),
    scheme: LabelScheme = SIX,
) -> Iterator[Writers]:
    """Open the files of a run of predictions; memory does not grow with the sequences.

    All files are written under temporary names and renamed when the block ends without an error;
    otherwise earlier files stay unchanged (only ``*_probs.csv`` are written one by one).

    Parameters
    ----------
    folder
        Path to the output folder; created if missing.
    formats
        Names among :data:`PREDICTION_FORMATS`; a file that several formats share is written once.
    probabilities
        One of :data:`PROBABILITY_FORMATS`, or None to write no probabilities (``deeptmhmm`` always
        writes CSV).
    timestamp
        Time in the header of SignalP's table, ``YYYYMMDDHHMMSS``; by default the current time.
    page
        Function that opens the writer of ``report.html``; needed only by format ``html``
        (:func:`topo.report.outputs.open_outputs` passes it).
    extras
        Keys of :data:`topo.io.summary.EXTRA_COLUMNS`, columns to add to ``summary.tsv`` and
        Parquet.
    scheme
        Label scheme of the predictions. Formats that have the six labels alone get those that
        they are mapped to.

    Yields
    ------
    Writers
        Call ``write`` with each prediction. ``ids.tsv`` is written at the end if an id was
        encoded in a file or file name.

    Raises
    ------
    TopoError
        If a name does not exist, the folder cannot be written, or pyarrow is missing.
    """
    check_formats(formats, probabilities)
    check_scheme(scheme, formats, probabilities)
    folder = Path(folder)
    writers = Writers()
    with ExitStack() as stack:
        texts = text_formats(timestamp or time.strftime("%Y%m%d%H%M%S"), extras, scheme)
        chosen = {text.file: text for name in formats for text in texts.get(name, ())}
        footers: list[tuple[TextIO, str]] = []
        for text in chosen.values():
            stream = stack.enter_context(atomic_text(folder / text.file))
            footers.append((stream, text.footer))
            writers.add(_appender(stream, text), text.file)
        if "parquet" in formats:
            file = "predictions.parquet"
            parquet = stack.enter_context(open_predictions_parquet(folder / file, extras, scheme))
            writers.add(parquet.write, file)
        names = _open_probabilities(stack, folder, writers, formats, probabilities, scheme)
        if "html" in formats:
            if page is None:
                raise ValueError("format html needs a page writer")
            opened = stack.enter_context(page(folder / "report.html", list(writers.files)))
            writers.add(opened.write, "report.html")
        yield writers
        for stream, footer in footers:
            stream.write(footer)
        write_ids(folder / IDS_FILE, [*writers.renamed(), *chain.from_iterable(names)])


@contextmanager
def open_text_writer(
    path: str | PathLike[str],
    form: str,
    *,
    extras: Sequence[str] = (),
    scheme: LabelScheme = SIX,
) -> Iterator[Writers]:
    """Open one file of predictions, or standard output for ``-``, in the format of a single text.

    Parameters
    ----------
    path
        Path to the file.
    form
        Name of a format that :func:`check_stream_format` accepts.
    extras, scheme
        As for :func:`open_writers`.

    Yields
    ------
    Writers
        Call ``write`` with each prediction. If ids are encoded, a warning names one at the end.

    Raises
    ------
    TopoError
        If the format is another one or the file cannot be written.
    """
    check_stream_format(form)
    writers = Writers()
    with output_text(path) as stream:
        (text,) = text_formats("", extras, scheme)[form]
        writers.add(_appender(stream, text), text.file)
        yield writers
        stream.write(text.footer)
    if form not in KEEP_IDS and (renamed := writers.renamed()):
        warnings.warn(renamed_message(path, renamed), InputWarning, stacklevel=2)


def _appender(stream: TextIO, text: TextFormat) -> Callable[[Prediction], None]:
    """Write the header and return the function that writes one record."""
    stream.write(text.header)
    between = ""

    def write(prediction: Prediction) -> None:
        nonlocal between
        stream.write(between + text.record(prediction))
        between = text.separator

    return write if text.own else in_six(write)


def in_six(write: Callable[[Prediction], None]) -> Callable[[Prediction], None]:
    """Return a function that passes predictions on in the six labels."""
    return lambda prediction: write(prediction.in_six())


def _open_probabilities(
    stack: ExitStack,
    folder: Path,
    writers: Writers,
    formats: Sequence[str],
    probabilities: str | None,
    scheme: LabelScheme,
) -> list[list[tuple[str, str]]]:
    """Open the files of probabilities; return their lists of renamed ids."""
    names = []
    if probabilities == "npz":
        npz = stack.enter_context(open_npz(folder / "probabilities.npz"))
        writers.add(npz.write, "probabilities.npz")
        names.append(npz.names)
    elif probabilities == "parquet":
        parquet = stack.enter_context(
            open_probabilities_parquet(folder / "probabilities.parquet", scheme)
        )
        writers.add(parquet.write, "probabilities.parquet")
    if probabilities == "csv" or "deeptmhmm" in formats:
        csv = CsvFolder(folder)
        writers.add(in_six(csv.write))
        names.append(csv.names)
    return names
