"""The tagger: encode the graph, run the chain, score the topology, score the type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from topo.config import LossConfig, ModelConfig
from topo.crf.layer import Gain, GrammarCRF
from topo.io.grammar import find_grammar
from topo.labels import DECODERS, LABEL_INDEX, TYPE_INDEX, TYPES, decode_labels, protein_type
from topo.nn.heads import ResidueHead, TypeHead, cleavage_loss, residue_loss, type_loss
from topo.nn.recurrent import ChainDropout
from topo.nn.trunk import Trunk
from topo.protein import Prediction, Protein, shared_fields

NEGLIGIBLE_TYPE = 1e-3
"""Types less probable than this have no share in a prediction's labels.

It spares the backward recursion over their states, and moves a label's probability, before it is
calibrated, by no more than what these types have together.
"""

TOPOLOGY_GAIN = Gain(side=0.25, segment=1.0, helix=18, short=0.5)
"""What the posterior decoder counts.

Right labels alone would buy a spurious short helix wherever the sides of two long loops do not fit
each other. Chosen on fold cv3 with three models, on a plateau of like values.
"""

TYPE_GAIN = {"TM": 2.5, "SP+TM": 2.0}
"""What a right type counts when the type is chosen; the others count 1.

By probability alone the rare types lose: single helices of long chains are more often missed than
imagined. Chosen on fold cv3 with six models, on a plateau
(``checkpoints/training/EXPERIMENTS.md``).
"""


class Scores(NamedTuple):
    """What the heads say of a batch of B chains with R residues, float32."""

    emissions: Tensor  # (R, channels)
    types: Tensor | None  # (B, 5)
    ends: Tensor | None  # (R,) score of a signal peptide's end
    lengths: Tensor  # (B,) int64


class Decoded(NamedTuple):
    """The answer for a batch of B chains with R residues, on the CPU."""

    labels: np.ndarray  # (R,) int64
    probabilities: np.ndarray  # (R, 6) float32
    types: np.ndarray  # (B, 5) float32
    confidence: np.ndarray  # (B,) float32


class Tagger(Trunk):
    """Graph convolutions, chain convolutions, recurrent stack (the trunk) and heads.

    Parameters
    ----------
    config, window, structure
        As for :class:`topo.nn.trunk.Trunk`.
    """

    def __init__(self, config: ModelConfig, window: int, structure: bool = False) -> None:
        super().__init__(config, window, structure)
        heads, width = config.heads, self.recurrent.width
        self.uses_crf = heads.topology == "crf"
        channels = heads.channels if self.uses_crf else "letters"
        self.crf = GrammarCRF(find_grammar(heads.grammar), channels=channels).requires_grad_(
            self.uses_crf
        )
        self.dropout = ChainDropout(heads.dropout)
        self.topology_head = ResidueHead(width, len(self.crf.grammar.channels))
        self.type_head = TypeHead(width) if heads.type else None
        self.cleavage_head = ResidueHead(width, 1) if heads.cleavage else None
        # How much more frequent each type is among the proteins to come than among those drawn in
        # training, as a logarithm.
        self.register_buffer("type_shift", torch.zeros(len(TYPES)))
        # Fitted on validation proteins after training: label probabilities become p^(1/T), type
        # probabilities a product of powers, see fuse_types.
        self.register_buffer("label_temperature", torch.ones(()))
        weights = [0.1, 1.0, 1.0] if heads.type else [1.0, 0.0, 0.0]
        self.register_buffer("type_weights", torch.tensor(weights))

    def forward(self, graph: Data) -> Scores:
        """Score a batch of residue graphs."""
        return self.score(self.features(graph), graph.batch, graph.length)

    def features(self, graph: Data) -> Tensor:
        """Return what the heads read of each residue, (R, width)."""
        return self.dropout(self.encode(graph), graph.length)

    def score(self, x: Tensor, batch: Tensor, lengths: Tensor) -> Scores:
        """Let the heads read residues (R, width), each of chain ``batch`` (R,)."""
        return Scores(
            emissions=self.topology_head(x).float(),
            types=self.type_head(x, batch, len(lengths)).float() if self.type_head else None,
            ends=self.cleavage_head(x).float().squeeze(1) if self.cleavage_head else None,
            lengths=lengths,
        )

    def losses(self, scores: Scores, graph: Data, smoothing: float = 0.0) -> dict[str, Tensor]:
        """Return the losses, averaged over the proteins of the batch.

        ``topology``: negative log-likelihood of the labels among all paths (or of each residue by
        itself). ``type``: of the set of possible types under the type head. ``cleavage``: of the
        cleavage site's place.
        """
        chains = len(scores.lengths)
        if self.uses_crf:
            nll = self.crf.nll(
                scores.emissions,
                scores.lengths,
                graph.y,
                ends=scores.ends,
                open_start=graph.open_ends[:, 0],
                open_end=graph.open_ends[:, 1],
            )
            losses = {"topology": nll.mean()}
        else:
            losses = {"topology": residue_loss(scores.emissions, graph.y, chains, smoothing)}
        if scores.types is not None:
            losses["type"] = type_loss(scores.types, graph.types | _says_nothing(graph))
        if scores.ends is not None:
            losses["cleavage"] = cleavage_loss(scores.ends, graph.y, graph.batch, chains)
        return losses

    @torch.no_grad()
    def decode(self, scores: Scores, decoder: str = DECODERS[0]) -> Decoded:
        """Turn scores into topologies.

        Parameters
        ----------
        scores
            Of a batch of whole chains.
        decoder
            ``posterior``: the type of the largest probability, where those with helices count more
            (:data:`TYPE_GAIN`), then its legal topology with the largest expected number of right
            residues, where the side of a loop counts less than that it is one, and segments cost
            (:data:`TOPOLOGY_GAIN`); ``viterbi``: that type's best path, which misses segments whose
            ends are uncertain, as each of their many placements has little probability; ``argmax``:
            each residue's most probable label, legal or not.
        """
        scores = Scores(*(None if s is None else s.cpu() for s in scores))
        emissions, field = self._field(scores)
        tables = self.crf.forward_tables(emissions, **field)
        mass = tables.types  # (B, 5)
        types = fuse_types(mass, scores.types, self.type_shift, self.type_weights)
        # Scores that give each type the fused probability, its paths staying in proportion.
        field["type_scores"] = torch.where(mass.isfinite(), types - mass, 0.0)
        marginals = self.crf.marginals(
            emissions, **field, tables=tables, negligible=NEGLIGIBLE_TYPE
        )
        probabilities = marginals.labels if self.uses_crf else emissions.exp()
        if decoder == "argmax":
            labels = probabilities.argmax(1)
        else:
            labels = self.crf.decode(
                emissions,
                **field,
                decoder=decoder,
                types=chosen_types(marginals.types),
                marginals=marginals,
                gain=TOPOLOGY_GAIN,
            )
        confidence = self.crf.confidence(emissions, labels=labels, **field, marginals=marginals)
        return Decoded(
            labels.numpy(),
            tempered(probabilities.float().clamp(min=1e-9), self.label_temperature).numpy(),
            types.exp().float().numpy(),
            confidence.float().numpy(),
        )

    def type_evidence(self, scores: Scores) -> list[Tensor]:
        """Return what paths, head (where there is one) and shift say of the types, each (B, 5)."""
        scores = Scores(*(None if s is None else s.cpu() for s in scores))
        emissions, field = self._field(scores)
        evidence = [F.log_softmax(self.crf.type_log_mass(emissions, **field), dim=1)]
        if scores.types is not None:
            evidence.append(F.log_softmax(scores.types.double(), dim=1))
            evidence.append(self.type_shift.cpu().double().expand(len(scores.types), -1))
        return evidence

    def _field(self, scores: Scores) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Return emissions and the other inputs of the field, which is idle in argmax models."""
        if self.uses_crf:
            return scores.emissions, {"lengths": scores.lengths, "ends": scores.ends}
        return F.log_softmax(scores.emissions, dim=1), {"lengths": scores.lengths}

    def predictions(
        self, proteins: Sequence[Protein], scores: Scores, decoder: str = DECODERS[0]
    ) -> list[Prediction]:
        """Decode the scores of a batch into a prediction for each of its proteins."""
        decoded = self.decode(scores, decoder)
        ends = np.cumsum(scores.lengths.cpu().numpy())
        predictions = []
        for row, (protein, end) in enumerate(zip(proteins, ends, strict=True)):
            piece = slice(end - len(protein), end)
            labels = decode_labels(decoded.labels[piece])
            predictions.append(
                Prediction(
                    labels=labels,
                    type=protein_type(labels),
                    probabilities=decoded.probabilities[piece],
                    type_probabilities=decoded.types[row],
                    confidence=float(decoded.confidence[row]),
                    **shared_fields(protein),
                )
            )
        return predictions


