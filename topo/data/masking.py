"""Masked pieces of a corpus as residue graphs.

A piece becomes a residue graph (:mod:`topo.graph`) with one more field:

=======  =====  =====  ===========================================================================
field    shape  dtype  meaning
=======  =====  =====  ===========================================================================
target   (R,)   int64  index in ``AMINO_ACIDS`` of a residue to predict, -100 for all others
=======  =====  =====  ===========================================================================

Of the residues to predict, most are shown as unknown (``X``: no one-hot residue, zero scales), some
as a random residue, and some as they are.
"""

from __future__ import annotations

import numpy as np
from torch import from_numpy
from torch.utils.data import Dataset

from topo.config import GraphConfig, PretrainingConfig
from topo.data.corpus import Corpus
from topo.graph import ResidueGraph, residue_graph
from topo.labels import UNKNOWN_INDEX
from topo.protein import Protein
from topo.residues import RESIDUE_CODES, RESIDUE_INDEX

MASK = ord("X")
"""Letter of a masked residue."""


def mask_residues(
    letters: np.ndarray, rule: PretrainingConfig, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose residues to predict and mask most of them.

    Parameters
    ----------
    letters
        Letters of a piece, uint8, shape (R,). Only standard residues are chosen, at least one if
        there is one.
    rule
        Share of residues to predict, and shares of these that are masked and replaced.
    random
        Source of the choice.

    Returns
    -------
    shown : numpy.ndarray
        Input letters of the model, uint8, shape (R,).
    target : numpy.ndarray
        Residues to predict, int64, shape (R,), see the table at the top of this module.
    """
    index = RESIDUE_INDEX[letters]
    standard = np.flatnonzero(index >= 0)
    count = min(len(standard), max(1, round(rule.chosen * len(standard))))
    chosen = random.permutation(standard)[:count]
    fate = random.random(count)
    shown, target = letters.copy(), np.full(len(letters), UNKNOWN_INDEX, dtype=np.int64)
    target[chosen] = index[chosen]
    shown[chosen[fate < rule.masked]] = MASK
    changed = chosen[(fate >= rule.masked) & (fate < rule.masked + rule.random)]
    shown[changed] = random.choice(RESIDUE_CODES, len(changed))
    return shown, target


class MaskedPieces(Dataset):
    """Pieces of a corpus as masked residue graphs.

    Parameters
    ----------
    corpus
        Sequences.
    pieces
        Turn, protein, start and end of each piece, int64, shape (K, 4).
    graph
        Edges of the graphs.
    rule
        Shares of residues that are masked.
    seed
        Seed of the masks. The mask of a piece depends on seed, turn, protein and start only.
    """

    def __init__(
        self,
        corpus: Corpus,
        pieces: np.ndarray,
        graph: GraphConfig,
        rule: PretrainingConfig,
        seed: tuple[int, ...],
    ) -> None:
        self.corpus, self.pieces, self.graph = corpus, pieces, graph
        self.rule, self.seed = rule, seed

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> ResidueGraph:
        turn, protein, start, end = self.pieces[index].tolist()
        letters = self.corpus.sequence(protein).copy()
        random = np.random.default_rng((*self.seed, turn, protein, start))
        letters[start:end], target = mask_residues(letters[start:end], self.rule, random)
        graph = residue_graph(
            Protein(str(protein), letters.tobytes().decode("ascii")),
            self.graph,
            start=start,
            end=end,
        )
        graph.target = from_numpy(target)
        return graph
