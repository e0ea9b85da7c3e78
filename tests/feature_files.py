"""Synthetic proteins whose sequence says nothing, and files of features that say everything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topo.io.summary import sequence_md5
from topo.labels import LABELS, encode_labels
from topo.protein import Protein
from topo.residues import AMINO_ACIDS


def random_proteins(count: int, seed: int = 0) -> list[Protein]:
    """Return proteins of random residues with random topologies of all five types."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        labels = _topology(random, number % 5)
        letters = random.choice(list(AMINO_ACIDS), len(labels))
        found.append(Protein(f"p{seed}_{number}", "".join(letters), labels))
    return found


def _topology(random: np.random.Generator, kind: int) -> str:
    def some(letter: str, low: int, high: int) -> str:
        return letter * int(random.integers(low, high))

    if kind == 0:
        return some("I", 30, 90)
    if kind == 1:
        return some("S", 15, 25) + some("O", 20, 60)
    if kind == 2:
        strands = [some("P", 3, 9)]
        for _ in range(int(random.integers(2, 4))):
            strands += [some("B", 8, 12), some("O", 3, 9), some("B", 8, 12), some("P", 3, 9)]
        return "".join(strands)
    labels = some("S", 15, 25) + some("O", 8, 25) if kind == 3 else ""
    side = "O" if kind == 3 else str(random.choice(["I", "O"]))
    labels += "" if kind == 3 else some(side, 5, 25)
    for _ in range(int(random.integers(1, 4))):
        side = "I" if side == "O" else "O"
        labels += some("M", 18, 24) + some(side, 5, 25)
    return labels


def two_helices(count: int, seed: int = 0) -> list[Protein]:
    """Return proteins of two helices, whose sequence says where they are but not which side is in.

    All have the same composition of labels: features in another order say nothing.
    """
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        first = int(random.integers(3, 38))
        sides = "IO" if number % 2 else "OI"
        labels = sides[0] * first + "M" * 20 + sides[1] * 40 + "M" * 20 + sides[0] * (40 - first)
        letters = [str(random.choice(list("FILV" if x == "M" else "DEKNQRST"))) for x in labels]
        found.append(Protein(f"h{seed}_{number}", "".join(letters), labels))
    return found


def partitions(path: Path, **folds: Sequence[Protein]) -> Path:
    """Write a file of labelled proteins with these folds."""
    rows = {
        name: [{"id": p.id, "sequence": p.sequence, "labels": p.labels} for p in proteins]
        for name, proteins in folds.items()
    }
    path.write_text(json.dumps(rows))
    return path


def noisy_labels(protein: Protein, share: float = 0.6, deviation: float = 0.3) -> np.ndarray:
    """Return one-hot labels plus noise on a random share of the residues, noise elsewhere."""
    random = np.random.default_rng([*protein.id.encode()])
    values = random.normal(scale=deviation, size=(len(protein), len(LABELS)))
    known = random.random(len(protein)) < share
    onehot = np.eye(len(LABELS))[encode_labels(protein.labels or "")]
    return (values + onehot * known[:, None]).astype(np.float16)


def write_features(
    path: Path, features: Sequence[tuple[str, np.ndarray]], **attributes: Any
) -> Path:
    """Write an HDF5 file with a data set for each key."""
    import h5py

    with h5py.File(path, "w") as file:
        for key, values in features:
            file[key] = values
        file.attrs.update(attributes)
    return path


def write_labels(path: Path, proteins: Sequence[Protein]) -> Path:
    """Write :func:`noisy_labels` of proteins, by the MD5 of their sequences."""
    return write_features(path, [(sequence_md5(p.sequence), noisy_labels(p)) for p in proteins])
