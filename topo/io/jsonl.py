"""JSON lines: everything known about one protein per line.

``metadata`` holds the user's keys and ``protein`` those of topo (fold, similar folds, structure,
type in the header), so that equal names do not meet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from topo.io.alphabets import TOPO, check_letters
from topo.io.lines import Lines
from topo.io.probabilities import rounded
from topo.io.records import check_labels, clean_sequence, without_final_stop
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, own_keys, pop_text


def jsonl_record(prediction: Prediction) -> str:
    """Format everything known about one protein as one line of JSON.

    The id is the original one. Probabilities have 5 decimals and each row still sums to 1;
    type probabilities have 6, and confidence has full precision.
    """
    scheme, types = prediction.scheme, prediction.type_probabilities
    kinds = None if types is None else [round(p, 6) for p in types.tolist()]
    head = {
        "id": prediction.id,
        "sequence": prediction.sequence,
        "labels": prediction.labels,
        "type": prediction.type,
        "confidence": None if prediction.confidence is None else float(prediction.confidence),
        "type_probabilities": None
        if kinds is None
        else dict(zip(scheme.type_names, kinds, strict=True)),
        "metadata": dict(prediction.metadata),
        "protein": own_keys(prediction),
        "probability_order": "".join(scheme.letters),
        **conditional_fields(prediction),
    }
    text = json.dumps(head, default=str, ensure_ascii=False)[:-1]
    text = text.encode("utf-8", "backslashreplace").decode()  # lone surrogates as JSON escapes
    if prediction.probabilities is None:
        return f'{text}, "probabilities": null}}\n'
    rows = ",".join([f"[{','.join(row)}]" for row in rounded(prediction.probabilities)])
    return f'{text}, "probabilities": [{rows}]}}\n'


def conditional_fields(prediction: Prediction) -> dict[str, Any]:
    """Return the fields that only runs with constraints, relatives or alternatives have."""
    fields: dict[str, Any] = {}
    if prediction.constraint_log_probability is not None:
        fields["constraint_log_probability"] = prediction.constraint_log_probability
    if prediction.relatives is not None:
        fields["relatives"] = prediction.relatives
    found = prediction.alternatives
    if found is not None:
        topologies = [topology._asdict() for topology in found.topologies]
        fields["alternatives"] = {**found._asdict(), "topologies": topologies}
    return fields


def parse_jsonl(
    lines: Lines, *, any_letter: bool = False, scheme: LabelScheme = SIX
) -> Iterator[Prediction]:
    """Parse JSON lines; the keys ``id``, ``sequence`` and ``labels`` are required.

    With ``any_letter``, labels may be letters that are none of topo's; a warning names them, and a
    file without any other letter is refused. With another scheme than the built-in one, labels must
    be those of the scheme.
    """
    letters: set[str] = set()
    any_letter = any_letter and scheme is SIX
    for line in lines:
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                lines.fail(f"found no JSON ({error})")
            prediction = _from_json(lines, record, any_letter, scheme)
            letters.update(prediction.labels)
            yield prediction
    if any_letter:
        check_letters(letters, TOPO, lines.source)


def _from_json(lines: Lines, record: Any, any_letter: bool, scheme: LabelScheme) -> Prediction:
    if not isinstance(record, dict):
        lines.fail("expected one JSON object a line")
    for key in ("id", "sequence", "labels"):
        if not isinstance(record.get(key), str):
            lines.fail(f"expected {key!r} with a text")
    labels, kind = record["labels"], record.get("type")
    sequence, source = record["sequence"], lines.source
    sequence, labels = without_final_stop(sequence, labels)
    name = record["id"]
    sequence = clean_sequence(sequence, source, lines.number, name, mask_stops=True)
    check_labels(labels, sequence, source, lines.number, name, any_letter=any_letter, scheme=scheme)
    confidence = record.get("confidence")
    if confidence is not None and not isinstance(confidence, (int, float)):
        lines.fail(f"found confidence {confidence!r}, expected a number")
    kinds = record.get("type_probabilities")
    if isinstance(kinds, dict):
        kinds = [kinds.get(name) for name in scheme.type_names]
    metadata = record.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    own = record.get("protein")
    own = dict(own) if isinstance(own, dict) else metadata  # earlier versions kept both together
    similar = pop_text(own, "similar_folds")
    relatives = record.get("relatives")
    return Prediction(
        name,
        sequence,
        labels,
        kind if kind in scheme.type_names else scheme.type_of(labels),
        _array(
            lines, record.get("probabilities"), (len(labels), len(scheme.letters)), "probabilities"
        ),
        _array(lines, kinds, (len(scheme.types),), "type_probabilities"),
        confidence,
        fold=pop_text(own, "partition"),
        similar_folds=tuple(similar.split(",")) if similar else (),
        header_type=pop_text(own, "header_type"),
        metadata=metadata,
        relatives=relatives if type(relatives) is int else None,
        scheme=scheme,
    )


def _array(lines: Lines, value: Any, shape: tuple[int, ...], what: str) -> np.ndarray | None:
    """Convert a JSON list to float32 of the given shape, or fail."""
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