def total_loss(losses: dict[str, Tensor], weights: LossConfig) -> Tensor:
    """Add up the heads' losses with the weights of the configuration."""
    return sum((getattr(weights, name) * loss for name, loss in losses.items()), torch.zeros(()))


def fuse_types(mass: Tensor, head: Tensor | None, shift: Tensor, weights: Tensor) -> Tensor:
    """Combine what is known of the types into log-probabilities, (B, 5).

    ``log p = w0 log p(paths) + w1 log p(head) + w2 shift + constant``; a type without a path
    stays impossible. The shift undoes class-weighted sampling (Menon et al. 2021, ICLR).
    """
    fused = weights[0].cpu().double() * F.log_softmax(mass, dim=1)
    if head is not None:
        fused = fused + weights[1].cpu().double() * F.log_softmax(head.double(), dim=1)
    fused = fused + weights[2].cpu().double() * shift.cpu().double()
    return F.log_softmax(fused.masked_fill(~mass.isfinite(), -torch.inf), dim=1)


def chosen_types(probabilities: Tensor) -> Tensor:
    """Choose types, int64 (B,), by their probabilities (B, 5) and :data:`TYPE_GAIN`."""
    gain = [TYPE_GAIN.get(name, 1.0) for name in TYPES]
    return (probabilities * probabilities.new_tensor(gain)).argmax(1)


def tempered(probabilities: Tensor, temperature: Tensor) -> Tensor:
    """Return p^(1/T), normalised over the last axis; 0 stays 0."""
    powers = probabilities ** (1 / temperature.cpu())
    return powers / powers.sum(-1, keepdim=True)


def _says_nothing(graph: Data) -> Tensor:
    """Chains cut at their start whose piece shows neither a segment nor all-inside, bool (B, 1).

    The type of the whole protein could not be told from such a piece.
    """
    telling = (graph.y == LABEL_INDEX["M"]) | (graph.y == LABEL_INDEX["B"])
    shows = scatter(telling.long(), graph.batch, dim_size=len(graph.length), reduce="max") > 0
    glob = graph.types[:, TYPE_INDEX["GLOB"]] & (graph.types.sum(1) == 1)
    return (graph.open_ends[:, 0] & ~shows & ~glob)[:, None]
