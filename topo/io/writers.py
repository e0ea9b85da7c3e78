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
from topo.labels.scheme import SIX, LabelScheme
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
    """Layout of a text file with one record per protein.

    ``own`` is whether it has the labels of any scheme, not the six alone.
    """

    file: str
    header: str
    record: Callable[[Prediction], str]
    separator: str = ""
    own: bool = False


def _text_formats(
    timestamp: str, extras: Sequence[str] = (), scheme: LabelScheme = SIX
) -> dict[str, list[_Text]]:
    """Return the text formats by name; SignalP's table contains ``timestamp``."""
    three_line = _Text("predicted_topologies.3line", "", three_line_record, own=True)
    header, record = summary.summary_header(extras, scheme), summary.summary_records(extras)
    segments = segment_table.HEADER, segment_table.segment_records
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
        "gff3": [_Text("topologies.gff3", gff3.HEADER, gff3.gff3_records(PROGRAM), own=True)],
        "summary": [_Text("summary.tsv", header, record, own=True)],
        "deeptmhmm": [three_line, tmrs_table, results],
        **{f"tmbed{n}": [_Text(f"tmbed{n}.pred", "", tmbed.tmbed_records(n))] for n in range(5)},
        "tmhmm": [_Text("tmhmm.short", "", tmhmm.tmhmm_record)],
        "phobius": [_Text("phobius.short", phobius.HEADER, phobius.phobius_record)],
        "signalp": [signalp_table, signalp_gff3],
        "jsonl": [_Text("predictions.jsonl", "", jsonl.jsonl_record, own=True)],
        "segments": [_Text("segments.tsv", *segments, own=True)],
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


def own_label_formats() -> tuple[str, ...]:
    """Return the names of the formats that have the labels of any scheme, in order."""
    texts = _text_formats("").items()
    return (*(name for name, layouts in texts if all(x.own for x in layouts)), "parquet")


def check_scheme(
    scheme: LabelScheme, formats: Sequence[str], probabilities: str | None = None
) -> None:
    """Check that formats can have the labels of a scheme, or the six that they are mapped to.

    Raises
    ------
    TopoError
        If one has the six labels alone and the scheme has no such equivalents.
    """
    own = own_label_formats()
    if scheme.is_mapped:
        return
    for name in (*formats, *([probabilities] if probabilities == "csv" else [])):
        if name not in own:
            raise TopoError(
                f"format {name} has the labels {' '.join(SIX.letters)} alone and the model has "
                f"{' '.join(scheme.letters)}; expected some of {', '.join(own)}"
            )


def default_formats(scheme: LabelScheme) -> list[str]:
    """Return the default formats for predictions with the labels of a scheme."""
    own = own_label_formats()
    return [name for name in DEFAULT_FORMATS if scheme.is_mapped or name in own]


def written_scheme(scheme: LabelScheme, labels: str) -> LabelScheme:
    """Return the scheme to write, of a model with a scheme.

    Parameters
    ----------
    scheme
        Scheme of the model.
    labels
        ``extended`` for the model's own labels, ``six`` for the six that they are mapped to.

    Raises
    ------
    TopoError
        If there is no such choice, or the labels have no six-letter equivalents.
    """
    if labels not in ("six", "extended"):
        raise TopoError(f"--labels: found {labels!r}, expected six or extended")
    if labels == "extended":
        return scheme
    if not scheme.is_mapped:
        own = " ".join(scheme.letters)
        raise TopoError(f"--labels six: the labels of the model, {own}, are not mapped to the six")
    return SIX


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
        texts = _text_formats(timestamp or time.strftime("%Y%m%d%H%M%S"), extras, scheme)
        chosen = {text.file: text for name in formats for text in texts.get(name, ())}
        for text in chosen.values():
            stream = stack.enter_context(atomic_text(folder / text.file))
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
            writers.add(in_six(opened.write), "report.html")
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
