"""Labelled proteins as graphs: whole for validation, cropped at random for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset
from torch_geometric.data import Data

from topo.config import GraphConfig
from topo.data.augmentation import blur_boundaries, substitute
from topo.grammar.legality import possible_types
from topo.grammar.table import Grammar
from topo.graph import residue_graph
from topo.labels import TYPES
from topo.protein import Protein


class ProteinDataset(Dataset):
    """Labelled proteins, indexed, as residue graphs.

    Parameters
    ----------
    proteins
        Proteins with labels.
    types
        Possible types of each, see :func:`type_sets`.
    graph
        Contents of the graphs.
    crop
        Longest piece of a chain, residues; 0 gives whole chains.
    seed
        Seed of the crops. The piece that a protein shows depends on seed, epoch and protein only,
        so that a resumed run sees what an uninterrupted one would have seen.
    structure_dropout, plddt_dropout
        Share of structures, and of the rest's pLDDT, that are left out at random.
    substitutions
        Share of residues that are replaced at random, see :func:`substitute`.
    blur
        Residues beside a membrane segment's ends whose labels are hidden, see
        :func:`blur_boundaries`.
    """

    def __init__(
        self,
        proteins: Sequence[Protein],
        types: np.ndarray,
        graph: GraphConfig,
        crop: int = 0,
        seed: int = 0,
        structure_dropout: float = 0.0,
        plddt_dropout: float = 0.0,
        substitutions: float = 0.0,
        blur: int = 0,
    ) -> None:
        self.proteins = proteins
        self.types = types
        self.graph = graph
        self.crop = crop
        self.seed = seed
        self.structure_dropout, self.plddt_dropout = structure_dropout, plddt_dropout
        self.substitutions, self.blur = substitutions, blur
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.proteins)

    def __getitem__(self, index: int) -> Data:
        start, end = self._piece(index)
        graph = residue_graph(
            self._shown(index),
            self.graph,
            start=start,
            end=end,
            types=self.types[index].tolist(),
        )
        if self.blur and graph.y is not None:
            graph.y = torch.from_numpy(blur_boundaries(graph.y.numpy(), self.blur))
        return graph

    def lengths(self) -> np.ndarray:
        """Residues that each protein shows, int64, shape (N,)."""
        lengths = np.array([len(protein) for protein in self.proteins], dtype=np.int64)
        return np.minimum(lengths, self.crop) if self.crop else lengths

    def _shown(self, index: int) -> Protein:
        """Return a protein, varied at random: substitutions, no structure, no pLDDT."""
        protein = self.proteins[index]
        if self.substitutions:
            random = np.random.default_rng((self.seed, self.epoch, index, 2))
            varied = substitute(protein.sequence, self.substitutions, random)
            protein = replace(protein, sequence=varied)
        if protein.coordinates is None or not (self.structure_dropout or self.plddt_dropout):
            return protein
        whole, confidence = np.random.default_rng((self.seed, self.epoch, index, 1)).random(2)
        if whole < self.structure_dropout:
            return replace(protein, coordinates=None, backbone=None, plddt=None)
        return replace(protein, plddt=None) if confidence < self.plddt_dropout else protein

    def _piece(self, index: int) -> tuple[int, int]:
        """Return a random piece; half of them begin at the N-terminus, none inside a signal."""
        protein = self.proteins[index]
        size = len(protein)
        if not self.crop or size <= self.crop:
            return 0, size
        random = np.random.default_rng((self.seed, self.epoch, index))
        start = int(random.integers(0, size - self.crop + 1)) if random.random() < 0.5 else 0
        if protein.labels is not None and protein.labels[start] == "S":
            start = 0
        return start, start + self.crop


def type_sets(proteins: Sequence[Protein], grammar: Grammar | None = None) -> np.ndarray:
    """Tell which types the labels of each protein leave possible, bool, shape (N, 5).

    ``grammar`` says what is legal, the default one where None.

    A row without any true entry belongs to a protein without a legal path.
    """
    sets = np.zeros((len(proteins), len(TYPES)), dtype=bool)
    for row, protein in zip(sets, proteins, strict=True):
        for name in possible_types(protein.labels or "", grammar):
            row[TYPES.index(name)] = True
    return sets


def sampling_types(sets: np.ndarray) -> np.ndarray:
    """Give each protein the type that it counts by in sampling, int64, shape (N,).

    A protein with several possible types counts by the one that is most frequent among the
    proteins whose type is certain.
    """
    certain = sets[sets.sum(1) == 1]
    return np.where(sets, certain.sum(0) + 1, 0).argmax(1)
