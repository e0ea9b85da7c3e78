"""A prediction in words: the answer in one sentence, the sides of the ends, the accession."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from topo.io.sides import sides_around
from topo.labels import HELIX, LABEL_NAMES, MEMBRANE, SIDES, SIGNAL, STRAND, TYPES, UNKNOWN
from topo.labels.scheme import SIDE, SIX, LabelScheme
from topo.protein import Prediction
from topo.segments import Segment, to_segments

_ACCESSION = "[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}"
_IDS = (
    re.compile(rf"({_ACCESSION})(?:[-.][0-9]+)?"),
    re.compile(rf"(?:sp|tr)\|({_ACCESSION})(?:-[0-9]+)?(?:\|.*)?"),
    re.compile(rf"AF-({_ACCESSION})-F[0-9]+(?:-.*)?"),
    re.compile(rf"UniRef[0-9]+_({_ACCESSION})"),
)
"""Forms of ids that contain a UniProt accession (UniProt's own pattern)."""


def answer(labels: str, kind: str | None, scheme: LabelScheme = SIX) -> str:
    """Return one sentence, without its full stop, on a topology with the labels of a scheme.

    Labels beyond the six are counted after what the six say. Where they have no such meaning, the
    sentence has the type and the number of segments of each label.

    Examples
    --------
    >>> answer("S" * 22 + "O" * 30 + "M" * 21 + "I" * 9, "SP+TM")
    'Helical membrane protein, 1 helix, N-terminus outside; signal peptide 1-22'
    """
    if scheme is not SIX:
        return _own_answer(labels, kind, scheme)
    segments = to_segments(labels)
    helices = sum(segment.label == HELIX for segment in segments)
    strands = sum(segment.label == STRAND for segment in segments)
    begin, _ = ends(segments)
    if kind is None:
        text = "No type, because the labels are not those of a legal topology"
    elif strands:
        where = "in the periplasm" if begin == "periplasm" else begin
        text = f"Outer-membrane barrel, {_count(strands, 'strand', 'strands')}, N-terminus {where}"
    elif helices:
        number = _count(helices, "helix", "helices")
        text = f"Helical membrane protein, {number}, N-terminus {begin}"
    elif segments and segments[0].label == SIGNAL:
        text = "Secreted protein, no membrane segment"
    else:
        text = "Soluble protein, no membrane segment and no signal peptide"
    if segments and segments[0].label == SIGNAL:
        text += f"; signal peptide 1-{segments[0].end}"
    return text


def _own_answer(labels: str, kind: str | None, scheme: LabelScheme) -> str:
    segments = to_segments(labels)
    numbers = Counter(segment.label for segment in segments)
    own = [label for label in scheme.labels if label.six != label.letter and numbers[label.letter]]
    counts = [_count(numbers[x.letter], x.name, f"{x.name}s") for x in own]
    if scheme.is_mapped:
        six = scheme.to_six(labels)
        words = answer(six, kind if kind in TYPES else SIX.type_of(six))
        if scheme.alike(SIDE) & numbers.keys() and words.startswith("Soluble"):
            words = "No segment crosses the membrane"
        return "; ".join([words, *counts])
    number = _count(len(segments), "segment", "segments")
    return f"Type {kind}, {number}" + (f": {', '.join(counts)}" if counts else "")


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def ends(segments: Sequence[Segment]) -> tuple[str, str]:
    """Return the names of the sides of the N-terminus (of the mature chain) and the C-terminus.

    An end in the membrane has the side that its segment comes from or leads to.
    """
    mature = [k for k, segment in enumerate(segments) if segment.label != SIGNAL]
    if not mature:
        return LABEL_NAMES[UNKNOWN], LABEL_NAMES[UNKNOWN]
    return _side(segments, mature[0], 0), _side(segments, mature[-1], 1)


def end_names(labels: str, scheme: LabelScheme = SIX) -> tuple[str, str]:
    """Return :func:`ends` of labels of a scheme; the names of the end labels if it has no sides."""
    if scheme.is_mapped:
        return ends(to_segments(labels if scheme is SIX else scheme.to_six(labels)))
    names = {**{label.letter: label.name for label in scheme.labels}, UNKNOWN: LABEL_NAMES[UNKNOWN]}
    return (names[labels[0]], names[labels[-1]]) if labels else (names[UNKNOWN], names[UNKNOWN])


def _side(segments: Sequence[Segment], index: int, end: int) -> str:
    label = segments[index].label
    if label in MEMBRANE:
        label = sides_around(segments, index)[end]
    return LABEL_NAMES[label if label in SIDES else UNKNOWN]


def accession(identifier: str) -> str | None:
    """Return the UniProt accession in an id, or None."""
    for pattern in _IDS:
        if found := pattern.fullmatch(identifier):
            return found[1]
    return None


def description(prediction: Prediction) -> str:
    """Return the description of a protein from its file, without the id at its beginning."""
    text = " ".join(str(prediction.metadata.get("description", "")).split())
    first, _, rest = text.partition(" ")
    return rest if first == prediction.id else text
