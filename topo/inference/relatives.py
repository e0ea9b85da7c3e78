"""Predictions that the relatives of a protein support.

The network computes the scores of a protein and of each relative alone. The scores of the
relatives are carried to the protein along their alignments and averaged with its own. The decoder
reads the average as it reads that of an ensemble's members: a topology gets the weighted geometric
mean of its probabilities, and every prediction is legal. The types keep the probabilities of the
protein alone, because averages lose barrels and signal peptides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from topo.checkpoint import Checkpoint
from topo.data.sampling import length_buckets
from topo.errors import InputWarning, TopoError
from topo.homology.mmseqs import find_program
from topo.homology.relatives import find_relatives
from topo.inference.compute import BatchPredictor, Settings
from topo.inference.memory import default_batch_residues
from topo.io import read_proteins
from topo.io.files import open_text
from topo.nn.decoding import Scores, TopologyModel
from topo.protein import Protein, Relative, aligned_places

SELF = "self"
"""Name of the input's own proteins as relatives of each other."""

TOTAL = 1.0
"""Largest total weight of the relatives at a residue, where the protein itself has 1.

Without a limit, residues are labelled worse (``checkpoints/training/EXPERIMENTS.md``).
"""

_BATCH = 64
"""Largest number of relatives that are scored together."""

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Opens a progress bar for a number of residues; the bar is a function of finished residues."""


@dataclass(frozen=True)
class ScoreBank:
    """Scores of N relatives with R residues, in a file that worker processes read too.

    Parameters
    ----------
    path
        Path to the file: emissions and, where the model has them, cleavage scores of each residue,
        float32 (R, columns).
    places
        First row of each relative, by sequence.
    """

    path: Path
    places: Mapping[str, int]

    def support(self, proteins: Sequence[Protein], scores: Scores, model: TopologyModel) -> Scores:
        """Average the scores of a batch of proteins with those of their relatives.

        The type of a protein stays that of its own scores.
        """
        if not any(protein.relatives for protein in proteins):
            return scores
        parts = [
            self._supported(protein, part) if protein.relatives else part
            for protein, part in zip(proteins, scores.chains(), strict=True)
        ]
        cleavage = [part.cleavage for part in parts if part.cleavage is not None]
        return scores._replace(
            emissions=torch.cat([part.emissions for part in parts]),
            cleavage=torch.cat(cleavage) if cleavage else None,
            fused=model.fuse(scores),
        )

    def _supported(self, protein: Protein, scores: Scores) -> Scores:
        """Average the scores of one protein with those of its relatives.

        At each residue the protein counts with 1 and the relatives that are aligned there with
        their weights, which are reduced to a sum of :data:`TOTAL` where it is larger.
        """
        columns = scores.emissions.shape[1] + (scores.cleavage is not None)
        rows = np.memmap(self.path, np.float32, "r").reshape(-1, columns)
        total, weights = np.zeros((len(protein), columns)), np.zeros((len(protein), 1))
        for relative in protein.relatives or ():
            here, there = aligned_places(relative.blocks)
            total[here] += relative.weight * rows[self.places[relative.sequence] + there]
            weights[here] += relative.weight
        cleavage = scores.cleavage
        if cleavage is not None:
            cleavage = _average(cleavage[:, None], total[:, -1:], weights)[:, 0]
            total = total[:, :-1]
        emissions = _average(scores.emissions, total, weights)
        return scores._replace(emissions=emissions, cleavage=cleavage)


def _average(own: Tensor, total: np.ndarray, weights: np.ndarray) -> Tensor:
    """Average scores of weight 1 with others, given as their weighted sum and summed weights."""
    limited = np.minimum(weights, TOTAL)
    others = torch.from_numpy(total * limited / np.maximum(weights, np.finfo(float).tiny))
    return ((own.double() + others) / (1 + torch.from_numpy(limited))).float()


class Relatives:
    """Relatives of the proteins of a run, by sequence, and their scores.

    Parameters
    ----------
    found
        Relatives of each sequence that has some.
    bank
        Scores of the relatives.
    """

    def __init__(self, found: Mapping[str, tuple[Relative, ...]], bank: ScoreBank) -> None:
        self.found, self.bank = found, bank

    def summary(self) -> str:
        """Return the numbers of proteins with relatives and of relatives, in a line."""
        return f"{len(self.found):,} sequences have relatives, {len(self.bank.places):,} in all"

    def attach(self, proteins: Iterable[Protein]) -> Iterator[Protein]:
        """Yield the proteins with their relatives."""
        for protein in proteins:
            yield replace(protein, relatives=self.found.get(protein.sequence, ()))


@contextmanager
def open_relatives(
    source: str | PathLike[str] | Iterable[Protein],
    proteins: Iterable[Protein],
    model: Checkpoint,
    settings: Settings,
    batch_residues: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Relatives]:
    """Search for the relatives of proteins and score them; their file is deleted at the end.

    Parameters
    ----------
    source
        Path to a file of proteins, :data:`SELF`, or proteins. A file without any is allowed: no
        protein has relatives then, and a warning says so.
    proteins
        Proteins to predict.
    model, settings, batch_residues
        As for :class:`topo.inference.stream.PredictionStream`.
    progress
        Opens the progress bar of the scoring; none if None.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails, or the file cannot be read.
    """
    find_program()
    proteins = [Protein(p.id, p.sequence) for p in proteins]  # without structures
    found = find_relatives(proteins, _candidates(source, proteins), torch.get_num_threads())
    with TemporaryDirectory(prefix="topo-relatives-") as folder:
        names = {relative.sequence for some in found.values() for relative in some}
        budget = min(batch_residues or default_batch_residues(), settings.longest)
        size = sum(map(len, names))
        with progress(size) if progress else nullcontext(lambda _: None) as advance:
            bank = _score(sorted(names), model, settings, budget, Path(folder) / "scores", advance)
        yield Relatives(found, bank)


def _candidates(
    source: str | PathLike[str] | Iterable[Protein], proteins: Sequence[Protein]
) -> Iterable[Protein]:
    if not isinstance(source, (str, PathLike)):
        return source
    if source == SELF:
        return proteins
    if str(source) == "-":
        raise TopoError(f"found -, expected a file of relatives or {SELF}")
    with open_text(source) as stream:
        empty = not any(line.strip() for line in stream)
    if empty:
        warnings.warn(f"{source}: holds no proteins, no relative is used", InputWarning, 3)
        return []
    return read_proteins(source)


def _score(
    sequences: Sequence[str],
    model: Checkpoint,
    settings: Settings,
    budget: int,
    path: Path,
    advance: Callable[[int], None],
) -> ScoreBank:
    """Score relatives in batches of similar lengths and write the scores to a file."""
    predictor = BatchPredictor(model, settings)
    sequences = sorted(sequences, key=len)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    first = np.cumsum(lengths) - lengths
    with open(path, "wb") as file:
        for bucket in length_buckets(lengths, _BATCH, budget):
            scores = predictor.path_scores(
                [Protein("", sequence) for sequence in sequences[bucket]]
            )
            columns = [scores.emissions.float()]
            if scores.cleavage is not None:
                columns.append(scores.cleavage.float()[:, None])
            file.write(torch.cat(columns, dim=1).numpy().tobytes())
            advance(int(lengths[bucket].sum()))
    return ScoreBank(path, dict(zip(sequences, first.tolist(), strict=True)))
