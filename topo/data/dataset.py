"""Dataset of labelled proteins as residue graphs, whole or cropped at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset

from topo.config import GraphConfig
from topo.data.augmentation import blur_boundaries, substitute
from topo.graph import ResidueGraph, residue_graph
from topo.labels import SIGNAL
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein, SoftLabels


class ProteinDataset(Dataset):
    """Labelled proteins as residue graphs.

    Parameters
    ----------
    proteins
        Proteins with labels.
    types
        Possible types of each protein, bool, shape (N, types), see
        :func:`topo.data.types.type_sets`.
    graph
        Contents of the graphs.
    crop
        Maximum length of a piece of a chain, in residues; 0 returns whole chains.
    seed
        Seed of the crops. The piece of a protein depends on seed, epoch and index only, so that a
        resumed run trains on the same pieces as an uninterrupted one.
    structure_dropout
        Share of structures that are left out at random.
    plddt_dropout
        Share of the remaining structures whose pLDDT is left out at random.
    substitutions
        Share of residues that are replaced at random, see
        :func:`topo.data.augmentation.substitute`.
    feature_dropout
        Share of proteins whose features are left out at random.
    blur
        Number of residues on each side of the ends of membrane segments whose labels are masked,
        see :func:`topo.data.augmentation.blur_boundaries`.
    scheme
        Scheme of the labels.
    complete
        For each protein the labels that are given wherever they are true, see
        :meth:`topo.labels.scheme.LabelScheme.encode_six`; none if empty.

    Attributes
    ----------
    epoch
        Epoch of the next item.
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
        feature_dropout: float = 0.0,
        scheme: LabelScheme = SIX,
        complete: Sequence[str] = (),
    ) -> None:
        self.proteins = proteins
        self.types = types
        self.graph = graph
        self.crop = crop
        self.seed = seed
        self.structure_dropout, self.plddt_dropout = structure_dropout, plddt_dropout
        self.substitutions, self.blur = substitutions, blur
        self.feature_dropout = feature_dropout
        self.scheme, self.complete = scheme, complete
        self.epoch = 0
        self.distils = any(protein.soft is not None for protein in proteins)

    def __len__(self) -> int:
        return len(self.proteins)

    def __getitem__(self, index: int) -> ResidueGraph:
        start, end = self._piece(index)
        graph = residue_graph(
            self._varied(index),
            self.graph,
            start=start,
            end=end,
            types=self.types[index].tolist(),
            scheme=self.scheme,
            complete=self.complete[index] if self.complete else "",
        )
        if self.distils:
            self._add_soft_labels(graph, self.proteins[index].soft, start, end)
        if self.blur and "y" in graph:
            blurred = blur_boundaries(np.asarray(graph.y), self.blur, self.scheme)
            graph.y = torch.from_numpy(blurred)
        return graph

    def lengths(self) -> np.ndarray:
        """Return the number of residues in the graph of each protein, int64, shape (N,)."""
        lengths = np.array([len(protein) for protein in self.proteins], dtype=np.int64)
        return np.minimum(lengths, self.crop) if self.crop else lengths

    def _varied(self, index: int) -> Protein:
        """Return a protein with substitutions, or without its features, structure or pLDDT."""
        protein = self.proteins[index]
        if self.substitutions:
            random = np.random.default_rng((self.seed, self.epoch, index, 2))
            varied = substitute(protein.sequence, self.substitutions, random)
            protein = replace(protein, sequence=varied)
        if protein.features is not None and self.feature_dropout:
            chance = np.random.default_rng((self.seed, self.epoch, index, 3)).random()
            if chance < self.feature_dropout:
                protein = replace(protein, features=None)
        if protein.coordinates is None or not (self.structure_dropout or self.plddt_dropout):
            return protein
        whole, confidence = np.random.default_rng((self.seed, self.epoch, index, 1)).random(2)
        if whole < self.structure_dropout:
            return replace(protein, coordinates=None, backbone=None, plddt=None)
        return replace(protein, plddt=None) if confidence < self.plddt_dropout else protein

    def _piece(self, index: int) -> tuple[int, int]:
        """Return start and end of a random piece.

        Half of the pieces begin at the N-terminus, none inside a signal peptide.
        """
        protein = self.proteins[index]
        size = len(protein)
        if not self.crop or size <= self.crop:
            return 0, size
        random = np.random.default_rng((self.seed, self.epoch, index))
        start = int(random.integers(0, size - self.crop + 1)) if random.random() < 0.5 else 0
        if protein.labels is not None and protein.labels[start] in self.scheme.alike(SIGNAL):
            start = 0
        return start, start + self.crop

    def _add_soft_labels(
        self, graph: ResidueGraph, soft: SoftLabels | None, start: int, end: int
    ) -> None:
        """Add a teacher's probabilities to the graph of residues ``start:end``; 0 without them."""
        graph.soft = torch.zeros(end - start, len(self.scheme.letters))
        graph.soft_types = torch.zeros(1, len(self.scheme.types))
        if soft is None:
            return
        graph.soft = torch.from_numpy(np.asarray(soft.labels[start:end], dtype=np.float32))
        if soft.types is not None:
            graph.soft_types = torch.from_numpy(np.asarray(soft.types, dtype=np.float32)[None])
