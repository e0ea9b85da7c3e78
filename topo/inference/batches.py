"""Division of a stream of proteins into windows, and of windows into batches.

The division depends only on the proteins, not on stored predictions. A resumed run therefore makes
the same batches as an uninterrupted one: the prediction for a protein may differ by rounding
between batches of different proteins.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from topo.data.sampling import length_buckets
from topo.protein import Prediction, Protein

WINDOW = 1024
"""Number of proteins that are sorted by length and then divided into batches."""

WINDOW_RESIDUES = 1_000_000
"""Number of residues after which a window ends, for any number of proteins."""


@dataclass(eq=False)
class Batch:
    """Distinct proteins that are predicted together.

    Parameters
    ----------
    proteins
        Proteins of the batch; empty in the only batch of a window without new proteins.
    answers
        Cache keys of the predictions: hash of the protein and of the batch it is computed in.
    window
        Window that the proteins belong to.
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
        Index of the first protein in the input, from 0.
    proteins
        Proteins of the window.
    answers
        Cache key of the prediction of each protein; equal proteins share a key.
    batches
        Batches of the proteins that are new in this window, longest first.
    computed
        Predictions so far, by cache key.
    left
        Number of batches without predictions.
    """

    first: int
    proteins: list[Protein]
    answers: list[bytes]
    batches: list[Batch] = field(default_factory=list)
    computed: dict[bytes, Prediction] = field(default_factory=dict)
    left: int = 0


def read_windows(proteins: Iterable[Protein]) -> Iterator[list[Protein]]:
    """Yield lists of up to :data:`WINDOW` proteins, or of :data:`WINDOW_RESIDUES` residues."""
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
    """Divide a window into batches of similar lengths.

    Parameters
    ----------
    proteins
        Proteins of the window.
    batch_residues
        Largest number of padded residues per batch; a longer protein has a batch of its own.
    structure
        Whether the model uses coordinates.
    earlier
        Cache keys of predictions by keys of proteins, from earlier windows; these proteins are
        not new. The new proteins of this window are added.
    first
        Index of the first protein in the input.
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
        together = sha256(b"".join(members)).digest()
        answers = [sha256(together + key).digest() for key in members]
        window.batches.append(Batch([new[key] for key in members], answers, window))
        earlier.update(zip(members, answers, strict=True))
    window.answers = [earlier[key] for key in keys]
    return window


def protein_key(protein: Protein, structure: bool) -> bytes:
    """Return the SHA-256 (32 bytes) of what a prediction depends on of a protein."""
    digest = sha256(protein.sequence.encode("utf-8", "surrogatepass"))
    if structure:
        for array in (protein.coordinates, protein.backbone, protein.plddt):
            digest.update(b"\0" if array is None else b"\1" + np.ascontiguousarray(array).tobytes())
    if protein.features is not None:
        stored = getattr(protein.features, "identity", None)
        digest.update(b"\3" + (stored or np.ascontiguousarray(protein.features).tobytes()))
    for constraint in protein.constraints:
        digest.update(b"\2" + constraint.key.encode())
    for relative in protein.relatives or ():
        digest.update(b"\3" + relative.sequence.encode("utf-8", "surrogatepass"))
        digest.update(relative.blocks.tobytes() + struct.pack("<d", relative.weight))
    return digest.digest()
