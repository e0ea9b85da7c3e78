"""FASTA of biotrainer: ``>id TARGET=LABELS SET=FOLD MASK=1101`` above each sequence.

``TARGET`` has one letter per residue, ``MASK`` a 0 where the letter is not to be used, ``SET`` is
``train``, ``val`` or ``test``; older files have ``VALIDATION=True`` for validation. A target of the
whole protein becomes metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike

from topo.errors import InputError
from topo.io.fasta import parse_fasta, wrapped
from topo.io.files import output_text
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.records import check_labels
from topo.labels import LABELS, UNKNOWN
from topo.protein import Protein

HEADER = r">.*\sTARGET="
"""Pattern of the headers."""

_FOLDS = {"val": "validation", "valid": "validation"}
_SETS = {"validation": "val", "valid": "val", "dev": "val"}


def parse_biotrainer(lines: Lines) -> Iterator[Protein]:
    """Parse the lines of a file.

    Raises
    ------
    InputError
        If targets or masks do not fit their sequences.
    """
    for protein in parse_fasta(lines):
        yield _with_target(protein, lines.source)


def write_biotrainer(proteins: Iterable[Protein], path: str | PathLike[str]) -> None:
    """Write proteins with labels; unknown labels are masked, proteins without fold train.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    with output_text(path) as stream:
        for protein in proteins:
            labels = protein.labels or ""
            words = [plain_id(protein.id)]
            if labels:
                words.append(f"TARGET={labels}")
            fold = "_".join((protein.fold or "train").split())
            words.append(f"SET={_SETS.get(fold.lower(), fold)}")
            if UNKNOWN in labels:
                words.append("MASK=" + "".join("01"[letter != UNKNOWN] for letter in labels))
            stream.write(f">{' '.join(words)}\n{wrapped(protein.sequence)}")


def _with_target(protein: Protein, source: str) -> Protein:
    words = str(protein.metadata.get("description", "")).split()[1:]
    found = dict(word.split("=", 1) for word in words if "=" in word)
    found = {name.upper(): value for name, value in found.items()}
    target, mask = found.pop("TARGET", ""), found.pop("MASK", None)
    fold = found.pop("SET", None)
    if found.pop("VALIDATION", "").lower() == "true":
        fold = "val"
    fold = None if fold is None else _FOLDS.get(fold.lower(), fold)
    is_label = mask is not None or ({*target} <= {*LABELS, UNKNOWN} and len(target) > 1)
    if not is_label and len(target) != len(protein):
        extra = {"target": target} if target else {}
        return replace(protein, fold=fold, metadata={**protein.metadata, **extra})
    for name, text in (("TARGET", target), ("MASK", mask or "1" * len(protein))):
        if len(text) != len(protein):
            raise InputError(
                source,
                f"{protein.id}: found {name} of {len(text)} letters for {len(protein)} residues",
            )
    if mask is not None:
        if {*mask} - {"0", "1"}:
            raise InputError(source, f"{protein.id}: found MASK {mask[:20]!r}, expected 0 and 1")
        pairs = zip(target, mask, strict=True)
        target = "".join(letter if use == "1" else UNKNOWN for letter, use in pairs)
    check_labels(target, protein.sequence, source, None, protein.id)
    return replace(protein, labels=target, fold=fold)
