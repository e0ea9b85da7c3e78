"""Several taggers as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from topo.crf.layer import GrammarCRF
from topo.nn.tagger import Scores, Tagger


class Ensemble(Tagger):
    """Taggers over the same grammar whose scores are averaged before decoding.

    The score of a path is linear in the emissions and in the scores of the grammar, so averaging
    both gives each topology the geometric mean of the members' probabilities, normalised. One
    pass through every member's network, one decoding.

    Parameters
    ----------
    members
        Taggers with the same heads, grammar and channels; other parts may differ.

    Raises
    ------
    ValueError
        If they do not fit together.
    """

    def __init__(self, members: Sequence[Tagger]) -> None:
        nn.Module.__init__(self)
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

    def features(self, graph: Data) -> Tensor:
        """Return what the members' heads read of each residue, side by side, (R, widths)."""
        return torch.cat([member.features(graph) for member in self.members], dim=1)

    def score(self, x: Tensor, batch: Tensor, lengths: Tensor) -> Scores:
        """Average the scores that the members' heads give to their own part of ``x``."""
        parts = x.split([member.recurrent.width for member in self.members], dim=1)
        pairs = zip(self.members, parts, strict=True)
        scores = [member.score(part, batch, lengths) for member, part in pairs]
        # Log-probabilities, so that no member outweighs another by the scale of its type scores.
        types = [s.types.log_softmax(1) for s in scores if s.types is not None]
        ends = [s.ends for s in scores if s.ends is not None]
        return Scores(
            emissions=_mean([self._comparable(s.emissions) for s in scores]),
            types=_mean(types) if types else None,
            ends=_mean(ends) if ends else None,
            lengths=lengths,
        )

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
