"""``predictions.json``, the output of DeepTMHMM2: a list with an object for each protein.

=============================  ==================================================================
``id``, ``type``               id and protein type
``membrane_types``             kinds of membrane; topo predicts none, so both lists are empty
``membrane_types_probabilities``
``topology_string``            label of each residue
``segments``                   lists of name, first and last residue, counted from 1
=============================  ==================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from topo.io.alphabets import TOPO, check_letters
from topo.io.lines import Lines
from topo.io.records import LONGEST
from topo.io.tmrs import TERMS, WORDS
from topo.labels import UNKNOWN, protein_type
from topo.protein import Prediction

HEADER, SEPARATOR, FOOTER = "[\n", ",\n", "\n]\n"


def deeptmhmm2_record(prediction: Prediction) -> str:
    """Format the object of one protein, on one line; the id is the original one."""
    segments = [
        [WORDS[label], start + 1, end]
        for label, start, end in prediction.segments
        if label != UNKNOWN
    ]
    record = {
        "id": prediction.id,
        "type": prediction.type,
        "membrane_types": [],
        "membrane_types_probabilities": [],
        "topology_string": prediction.labels,
        "segments": segments,
    }
    return json.dumps(record)


def is_deeptmhmm2(lines: Lines) -> bool:
    """Recognise a JSON list whose first lines have a topology or segments."""
    head = [line[:100_000] for line in lines.peek(40)]
    text = "".join(head).lstrip()
    return text.startswith("[") and ('"topology_string"' in text or '"segments"' in text)


def parse_deeptmhmm2(lines: Lines) -> Iterator[Prediction]:
    """Parse the list; ``id`` and one of ``topology_string`` and ``segments`` are required.

    The sequence, unless there is one, is ``X`` throughout. Residues outside the segments are
    unknown where there is no string. Types follow the letters.
    """
    try:
        records = json.loads(lines.rest())
    except (ValueError, RecursionError) as error:
        lines.fail(f"found no JSON ({error})")
    if not isinstance(records, list):
        lines.fail("expected a JSON list of proteins")
    letters: set[str] = set()
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            lines.fail(f"record {number}: expected an object with an 'id'")
        labels = _labels(lines, record, f"record {number} ({record['id'][:40]})")
        letters.update(labels)
        sequence = record.get("sequence")
        if not isinstance(sequence, str) or len(sequence) != len(labels):
            sequence = "X" * len(labels)
        yield Prediction(record["id"], sequence, labels, protein_type(labels))
    check_letters(letters, TOPO, lines.source)


def _labels(lines: Lines, record: dict[str, Any], place: str) -> str:
    """Return the labels of a record; its string and its segments must agree."""
    text, segments = record.get("topology_string"), record.get("segments")
    if text is None and segments is None:
        lines.fail(f"{place}: expected 'topology_string' or 'segments'")
    if text is not None and (not isinstance(text, str) or not set(text) <= {*WORDS, UNKNOWN}):
        lines.fail(f"{place}: expected a topology_string of the letters {''.join(WORDS)}")
    if segments is None:
        return str(text)
    labels = _join(lines, segments, place, None if text is None else len(text))
    if text is not None and labels != text:
        lines.fail(f"{place}: the segments are not those of the topology_string")
    return labels


def _join(lines: Lines, segments: Any, place: str, length: int | None) -> str:
    if not isinstance(segments, list):
        lines.fail(f"{place}: expected a list of segments")
    labels = ""
    limit = LONGEST if length is None else length
    for segment in segments:
        if not isinstance(segment, list) or len(segment) != 3:
            lines.fail(f"{place}: expected segments of name, first and last residue")
        name, first, last = segment
        letter = TERMS.get(name.lower()) if isinstance(name, str) else None
        if letter is None:
            lines.fail(f"{place}: found segment {str(name)[:40]!r}, expected {', '.join(TERMS)}")
        if type(first) is not int or type(last) is not int:
            lines.fail(f"{place}: expected whole numbers for first and last residue")
        if not len(labels) < first <= last <= limit:
            lines.fail(f"{place}: found residues {first}-{last}, expected them after {len(labels)}")
        if length is None:
            lines.declare(last - len(labels), place)
        labels += UNKNOWN * (first - 1 - len(labels)) + letter * (last - first + 1)
    return labels + UNKNOWN * ((length or 0) - len(labels))
