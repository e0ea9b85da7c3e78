"""Ensemble of taggers that predicts as one model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from topo.crf.layer import GrammarCRF
from topo.graph import ResidueGraph
from topo.nn.decoding import Scores, TopologyModel
from topo.nn.tagger import Tagger


class Ensemble(TopologyModel):
    """Taggers over the same grammar whose scores are averaged before decoding.

    The score of a path is linear in the emissions and in the scores of the grammar, so averaging
    both gives each topology the geometric mean of the members' probabilities, normalised. A
    prediction takes one pass through every member's network and one decoding.

    Parameters
    ----------
    members
        Taggers with the same heads, grammar and channels; other parts may differ.

    Raises
    ------
    ValueError
        If the members differ in heads or grammar.
    """

    def __init__(self, members: Sequence[Tagger]) -> None:
        super().__init__()
        first = members[0]
        for member in members[1:]:
            if _heads(member) != _heads(first):
                raise ValueError("the members differ in heads or grammar")
        self.members = nn.ModuleList(members)
        self.uses_crf = first.uses_crf
        self.crf = GrammarCRF(first.crf.grammar)  # which has the channels of the members already
        states = [member.state_dict() for member in members]
        with torch.no_grad():
            for name, parameter in self.crf.named_parameters():
                parameter.copy_(_mean([state[f"crf.{name}"] for state in states]))
        for name in ("label_temperature", "type_weights", "type_shift"):
            self.register_buffer(name, _mean([state[name] for state in states]))

    def features(self, graph: ResidueGraph) -> Tensor:
        """Return the inputs of the members' heads for each residue, side by side, (R, widths)."""
        return torch.cat([member.features(graph) for member in self._taggers()], dim=1)

    def score(self, x: Tensor, batch: Tensor, lengths: Tensor) -> Scores:
        """Average the scores that the members' heads compute from their own part of ``x``."""
        pairs = zip(
            self._taggers(),
            x.split([member.trunk.width for member in self._taggers()], dim=1),
            strict=True,
        )
        scores = [member.score(part, batch, lengths) for member, part in pairs]
        # Log-probabilities, so that no member outweighs another by the scale of its type scores.
        types = [s.types.log_softmax(1) for s in scores if s.types is not None]
        cleavage = [s.cleavage for s in scores if s.cleavage is not None]
        return Scores(
            emissions=_mean([self._comparable(s.emissions) for s in scores]),
            types=_mean(types) if types else None,
            cleavage=_mean(cleavage) if cleavage else None,
            lengths=lengths,
        )

    def _taggers(self) -> list[Tagger]:
        return cast(list[Tagger], list(self.members))

    def _comparable(self, emissions: Tensor) -> Tensor:
        return emissions if self.uses_crf else emissions.log_softmax(1)


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(0)


def _heads(tagger: Tagger) -> tuple[object, ...]:
    return (
        tagger.uses_crf,
        tagger.crf.grammar,
        tagger.type_head is None,
        tagger.cleavage_head is None,
    )
