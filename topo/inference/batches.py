"""How a stream of proteins is cut into windows, and windows into batches.

The cut follows from the proteins alone, never from what has been computed already, so that a run
that goes on after its end makes the same batches as one that was never stopped: in a batch of other
company a protein's answer could differ by rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from topo.data.sampling import length_buckets
from topo.protein import Prediction, Protein

WINDOW = 1024
"""Proteins that are read ahead and sorted by length before they are cut into batches."""

WINDOW_RESIDUES = 1_000_000
"""Residues after which a window ends, whatever the number of its proteins."""


@dataclass(eq=False)
class Batch:
    """Different proteins that are computed together.

    Parameters
    ----------
    proteins
        None, in the one batch of a window without anything new.
    answers
        Keys of their answers: what was computed, and in which company.
    window
        Where they come from.
    """

    proteins: list[Protein]
    answers: list[bytes]
    window: Window


@dataclass(eq=False)
class Window:
    """Consecutive proteins of the input.

    Parameters
    ----------
    first
        Place of the first one in the input, from 0.
    proteins
        All of them.
    answers
        Key of each one's answer; equal proteins share one.
    batches
        What is new in this window, longest first.
    computed
        Answers so far, by key.
    left
        Batches without answers.
    """

    first: int
    proteins: list[Protein]
    answers: list[bytes]
    batches: list[Batch] = field(default_factory=list)
    computed: dict[bytes, Prediction] = field(default_factory=dict)
    left: int = 0


def read_windows(proteins: Iterable[Protein]) -> Iterator[list[Protein]]:
    """Gather proteins until there are :data:`WINDOW`, or :data:`WINDOW_RESIDUES` residues."""
    window: list[Protein] = []
    residues = 0
    for protein in proteins:
        window.append(protein)
        residues += len(protein)
        if len(window) >= WINDOW or residues >= WINDOW_RESIDUES:
            yield window
            window, residues = [], 0
    if window:
        yield window


def cut_window(
    proteins: Sequence[Protein],
    batch_residues: int,
    structure: bool,
    earlier: dict[bytes, bytes],
    first: int = 0,
) -> Window:
    """Cut a window into batches of like lengths.

    Parameters
    ----------
    proteins
        Of the window.
    batch_residues
        Padded residues in a batch at the most; a longer protein goes alone.
    structure
        Whether coordinates count.
    earlier
        Keys of answers by keys of proteins, of earlier windows: those proteins are not new. What
        is new in this window is added.
    first
        Place of the first protein in the input.
    """
    keys = [protein_key(protein, structure) for protein in proteins]
    new: dict[bytes, Protein] = {}
    for key, protein in zip(keys, proteins, strict=True):
        if key not in earlier:
            new.setdefault(key, protein)
    order = sorted(new, key=lambda key: len(new[key]))
    lengths = np.array([len(new[key]) for key in order], dtype=np.int64)
    window = Window(first, list(proteins), [])
    for bucket in reversed(length_buckets(lengths, len(order), batch_residues)):
        members = order[bucket]
        company = sha256(b"".join(members)).digest()
        answers = [sha256(company + key).digest() for key in members]
        window.batches.append(Batch([new[key] for key in members], answers, window))
        earlier.update(zip(members, answers, strict=True))
    window.answers = [earlier[key] for key in keys]
    return window


def protein_key(protein: Protein, structure: bool) -> bytes:
    """SHA-256 of all of a protein that the model sees, 32 bytes."""
    digest = sha256(protein.sequence.encode("utf-8", "surrogatepass"))
    if structure:
        for array in (protein.coordinates, protein.backbone, protein.plddt):
            digest.update(b"\0" if array is None else b"\1" + np.ascontiguousarray(array).tobytes())
    return digest.digest()
