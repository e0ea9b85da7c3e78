"""Swiss-Prot flat files of any age, and the rules that turn their features into labels.

==================================================  =====================================
feature                                             label
==================================================  =====================================
SIGNAL                                              S
TRANSMEM, helical or (old records) of no kind       M
TRANSMEM, beta stranded                             B
TOPO_DOM cytoplasmic, matrix, stromal, nuclear ...  I
TOPO_DOM extracellular, lumenal, vacuolar ...       O
TOPO_DOM periplasmic                                O, in a barrel P
after SIGNAL where nothing spans the membrane       O
no such feature, and found only in the cytoplasm    I throughout
or nucleus
all else                                            ``-``, or what the grammar leaves
==================================================  =====================================

In a barrel only the words extracellular and periplasmic say a side. Old records hold the words
of a feature as plain text and topological domains as DOMAIN, new ones as ``/note``; both are
read; where old records state no kind of segment, a protein of an outer membrane stays without
labels. A re-entrant loop (INTRAMEM) gets no label of its own. A record about which the rules say
nothing, or whose features no legal topology has, comes with ``labels=None``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import StringIO
from os import PathLike
from typing import Any, NamedTuple

from topo.errors import InputError
from topo.io.files import open_text, source_name
from topo.io.lines import Lines
from topo.io.records import clean_sequence, finish_records
from topo.labels import HELIX, INSIDE, OUTSIDE, PERIPLASM, SIGNAL, STRAND, UNKNOWN
from topo.protein import Protein

_END = "//"
_SIDES = {
    INSIDE: (
        "cytoplasmic",
        "mother cell cytoplasmic",
        "mitochondrial matrix",
        "stromal",
        "nuclear",
        "intravirion",
    ),
    OUTSIDE: (
        "extracellular",
        "exoplasmic",
        "lumenal",
        "vacuolar",
        "vesicular",
        "peroxisomal",
        "perinuclear space",
        "periplasmic",
        "mitochondrial intermembrane",
        "chloroplast intermembrane",
        "forespore intermembrane",
        "virion surface",
    ),
}
_BARREL_SIDES = {OUTSIDE: ("extracellular",), PERIPLASM: ("periplasmic",)}
_SOLUBLE_PLACES = ("cytoplasm", "cytosol", "nucle", "chromosome")
_KIND = re.compile("helical|beta strand|anchor")
_NOT_SOLUBLE = re.compile(r"membrane|vesic|envelope")
_ASIDE = re.compile(r"\{[^}]*\}|\([^)]*\)|\[?isoform [^:\]]*\]?:")


class Feature(NamedTuple):
    """A feature that bears on topology: half-open, 0-based."""

    key: str
    start: int
    end: int
    note: str


def read_swissprot(path: str | PathLike[str]) -> Iterator[Protein]:
    """Read Swiss-Prot records one by one; the module's docstring states the labelling rules.

    Parameters
    ----------
    path
        A file, plain or gzip, or ``-`` for standard input.

    Yields
    ------
    Protein
        Named by its primary accession; ``metadata`` holds ``entry_name``, ``description``,
        ``organism``, ``updated`` (date of the entry) and, where there are labels, ``types``
        (those that they leave possible).

    Raises
    ------
    InputError
        If the file cannot be read or a record is malformed (named by its first line).
    """
    with open_text(path) as stream:
        yield from parse_swissprot(Lines(source_name(path), stream, raw=True))


def parse_swissprot(lines: Lines) -> Iterator[Protein]:
    """Parse the lines of Swiss-Prot records, line ends included; see :func:`read_swissprot`."""
    return finish_records(_records(lines), lines.source)


def _records(lines: Lines) -> Iterator[tuple[str, Protein]]:
    """Yield each record with the place of its first line."""
    block: list[str] = []
    first = 0
    for line in lines:
        if not block and not line.strip():
            continue
        first = first if block else lines.number
        block.append(line)
        if line.rstrip() == _END:
            yield f"line {first}", _protein("".join(block), lines.source, first)
            block = []
    if block:
        lines.fail(f"record without its closing {_END!r}", first)


def _protein(text: str, source: str, line: int) -> Protein:
    record = _parse(text, source, line)
    name = (record.accessions or [record.entry_name])[0]
    sequence = clean_sequence(record.sequence, source, line, name)
    if len(sequence) != record.sequence_length:
        raise InputError(
            source,
            f"found {len(sequence)} residues of {name}, expected {record.sequence_length}",
            line,
        )
    metadata: dict[str, Any] = {
        "entry_name": record.entry_name,
        "description": _full_name(record.description),
        "organism": record.organism.rstrip("."),
    }
    if record.annotation_update:
        metadata["updated"] = record.annotation_update[0]
    labels = _labels(record, len(sequence), source, line)
    if labels is None:
        return Protein(name, sequence, metadata=metadata)
    labels, metadata["types"] = _fill(labels)
    return Protein(name, sequence, labels if metadata["types"] else None, metadata=metadata)


def _parse(text: str, source: str, line: int) -> Any:
    from Bio import SwissProt

    try:
        record = SwissProt.read(StringIO(text))
    except Exception as error:  # the parser meets broken records with errors of every kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(source, f"not a Swiss-Prot record ({reason[:200]})", line) from None
    if record is None or not record.entry_name:
        raise InputError(source, "not a Swiss-Prot record", line)
    return record


def _fill(labels: str) -> tuple[str, tuple[str, ...]]:
    """Fill what the grammar determines; name the types left (none: no legal topology)."""
    from topo.grammar.legality import fill_determined, possible_types

    return fill_determined(labels), possible_types(labels)


def _full_name(description: str) -> str:
    """Take the recommended name out of a DE block of either age."""
    found = re.search(r"(?:RecName|SubName): Full=([^;{]+)", description)
    return (found[1] if found else description).strip().rstrip(".")


def _labels(record: Any, length: int, source: str, line: int) -> str | None:
    features = list(_features(record.features))
    for feature in features:
        if feature.start < 0 or feature.end > length:
            raise InputError(
                source,
                f"found {feature.key} at {feature.start + 1}..{feature.end} of "
                f"{record.entry_name}, which has {length} residues",
                line,
            )
    if any(feature.key == "SIGNAL" and feature.start > 1 for feature in features):
        return None  # inside the chain; 1 allows for a first methionine that is cut off
    if _strands_or_helices(features, record.comments):
        return None
    labels = label_features(features, length)
    bears = any(f.type in ("SIGNAL", "TRANSMEM", "INTRAMEM") for f in record.features)
    if not bears and not labels.strip(UNKNOWN) and _is_soluble(record.comments):
        return INSIDE * length
    return labels if labels.strip(UNKNOWN) else None


def _strands_or_helices(features: list[Feature], comments: Iterable[str]) -> bool:
    """Tell whether old segments of no stated kind may be those of a bacterial barrel."""
    unstated = any(f.key == "TRANSMEM" and not _KIND.search(f.note) for f in features)
    return unstated and any("outer membrane" in text.casefold() for text in comments)


def label_features(features: list[Feature], length: int) -> str:
    """Write a label for each residue that the features speak of, ``-`` elsewhere.

    Parameters
    ----------
    features
        Of one protein.
    length
        Its number of residues.
    """
    barrel = any("beta strand" in f.note for f in features if f.key == "TRANSMEM")
    spans = any(f.key in ("TRANSMEM", "INTRAMEM") for f in features)
    labels = [UNKNOWN] * length
    for feature in features:  # sides first, so that a segment's own ends hold
        if feature.key in ("TOPO_DOM", "DOMAIN"):
            _paint(labels, feature, _side(feature.note, barrel))
    for feature in features:
        if feature.key == "TRANSMEM":
            _paint(labels, feature, STRAND if "beta strand" in feature.note else HELIX)
        elif feature.key == "INTRAMEM":
            _paint(labels, feature, UNKNOWN)
        elif feature.key == "SIGNAL":
            _paint(labels, feature, SIGNAL)
            if not spans:
                _paint(labels, Feature("", feature.end, length, ""), OUTSIDE)
    return "".join(labels)


def _paint(labels: list[str], feature: Feature, label: str) -> None:
    labels[feature.start : feature.end] = label * (feature.end - feature.start)


def _side(note: str, barrel: bool) -> str:
    for label, words in (_BARREL_SIDES if barrel else _SIDES).items():
        if note.startswith(words):
            return label
    return UNKNOWN


def _features(table: Iterable[Any]) -> Iterator[Feature]:
    """Pass on the features that bear on topology and whose ends are known."""
    from Bio.SeqFeature import UnknownPosition

    for entry in table:
        key, location = entry.type, entry.location
        if key not in ("SIGNAL", "TRANSMEM", "TOPO_DOM", "INTRAMEM", "DOMAIN"):
            continue
        if location.ref is not None:  # of another isoform
            continue
        if UnknownPosition in (type(location.start), type(location.end)):
            continue
        words = entry.qualifiers.get("note") or entry.qualifiers.get("description") or ""
        note = words.casefold()
        if key != "DOMAIN" or _side(note, barrel=False) != UNKNOWN:
            yield Feature(key, int(location.start), int(location.end), note)


def _is_soluble(comments: Iterable[str]) -> bool:
    """Tell whether all stated locations lie in the cytoplasm or nucleus, and there is one."""
    topic = "subcellular location:"
    texts = [text.casefold() for text in comments]
    texts = [text[len(topic) :].split("note=")[0] for text in texts if text.startswith(topic)]
    places = [
        place.strip().removeprefix("host ")
        for text in texts
        for place in re.split(r"[.;]", _ASIDE.sub(" ", text))
        if place.strip()
    ]
    return bool(places) and all(
        place.startswith(_SOLUBLE_PLACES) and not _NOT_SOLUBLE.search(place) for place in places
    )
