"""Writers of predictions by format name, and the files of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from topo._version import __version__
from topo.errors import TopoError
from topo.io import (
    deeptmhmm,
    gff3,
    jsonl,
    phobius,
    segment_table,
    signalp,
    summary,
    tmbed,
    tmhmm,
    tmrs,
)
from topo.io.files import atomic_text
from topo.io.ids import plain_id, write_ids
from topo.io.parquet import open_predictions_parquet, open_probabilities_parquet
from topo.io.probabilities import CsvFolder, open_npz
from topo.io.three_line import three_line_record
from topo.protein import Prediction

PROGRAM = f"topo-{__version__}"
DEFAULT_FORMATS = ("3line", "tmrs", "gff3", "summary", "html")
PROBABILITY_FORMATS = ("csv", "npz", "parquet")
IDS_FILE = "ids.tsv"
INVALID_FILE = "invalid.tsv"


class Writer(Protocol):
    """Object that receives predictions one by one."""

    def write(self, prediction: Prediction) -> None:
        """Write the next prediction."""


PageOpener = Callable[[Path, Sequence[str]], AbstractContextManager[Writer]]
"""Function that opens the writer of ``report.html`` from its path and the names of other files."""


class _Text(NamedTuple):
    """Layout of a text file with one record per protein."""

    file: str
    header: str
    record: Callable[[Prediction], str]
    separator: str = ""


def _text_formats(timestamp: str, extras: Sequence[str] = ()) -> dict[str, list[_Text]]:
    """Return the text formats by name; SignalP's table contains ``timestamp``."""
    three_line = _Text("predicted_topologies.3line", "", three_line_record)
    tmrs_table = _Text("TMRs.gff3", tmrs.HEADER, tmrs.tmrs_record, tmrs.SEPARATOR)
    results = _Text(
        "deeptmhmm_results.md", deeptmhmm.results_header(PROGRAM), deeptmhmm.results_record
    )
    signalp_table = _Text(
        "prediction_results.txt", signalp.table_header(PROGRAM, timestamp), signalp.signalp_record
    )
    signalp_gff3 = _Text("output.gff3", signalp.GFF3_HEADER, signalp.signalp_gff3_records(PROGRAM))
    return {
        "3line": [three_line],
        "tmrs": [tmrs_table],
        "gff3": [_Text("topologies.gff3", gff3.HEADER, gff3.gff3_records(PROGRAM))],
        "summary": [
            _Text("summary.tsv", summary.summary_header(extras), summary.summary_records(extras))
        ],
        "deeptmhmm": [three_line, tmrs_table, results],
        **{f"tmbed{n}": [_Text(f"tmbed{n}.pred", "", tmbed.tmbed_records(n))] for n in range(5)},
        "tmhmm": [_Text("tmhmm.short", "", tmhmm.tmhmm_record)],
        "phobius": [_Text("phobius.short", phobius.HEADER, phobius.phobius_record)],
        "signalp": [signalp_table, signalp_gff3],
        "jsonl": [_Text("predictions.jsonl", "", jsonl.jsonl_record)],
        "segments": [_Text("segments.tsv", segment_table.HEADER, segment_table.segment_records)],
        "mature": [_Text("mature.fasta", "", signalp.mature_record)],
    }


PREDICTION_FORMATS = (*_text_formats(""), "parquet", "html")
"""Names for ``--format``."""


def check_formats(formats: Sequence[str], probabilities: str | None = None) -> None:
    """Check that all format names exist.

    Raises
    ------
    TopoError
        If one does not; the message lists the known names.
    """
    for name in formats:
        if name not in PREDICTION_FORMATS:
            raise TopoError(
                f"unknown format {name!r}, expected one of {', '.join(PREDICTION_FORMATS)}"
            )
    if probabilities is not None and probabilities not in PROBABILITY_FORMATS:
        raise TopoError(
            f"unknown format {probabilities!r} for probabilities, "
            f"expected one of {', '.join(PROBABILITY_FORMATS)}"
        )


def files_of(name: str) -> tuple[str, ...]:
    """Return the names of the files of a format, except those of single proteins."""
    if name in (others := {"parquet": "predictions.parquet", "html": "report.html"}):
        return (others[name],)
    return tuple(text.file for text in _text_formats("")[name])


def output_names() -> frozenset[str]:
    """Return the names of all files of a run of predictions, except those of single proteins."""
    texts = {text.file for layouts in _text_formats("").values() for text in layouts}
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
    folder = Path(folder)
    writers = Writers()
    with ExitStack() as stack:
        texts = _text_formats(timestamp or time.strftime("%Y%m%d%H%M%S"), extras)
        chosen = {text.file: text for name in formats for text in texts.get(name, ())}
        for text in chosen.values():
            stream = stack.enter_context(atomic_text(folder / text.file))
            writers.add(_appender(stream, text), text.file)
        if "parquet" in formats:
            file = "predictions.parquet"
            parquet = stack.enter_context(open_predictions_parquet(folder / file, extras))
            writers.add(parquet.write, file)
        names = _open_probabilities(stack, folder, writers, formats, probabilities)
        if "html" in formats:
            if page is None:
                raise ValueError("format html needs a page writer")
            opened = stack.enter_context(page(folder / "report.html", list(writers.files)))
            writers.add(opened.write, "report.html")
        yield writers
        write_ids(folder / IDS_FILE, [*writers.renamed(), *chain.from_iterable(names)])


def _appender(stream: TextIO, text: _Text) -> Callable[[Prediction], None]:
    """Write the header and return the function that writes one record."""
    stream.write(text.header)
    between = ""

    def write(prediction: Prediction) -> None:
        nonlocal between
        stream.write(between + text.record(prediction))
        between = text.separator

    return write


def _open_probabilities(
    stack: ExitStack,
    folder: Path,
    writers: Writers,
    formats: Sequence[str],
    probabilities: str | None,
) -> list[list[tuple[str, str]]]:
    """Open the files of probabilities; return their lists of renamed ids."""
    names = []
    if probabilities == "npz":
        npz = stack.enter_context(open_npz(folder / "probabilities.npz"))
        writers.add(npz.write, "probabilities.npz")
        names.append(npz.names)
    elif probabilities == "parquet":
        parquet = stack.enter_context(open_probabilities_parquet(folder / "probabilities.parquet"))
        writers.add(parquet.write, "probabilities.parquet")
    if probabilities == "csv" or "deeptmhmm" in formats:
        csv = CsvFolder(folder)
        writers.add(csv.write)
        names.append(csv.names)
    return names
