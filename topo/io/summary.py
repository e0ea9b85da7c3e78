"""``summary.tsv``: one row per protein."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from os import PathLike

from topo.io.files import open_text, source_name
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.labels import HELIX, SIGNAL, STRAND
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction
from topo.segments import Segment, to_segments

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
)
HEADER = "\t".join((*_COLUMNS, *(f"p_{kind}" for kind in SIX.type_names))) + "\n"
"""First line for the built-in label scheme."""
EXTRA_COLUMNS = {
    "constraints": ("p_constraints",),
    "alternatives": (
        "alternatives",
        "p_alternatives",
        "p_unlisted",
        "p_flipped",
        "p_n_inside",
        "p_segments",
    ),
    "relatives": ("relatives",),
    "md5": ("md5",),
}
"""Further columns: of runs with constraints, alternatives or relatives, and the hash of the
sequence."""


def summary_header(extras: Sequence[str] = (), scheme: LabelScheme = SIX) -> str:
    """Return the first line, with the columns of some keys of :data:`EXTRA_COLUMNS`.

    A scheme with labels beyond the six has a column ``n_LETTER`` with the number of segments of
    each of them.
    """
    kinds = [f"p_{plain_id(kind)}" for kind in scheme.type_names]
    kinds += [f"n_{letter}" for letter in _own_letters(scheme)]
    more = [column for extra in extras for column in EXTRA_COLUMNS[extra]]
    return "\t".join([*_COLUMNS, *kinds, *more]) + "\n"


def summary_records(extras: Sequence[str]) -> Callable[[Prediction], str]:
    """Return the function that formats a row with the columns of :func:`summary_header`."""
    cells = {
        "constraints": _constraint_cells,
        "alternatives": _alternative_cells,
        "relatives": _relative_cells,
        "md5": lambda prediction: [sequence_md5(prediction.sequence)],
    }

    def record(prediction: Prediction) -> str:
        more = [cell for extra in extras for cell in cells[extra](prediction)]
        return "\t".join([summary_record(prediction).rstrip("\n"), *more]) + "\n"

    return record


def sequence_md5(sequence: str) -> str:
    """Return the MD5 of a sequence, hexadecimal: the key of sequences in InterPro and UniParc."""
    return hashlib.md5(sequence.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _constraint_cells(prediction: Prediction) -> list[str]:
    value = prediction.constraint_log_probability
    return ["" if value is None else f"{math.exp(value):.4g}"]


def _relative_cells(prediction: Prediction) -> list[str]:
    return ["" if prediction.relatives is None else str(prediction.relatives)]


def _alternative_cells(prediction: Prediction) -> list[str]:
    found = prediction.alternatives
    if found is None:
        return [""] * len(EXTRA_COLUMNS["alternatives"])
    return [
        "|".join(segments_text(to_segments(topology.labels)) for topology in found.topologies),
        "|".join(f"{topology.probability:.4f}" for topology in found.topologies),
        f"{found.unlisted:.4f}",
        f"{found.flipped:.4f}",
        f"{found.n_inside:.4f}",
        "|".join(f"{number}:{p:.4f}" for number, p in enumerate(found.segments) if p >= 5e-5),
    ]


def summary_record(prediction: Prediction) -> str:
    """Format one row of ``summary.tsv``.

    Residues count from 1. ``topology`` lists the segments as ``S1-18;O19-60``; ``n_terminus`` and
    ``c_terminus`` are the labels of the first and last residue; probabilities and confidence
    have 4 decimals; unknown values are empty.
    """
    segments = prediction.segments
    labels = [segment.label for segment in segments]
    alike = {x.letter: x.six for x in prediction.scheme.labels}
    six = [alike.get(label) for label in labels]
    cleavage = segments[0].end if six[:1] == [SIGNAL] else None
    if prediction.type_probabilities is None:
        kinds = [""] * len(prediction.scheme.types)
    else:
        kinds = [f"{p:.4f}" for p in prediction.type_probabilities.tolist()]
    confidence = "" if prediction.confidence is None else f"{prediction.confidence:.4f}"
    fields = [
        plain_id(prediction.id),
        prediction.type or "",
        str(len(prediction)),
        confidence,
        "" if cleavage is None else str(cleavage),
        str(six.count(HELIX)),
        str(six.count(STRAND)),
        "".join(labels[:1]),
        "".join(labels[-1:]),
        topology_text(prediction),
        *kinds,
        *(str(labels.count(letter)) for letter in _own_letters(prediction.scheme)),
    ]
    return "\t".join(fields) + "\n"


def _own_letters(scheme: LabelScheme) -> list[str]:
    """Return the letters of a scheme that are not those of the six with their meaning."""
    return [label.letter for label in scheme.labels if label.six != label.letter]


def signal_peptide_end(segments: Sequence[Segment]) -> int | None:
    """Return the last residue of the signal peptide, from 1; None without one."""
    return segments[0].end if segments and segments[0].label == SIGNAL else None


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
        if not "".join(lines.peek(1)).startswith(HEADER.rstrip()):
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
    return segments_text(prediction.segments)


def segments_text(segments: Iterable[Segment]) -> str:
    """Format segments on one line as :func:`topology_text` does."""
    return ";".join(f"{label}{start + 1}-{end}" for label, start, end in segments)
