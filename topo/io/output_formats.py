"""Formats of predictions by name, and which of them can have which labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from topo._version import __version__
from topo.errors import TopoError
from topo.io import (
    deeptmhmm,
    deeptmhmm2,
    gff3,
    jsonl,
    phobius,
    phobius_long,
    segment_table,
    signalp,
    summary,
    tmbed,
    tmhmm,
    tmrs,
)
from topo.io.three_line import three_line_record
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction

PROGRAM = f"topo-{__version__}"
DEFAULT_FORMATS = ("3line", "tmrs", "gff3", "summary", "html")
PROBABILITY_FORMATS = ("csv", "npz", "parquet")
KEEP_IDS = ("gff3", "jsonl", "parquet")
"""Formats with the original ids."""


class TextFormat(NamedTuple):
    """Layout of a text file with one record per protein.

    ``own`` is whether it has the labels of any scheme, not the six alone.
    """

    file: str
    header: str
    record: Callable[[Prediction], str]
    separator: str = ""
    footer: str = ""
    own: bool = False


def text_formats(
    timestamp: str, extras: Sequence[str] = (), scheme: LabelScheme = SIX
) -> dict[str, list[TextFormat]]:
    """Return the text formats by name; SignalP's table contains ``timestamp``."""
    three_line = TextFormat("predicted_topologies.3line", "", three_line_record, own=True)
    header, record = summary.summary_header(extras, scheme), summary.summary_records(extras)
    segments = segment_table.HEADER, segment_table.segment_records
    tmrs_table = TextFormat("TMRs.gff3", tmrs.HEADER, tmrs.tmrs_record, tmrs.SEPARATOR)
    results = TextFormat(
        "deeptmhmm_results.md", deeptmhmm.results_header(PROGRAM), deeptmhmm.results_record
    )
    signalp_table = TextFormat(
        "prediction_results.txt", signalp.table_header(PROGRAM, timestamp), signalp.signalp_record
    )
    signalp_gff3 = TextFormat(
        "output.gff3", signalp.GFF3_HEADER, signalp.signalp_gff3_records(PROGRAM)
    )
    signalp_regions = TextFormat(
        "region_output.gff3", signalp.GFF3_HEADER, signalp.signalp_region_records(PROGRAM)
    )
    signalp_json = TextFormat(
        "output.json",
        signalp.json_header(PROGRAM, timestamp),
        signalp.signalp_json_records(),
        signalp.JSON_SEPARATOR,
        signalp.JSON_FOOTER,
    )
    processed = TextFormat("processed_entries.fasta", "", signalp.processed_record)
    deeptmhmm2_list = TextFormat(
        "predictions.json",
        deeptmhmm2.HEADER,
        deeptmhmm2.deeptmhmm2_record,
        deeptmhmm2.SEPARATOR,
        deeptmhmm2.FOOTER,
    )
    return {
        "3line": [three_line],
        "tmrs": [tmrs_table],
        "gff3": [TextFormat("topologies.gff3", gff3.HEADER, gff3.gff3_records(PROGRAM), own=True)],
        "summary": [TextFormat("summary.tsv", header, record, own=True)],
        "deeptmhmm": [three_line, tmrs_table, results],
        "deeptmhmm2": [deeptmhmm2_list],
        **{
            f"tmbed{n}": [TextFormat(f"tmbed{n}.pred", "", tmbed.tmbed_records(n))]
            for n in range(5)
        },
        "tmhmm": [TextFormat("tmhmm.short", "", tmhmm.tmhmm_record)],
        "phobius": [TextFormat("phobius.short", phobius.HEADER, phobius.phobius_record)],
        "phobius-long": [TextFormat("phobius.long", "", phobius_long.phobius_long_record)],
        "signalp": [signalp_table, signalp_gff3, signalp_regions, signalp_json, processed],
        "jsonl": [TextFormat("predictions.jsonl", "", jsonl.jsonl_record, own=True)],
        "segments": [TextFormat("segments.tsv", *segments, own=True)],
        "mature": [TextFormat("mature.fasta", "", signalp.mature_record)],
    }


PREDICTION_FORMATS = (*text_formats(""), "parquet", "html")
"""Names for ``--format``."""


def files_of(name: str) -> tuple[str, ...]:
    """Return the names of the files of a format, except those of single proteins."""
    if name in (others := {"parquet": "predictions.parquet", "html": "report.html"}):
        return (others[name],)
    return tuple(text.file for text in text_formats("")[name])


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
    texts = text_formats("").items()
    return (*(name for name, layouts in texts if all(x.own for x in layouts)), "parquet", "html")


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


def check_stream_format(name: str) -> None:
    """Check that a format exists and is a single text, which standard output can take.

    Raises
    ------
    TopoError
        If it does not; the message lists the formats that are.
    """
    check_formats([name])
    texts = {form: found for form, found in text_formats("").items() if len(found) == 1}
    if name not in texts:
        raise TopoError(
            f"found format {name}, expected one of a single text file: {', '.join(texts)}"
        )
