"""One protein a line: ``summary.tsv`` and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np

from topo.io.files import open_text, source_name
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.probabilities import rounded
from topo.labels import HELIX, LABELS, SIGNAL, STRAND, TYPES, protein_type
from topo.protein import Prediction, file_metadata, pop_text

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
SUMMARY_HEADER = "\t".join(_COLUMNS) + "\n"


def summary_record(prediction: Prediction) -> str:
    """One row of ``summary.tsv``.

    Residues count from 1. ``topology`` lists the segments as ``S1-18;O19-60``; ``n_terminus`` and
    ``c_terminus`` are the labels of the first and last residue; probabilities and confidence
    have 4 decimals; what is not known is empty.
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
    """Read the confidence of each protein, by id, of a ``summary.tsv``; unknown ones are 0.

    Raises
    ------
    InputError
        If the file is no summary or a row is damaged.
    """
    found: dict[str, float] = {}
    place = _COLUMNS.index("confidence")
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        if lines.peek(1) != [SUMMARY_HEADER.rstrip()]:
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
    """Write the segments on one line, 1-based and inclusive: ``S1-18;O19-60``."""
    return ";".join(f"{label}{start + 1}-{end}" for label, start, end in prediction.segments)


def jsonl_record(prediction: Prediction) -> str:
    """Write one protein, everything that is known of it, as one line of JSON.

    The id is the original one. Probabilities have 5 decimals and each row still sums to 1;
    those of the types have 6, and confidence is written in full.
    """
    kinds = prediction.type_probabilities
    kinds = None if kinds is None else [round(p, 6) for p in kinds.tolist()]
    head = {
        "id": prediction.id,
        "sequence": prediction.sequence,
        "labels": prediction.labels,
        "type": prediction.type,
        "confidence": None if prediction.confidence is None else float(prediction.confidence),
        "type_probabilities": None if kinds is None else dict(zip(TYPES, kinds, strict=True)),
        "metadata": file_metadata(prediction),
        "probability_order": "".join(LABELS),
    }
    text = json.dumps(head, default=str, ensure_ascii=False)[:-1]
    text = text.encode("utf-8", "backslashreplace").decode()  # lone surrogates as JSON escapes
    if prediction.probabilities is None:
        return f'{text}, "probabilities": null}}\n'
    rows = ",".join([f"[{','.join(row)}]" for row in rounded(prediction.probabilities)])
    return f'{text}, "probabilities": [{rows}]}}\n'


def parse_jsonl(lines: Lines, *, any_letter: bool = False) -> Iterator[Prediction]:
    """Read what :func:`jsonl_record` writes; ``id``, ``sequence`` and ``labels`` are required."""
    for line in lines:
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                lines.fail(f"found no JSON ({error})")
            yield _from_json(lines, record, any_letter)


def _from_json(lines: Lines, record: Any, any_letter: bool) -> Prediction:
    if not isinstance(record, dict):
        lines.fail("expected one JSON object a line")
    for key in ("id", "sequence", "labels"):
        if not isinstance(record.get(key), str):
            lines.fail(f"expected {key!r} with a text")
    labels, kind = record["labels"], record.get("type")
    lines.check_labels(labels, len(record["sequence"]), any_letter=any_letter)
    confidence = record.get("confidence")
    if confidence is not None and not isinstance(confidence, (int, float)):
        lines.fail(f"found confidence {confidence!r}, expected a number")
    kinds = record.get("type_probabilities")
    if isinstance(kinds, dict):
        kinds = [kinds.get(name) for name in TYPES]
    metadata = record.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    header_type = metadata.get("header_type")  # keeps its place among the keys
    similar = pop_text(metadata, "similar_folds")
    return Prediction(
        record["id"],
        record["sequence"],
        labels,
        kind if kind in TYPES else protein_type(labels),
        _array(lines, record.get("probabilities"), (len(labels), len(LABELS)), "probabilities"),
        _array(lines, kinds, (len(TYPES),), "type_probabilities"),
        confidence,
        fold=pop_text(metadata, "partition"),
        similar_folds=tuple(similar.split(",")) if similar else (),
        header_type=header_type if isinstance(header_type, str) else None,
        metadata=metadata,
    )


def _array(lines: Lines, value: Any, shape: tuple[int, ...], what: str) -> np.ndarray | None:
    """Turn a JSON list into float32 of the given shape, or fail."""
    if value is None:
        return None
    try:
        array = np.array(value, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.size == 0 and 0 in shape:
        array = array.reshape(shape)
    if array.shape != shape or not np.isfinite(array).all():
        lines.fail(f"expected {what} as numbers of shape {shape}")
    return array
