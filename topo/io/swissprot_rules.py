"""Rules that turn the features of a Swiss-Prot record into labels.

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
none of these, and located only in the cytoplasm    I throughout
or nucleus
all other residues                                  ``-``, or what the grammar determines
==================================================  =====================================

In a barrel only the words extracellular and periplasmic determine a side. Where an old record does
not state the kind of a segment, a protein of an outer membrane gets no labels. A re-entrant loop
(INTRAMEM) and a transit peptide (TRANSIT) get no label of their own, unless the label scheme
has one. A discontinuous helix is one segment, M.

The rules stand beside the parser and not in :mod:`topo.curation`, because reading a Swiss-Prot file
yields labelled proteins wherever labelled files are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from topo.labels import HELIX, INSIDE, OUTSIDE, PERIPLASM, SIGNAL, STRAND, UNKNOWN
from topo.labels.scheme import SIX, LabelScheme

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
_KEYS = ("SIGNAL", "TRANSMEM", "TOPO_DOM", "INTRAMEM", "DOMAIN")
_KIND = re.compile("helical|beta strand|anchor")
_NOT_SOLUBLE = re.compile(r"membrane|vesic|envelope")
_ASIDE = re.compile(r"\{[^}]*\}|\([^)]*\)|\[?isoform [^:\]]*\]?:")


class Feature(NamedTuple):
    """Feature that concerns topology; residues are half-open and 0-based."""

    key: str
    start: int
    end: int
    note: str


def swissprot_labels(
    features: list[Feature],
    keys: Iterable[str],
    comments: list[str],
    length: int,
    scheme: LabelScheme = SIX,
) -> str | None:
    """Label a protein by its features and comments.

    Parameters
    ----------
    features
        Features of the protein, see :func:`topology_features`.
    keys
        Keys of all features of the record, those without known ends too.
    comments
        Comment blocks (CC) of the record.
    length
        Number of residues, R.
    scheme
        Scheme of the labels.

    Returns
    -------
    str or None
        R label letters, ``-`` where unknown; None if the rules determine no label.
    """
    if any(feature.key == "SIGNAL" and feature.start > 1 for feature in features):
        return None  # inside the chain; 1 allows for a first methionine that is cut off
    if _strands_or_helices(features, comments):
        return None
    labels = label_features(features, length, scheme)
    spans = any(key in ("SIGNAL", "TRANSMEM", "INTRAMEM") for key in keys)
    if not spans and not labels.strip(UNKNOWN) and _is_soluble(comments):
        return INSIDE * length
    return labels if labels.strip(UNKNOWN) else None


def _strands_or_helices(features: list[Feature], comments: Iterable[str]) -> bool:
    """Return whether old segments without a kind may belong to a bacterial barrel."""
    unstated = any(f.key == "TRANSMEM" and not _KIND.search(f.note) for f in features)
    return unstated and any("outer membrane" in text.casefold() for text in comments)


def label_features(features: list[Feature], length: int, scheme: LabelScheme = SIX) -> str:
    """Return a label for each residue that a feature covers, ``-`` elsewhere.

    Parameters
    ----------
    features
        Features of one protein.
    length
        Number of residues.
    scheme
        Scheme of the labels. Features that it names overwrite the sides.
    """
    own = {label.feature: label.letter for label in scheme.labels if label.feature}
    barrel = any("beta strand" in f.note for f in features if f.key == "TRANSMEM")
    spans = any(f.key in ("TRANSMEM", "INTRAMEM") for f in features)
    labels = [UNKNOWN] * length
    for feature in features:  # sides first, so that segments overwrite them
        if feature.key in ("TOPO_DOM", "DOMAIN"):
            _paint(labels, feature, side_of(feature.note, barrel))
    for feature in features:
        if feature.key == "TRANSMEM":
            _paint(labels, feature, STRAND if "beta strand" in feature.note else HELIX)
        elif feature.key == "INTRAMEM":
            _paint(labels, feature, own.get(feature.key, UNKNOWN))
        elif feature.key in own:
            _paint(labels, feature, own[feature.key])
        elif feature.key == "SIGNAL":
            _paint(labels, feature, SIGNAL)
            if not spans:
                _paint(labels, Feature("", feature.end, length, ""), OUTSIDE)
    return "".join(labels)


def _paint(labels: list[str], feature: Feature, label: str) -> None:
    labels[feature.start : feature.end] = label * (feature.end - feature.start)


def side_of(note: str, barrel: bool) -> str:
    """Return the label of the side that a note in lower case names, ``-`` if it names none."""
    for label, words in (_BARREL_SIDES if barrel else _SIDES).items():
        if note.startswith(words):
            return label
    return UNKNOWN


def topology_features(table: Iterable[Any], scheme: LabelScheme = SIX) -> Iterator[Feature]:
    """Yield the features that concern topology, or that a scheme names, and have known ends."""
    keys = {*_KEYS, *(label.feature for label in scheme.labels)}
    for entry in table:
        if entry.type not in keys:
            continue
        if (ends := feature_ends(entry)) is None:
            continue
        note = feature_note(entry)
        if entry.type != "DOMAIN" or side_of(note, barrel=False) != UNKNOWN:
            yield Feature(entry.type, *ends, note)


def feature_ends(entry: Any) -> tuple[int, int] | None:
    """Return start and end of a feature, half-open from 0; None if unknown or of an isoform."""
    from Bio.SeqFeature import UnknownPosition

    location = entry.location
    if location.ref is not None or UnknownPosition in (type(location.start), type(location.end)):
        return None
    return int(location.start), int(location.end)


def feature_note(entry: Any) -> str:
    """Return the words of a feature of a new or an old record, in lower case."""
    words = entry.qualifiers.get("note") or entry.qualifiers.get("description") or ""
    return words.casefold()


def signal_kind(table: Iterable[Any]) -> str | None:
    """Return the kind of a signal peptide that the features of a record state.

    ``Tat`` for a Tat-type signal, ``lipoprotein`` where a lipid is attached to the cysteine after
    the signal peptide, ``Tat lipoprotein`` for both; None where neither is stated.
    """
    signals, lipids, kinds = [], set(), []
    for entry in table:
        note = feature_note(entry)
        if entry.type == "SIGNAL" and entry.location.ref is None:
            signals.append((_place(entry.location.end), note))
        elif entry.type == "LIPID" and "diacylglycerol" in note:
            lipids.add(_place(entry.location.start))
    if any("tat-type" in note for _, note in signals):
        kinds.append("Tat")
    if any(end is not None and end in lipids for end, _ in signals):
        kinds.append("lipoprotein")
    return " ".join(kinds) or None


def _place(position: Any) -> int | None:
    try:
        return int(position)
    except TypeError:  # unknown
        return None


def _is_soluble(comments: Iterable[str]) -> bool:
    """Return whether there are locations and all are in the cytoplasm or nucleus."""
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
