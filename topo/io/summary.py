"""``summary.tsv``: one row per protein."""

from __future__ import annotations

from os import PathLike

from topo.io.files import open_text, source_name
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.labels import HELIX, SIGNAL, STRAND, TYPES
from topo.protein import Prediction

_COLUMNS = (
    "id",
    "type",
    "length",
    "confidence",
    "signal_peptide_end",
    "helices",
    "strands",
    "n_terminus",
    "c_terminus",
    "topology",
    *(f"p_{kind}" for kind in TYPES),
)
HEADER = "\t".join(_COLUMNS) + "\n"


def summary_record(prediction: Prediction) -> str:
    """Format one row of ``summary.tsv``.

    Residues count from 1. ``topology`` lists the segments as ``S1-18;O19-60``; ``n_terminus`` and
    ``c_terminus`` are the labels of the first and last residue; probabilities and confidence
    have 4 decimals; unknown values are empty.
    """
    segments = prediction.segments
    labels = [segment.label for segment in segments]
    signal = str(segments[0].end) if labels[:1] == [SIGNAL] else ""
    if prediction.type_probabilities is None:
        kinds = [""] * len(TYPES)
    else:
        kinds = [f"{p:.4f}" for p in prediction.type_probabilities.tolist()]
    confidence = "" if prediction.confidence is None else f"{prediction.confidence:.4f}"
    fields = [
        plain_id(prediction.id),
        prediction.type or "",
        str(len(prediction)),
        confidence,
        signal,
        str(labels.count(HELIX)),
        str(labels.count(STRAND)),
        "".join(labels[:1]),
        "".join(labels[-1:]),
        topology_text(prediction),
        *kinds,
    ]
    return "\t".join(fields) + "\n"


def read_confidences(path: str | PathLike[str]) -> dict[str, float]:
    """Read the confidence of each protein of a ``summary.tsv`` by id; unknown ones are 0.

    Raises
    ------
    InputError
        If the file is not a summary or a row is malformed.
    """
    found: dict[str, float] = {}
    place = _COLUMNS.index("confidence")
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        if lines.peek(1) != [HEADER.rstrip()]:
            lines.fail("found another first line, expected that of a summary.tsv", 1)
        next(lines)
        for line in lines:
            cells = line.split("\t")
            try:
                found[cells[0]] = float(cells[place] or 0)
            except (IndexError, ValueError):
                lines.fail(f"found {line[:80]!r}, expected a row of a summary.tsv")
    return found


def topology_text(prediction: Prediction) -> str:
    """Format the segments on one line, 1-based and inclusive: ``S1-18;O19-60``."""
    return ";".join(f"{label}{start + 1}-{end}" for label, start, end in prediction.segments)
