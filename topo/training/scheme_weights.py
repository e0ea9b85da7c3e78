"""Weights of a tagger with one grammar as initial weights of a tagger with another grammar."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from topo.grammar.table import Grammar
from topo.nn.tagger import Tagger

RARE = -9.0
"""Initial score of a transition into a new state, and of a chain that starts in one."""

STAY = -0.1
"""Initial score of each residue of a new state beyond its minimum, for some ten residues in all.

The emissions of a new state are those of the label that its residues had so far. With both scores
a loop of a hundred residues has such a segment with a probability of about a tenth.
"""


def fitted_weights(start: Tagger, target: Tagger) -> dict[str, Tensor]:
    """Return the weights of a tagger by name, in the shapes of one with another grammar.

    States, emission channels and types are matched by name. A new channel, such as that of a
    re-entrant segment on the inner side, gets the weights of the channel of its six-letter
    equivalent, here the inside. New states are rare (:data:`RARE`, :data:`STAY`); everything else
    that is new keeps the weights of ``target``.

    Parameters
    ----------
    start
        Tagger with trained weights.
    target
        Tagger with the same architecture and the other grammar; it is not changed.
    """
    old, new = start.crf.grammar, target.crf.grammar
    theirs, found = start.state_dict(), dict(target.state_dict())
    rows = _channel_rows(old, new)
    names = old.scheme.type_names
    types = [names.index(n) if n in names else None for n in new.scheme.type_names]
    states = [old.index.get(state.name) for state in new.states]
    arcs = [old.arcs.index(a) if (a := _arc(old, new, arc)) else None for arc in new.arcs]
    for name, weights in theirs.items():
        if name not in found:
            continue
        if name.startswith("topology_head.2."):
            found[name] = _taken(weights, found[name], rows)
        elif name.startswith("type_head.score.2.") or name == "type_shift":
            found[name] = _taken(weights, found[name], types)
        elif name == "crf.transition":
            found[name] = _taken(weights, found[name], arcs)
        elif name.startswith("crf."):
            found[name] = _taken(weights, found[name], states)
        else:
            found[name] = weights
    known = [place is not None for place in states]
    into_new = torch.tensor([known[a] and not known[b] for a, b in new.arcs])
    found["crf.transition"] = torch.where(into_new, RARE, found["crf.transition"])
    fresh = torch.tensor([not place for place in known])
    found["crf.start"] = torch.where(fresh, RARE, found["crf.start"])
    found["crf.stay"] = torch.where(fresh, STAY, found["crf.stay"])
    return found


def _arc(old: Grammar, new: Grammar, arc: tuple[int, int]) -> tuple[int, int] | None:
    """Return an arc of the new grammar as one of the old grammar."""
    source, target = (old.index.get(new.states[k].name) for k in arc)
    if source is None or target is None or (source, target) not in old.arcs:
        return None
    return source, target


def _channel_rows(old: Grammar, new: Grammar) -> list[int | None]:
    """Return the row of the old emissions that each channel of the new grammar starts from."""
    channels = {name: row for row, name in enumerate(old.channels)}
    equivalent = {
        state.emission: channels.get(six) for state, six in zip(new.states, new.six, strict=True)
    }
    return [channels.get(name, equivalent.get(name)) for name in new.channels]


def _taken(weights: Tensor, other: Tensor, rows: Sequence[int | None]) -> Tensor:
    """Copy rows of weights, and as many columns as both have, over those of another tensor."""
    found = other.clone()
    for place, row in enumerate(rows):
        if row is not None and weights.dim() == 1:
            found[place] = weights[row]
        elif row is not None:
            width = min(weights.shape[1], other.shape[1])
            found[place, :width] = weights[row, :width]
    return found
