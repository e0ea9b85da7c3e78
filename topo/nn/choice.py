"""Choice of each chain's type and topology: the best that is plausible and supported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from topo.crf.costs import DecoderCosts
from topo.crf.posterior import Posterior
from topo.grammar.plausibility import Limits, is_plausible
from topo.grammar.table import Grammar
from topo.labels import HELIX, STRAND
from topo.labels.scheme import LabelScheme

TOPOLOGY_COSTS = DecoderCosts(side=0.25, segment=1.0, helix=18, short=0.5)
"""Costs of the posterior decoder.

Without them, the expected number of correct labels favours a spurious short helix wherever the
sides of two long loops do not fit each other. Chosen on fold cv3 with three models, on a plateau
of similar values.
"""

TYPE_WEIGHTS = {"TM": 2.5, "SP+TM": 2.0}
"""Weights of the types' probabilities when the type is chosen; the others have 1.

Without them, rare types lose: single helices of long chains are missed more often than they are
predicted in error. Chosen on fold cv3 with six models, on a plateau
(``checkpoints/training/EXPERIMENTS.md``).
"""

HELIX_SUPPORT = 0.3
"""Least value, at any residue of any helix of a predicted topology, of the helix's probability
given the topology's type."""

BARREL_SUPPORT = 0.35
"""Least mean probability of the strand label over all residues of a predicted barrel's strands.

The probability is that over all types. Chosen on folds cv0, cv1 and cv3 with models that had not
seen them: secreted proteins called barrels are below, all annotated barrels are above.
"""


def choose_topologies(posterior: Posterior, grammar: Grammar, decoder: str) -> Tensor:
    """Choose a type and one of its topologies for each chain.

    The types are tried in the order of their weighted probabilities. A type is taken if its best
    topology is plausible (:func:`topo.grammar.plausibility.is_plausible`) and supported
    (:data:`HELIX_SUPPORT`, :data:`BARREL_SUPPORT`). The best topology is computed from the label
    probabilities over all types, so that of two sides of a loop the one is preferred that is also
    right for the other types; that of a barrel from the probabilities given its type, because
    strands of a type with a probability below one half never have the majority.

    Parameters
    ----------
    posterior
        Posterior distribution of the chains.
    grammar
        Grammar of the paths.
    decoder
        ``posterior`` or ``viterbi``.

    Returns
    -------
    Tensor
        Label indices, int64 (R,). If a grammar has no plausible topology for a chain, the best
        legal one of its first type.
    """
    limits = Limits().within(grammar)
    order, lengths = rank_types(posterior, grammar.scheme.type_names), posterior.lengths
    labels = torch.zeros(int(lengths.sum()), dtype=torch.int64)
    waiting = torch.ones(len(lengths), dtype=torch.bool)
    for types in order.T:
        part = posterior.select(waiting)
        found = _best(part, types[waiting], decoder, limits)
        labels[waiting.repeat_interleave(lengths)] = found
        waiting[waiting.clone()] = ~_accepted(found, types[waiting], part, limits)
        if not waiting.any():
            return labels
    part, types = posterior.select(waiting), order[waiting, 0]
    labels[waiting.repeat_interleave(lengths)] = _best(part, types, decoder, None)
    return labels


def rank_types(posterior: Posterior, names: Sequence[str]) -> Tensor:
    """Order the types of each chain by weighted probability, largest first, int64 (B, types).

    The weights are :data:`TYPE_WEIGHTS`, by type name. Types without a topology come last.
    """
    weights = [TYPE_WEIGHTS.get(name, 1.0) for name in names]
    weighted = posterior.types * posterior.types.new_tensor(weights)
    weighted = weighted.masked_fill(~posterior.type_mass.isfinite(), -1.0)
    return weighted.argsort(dim=1, descending=True, stable=True)


def _best(posterior: Posterior, types: Tensor, decoder: str, limits: Limits | None) -> Tensor:
    if decoder == "viterbi":
        return posterior.best_path(types, limits)
    costs = TOPOLOGY_COSTS._replace(limits=limits)
    labels, lengths = posterior.decode(costs, types), posterior.lengths
    scheme = posterior.paths.grammar.scheme
    strands = scheme.alike(STRAND)
    is_barrel = torch.tensor([bool(rule.has & strands) for rule in scheme.types])
    if (barrels := is_barrel[types]).any():
        given = posterior.select(barrels).given_types(types[barrels])
        labels[barrels.repeat_interleave(lengths)] = given.decode(costs, types[barrels])
    return labels


def _accepted(labels: Tensor, types: Tensor, posterior: Posterior, limits: Limits) -> Tensor:
    """Whether each chain's topology has its type, is plausible and supported, bool (B,)."""
    scheme = posterior.paths.grammar.scheme
    given = posterior.given_types(types)
    ends = posterior.lengths.cumsum(0).tolist()
    accepted = torch.zeros(len(ends), dtype=torch.bool)
    for b, (size, end) in enumerate(zip(posterior.lengths.tolist(), ends, strict=True)):
        part = slice(end - size, end)
        text, wanted = scheme.decode(labels[part].numpy()), scheme.type_names[int(types[b])]
        accepted[b] = scheme.type_of(text) == wanted and (
            not scheme.is_mapped
            or (
                is_plausible(scheme.to_six(text), limits)
                and _has_helix_support(labels[part].numpy(), given.labels[part].numpy(), scheme)
                and _has_barrel_support(
                    labels[part].numpy(), posterior.labels[part].numpy(), scheme
                )
            )
        )
    return accepted


def _has_helix_support(labels: np.ndarray, probabilities: np.ndarray, scheme: LabelScheme) -> bool:
    """Whether the helices have :data:`HELIX_SUPPORT`, by label probabilities (T, labels)."""
    helices = _own_probabilities(labels, probabilities, scheme, HELIX)
    return not len(helices) or bool(helices.max() >= HELIX_SUPPORT)


def _has_barrel_support(labels: np.ndarray, probabilities: np.ndarray, scheme: LabelScheme) -> bool:
    """Whether the strands have :data:`BARREL_SUPPORT`, by label probabilities (T, labels)."""
    strands = _own_probabilities(labels, probabilities, scheme, STRAND)
    return not len(strands) or bool(strands.mean() >= BARREL_SUPPORT)


def _own_probabilities(
    labels: np.ndarray, probabilities: np.ndarray, scheme: LabelScheme, six: str
) -> np.ndarray:
    """Probabilities of the labels that are alike to one of the six, at their residues."""
    own = probabilities[np.arange(len(labels)), labels]
    return own[np.isin(labels, [scheme.index[letter] for letter in scheme.alike(six)])]
