"""Prediction of a batch of proteins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from topo.checkpoint import Checkpoint
from topo.errors import ConfigError, InputWarning
from topo.graph import collate, residue_graph
from topo.inference.pieces import score_in_pieces
from topo.labels import DECODERS
from topo.nn.decoding import Scores
from topo.nn.precision import resolve_precision
from topo.protein import Prediction, Protein

if TYPE_CHECKING:
    from topo.inference.relatives import ScoreBank

LONGEST = 100_000
"""Largest number of residues of a chain that is scored in one piece."""

MOST_ALTERNATIVES = 100
"""Largest number of topologies that are listed for each protein."""


@dataclass(frozen=True)
class Settings:
    """Settings of a prediction.

    Parameters
    ----------
    decoder
        Decoder, one of :data:`topo.labels.DECODERS`.
    precision
        Precision of the network, ``32`` or ``bf16``.
    longest
        Largest number of residues per piece; longer chains are scored in overlapping pieces.
    alternatives
        Number of topologies that are listed for each protein.
    """

    decoder: str = DECODERS[0]
    precision: str = "32"
    longest: int = LONGEST
    alternatives: int = 0

    @classmethod
    def of(
        cls,
        decoder: str,
        precision: str,
        longest: int,
        device: str,
        checkpoint: Checkpoint,
        alternatives: int = 0,
    ) -> Settings:
        """Check the values and resolve precision ``auto`` for a device and a model.

        Raises
        ------
        ConfigError
            If the decoder or precision is unknown, pieces are too short to overlap, or the
            number of alternatives is out of range.
        """
        if decoder not in DECODERS:
            raise ConfigError(f"found decoder {decoder!r}, expected one of {', '.join(DECODERS)}")
        if longest < 2:
            raise ConfigError(f"found pieces of {longest} residues, expected 2 or more")
        if not 0 <= alternatives <= MOST_ALTERNATIVES:
            raise ConfigError(
                f"found {alternatives} alternatives, expected 0 to {MOST_ALTERNATIVES}"
            )
        cell = checkpoint.config.model.recurrent.cell
        return cls(decoder, resolve_precision(precision, device, cell), longest, alternatives)


class BatchPredictor:
    """Callable that predicts batches of proteins with a model.

    Parameters
    ----------
    checkpoint
        Model on its device.
    settings
        Settings of the predictions.
    bank
        Scores of the relatives that the proteins name; None if they name none.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: Settings, bank: ScoreBank | None = None
    ) -> None:
        self.tagger, self.graph = checkpoint.tagger, checkpoint.config.graph
        self.settings, self._bank = settings, bank

    @torch.inference_mode()
    def __call__(self, proteins: Sequence[Protein]) -> list[Prediction]:
        """Predict proteins, in their order.

        A chain longer than ``settings.longest`` must be the only one of its batch. If its pieces
        disagree at a join, a warning names it.
        """
        if not proteins:
            return []
        settings, scores = self.settings, self.scores(proteins)
        if self._bank is not None:
            scores = self._bank.support(proteins, self.tagger.path_scores(scores), self.tagger)
        return self.tagger.predictions(proteins, scores, settings.decoder, settings.alternatives)

    @torch.inference_mode()
    def path_scores(self, proteins: Sequence[Protein]) -> Scores:
        """Score proteins as the decoder reads the scores, on the CPU."""
        return self.tagger.path_scores(self.scores(proteins))

    @torch.inference_mode()
    def scores(self, proteins: Sequence[Protein]) -> Scores:
        """Score proteins, at least one; the chains are in their order."""
        device = next(self.tagger.parameters()).device.type
        half = self.settings.precision == "bf16"
        with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
            return self._scores(proteins)

    def _scores(self, proteins: Sequence[Protein]) -> Scores:
        if len(proteins) == 1 and len(proteins[0]) > self.settings.longest:
            return self._scores_of_long(proteins[0])
        device = next(self.tagger.parameters()).device
        graphs = [residue_graph(protein, self.graph, scheme=None) for protein in proteins]
        return self.tagger(collate(graphs).to(device))

    def _scores_of_long(self, protein: Protein) -> Scores:
        scores, disagreements = score_in_pieces(
            protein, self.tagger, self.graph, self.settings.longest
        )
        if disagreements:
            places = ", ".join(str(place + 1) for place in disagreements)
            warnings.warn(
                f"{protein.id}: its pieces of {self.settings.longest} residues do not agree where "
                f"they are joined (residue {places})",
                InputWarning,
                stacklevel=1,
            )
        return scores
