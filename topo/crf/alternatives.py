"""Alternatives to a topology: other orders of segments, other sides, other numbers of segments."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from topo.crf import viterbi
from topo.crf.conditions import LEAST_LOG_PROBABILITY, side_masks
from topo.crf.costs import membrane_states
from topo.crf.levels import count_levels, expand, order_levels
from topo.crf.likelihood import ChainBatch
from topo.crf.orders import best_orders
from topo.crf.posterior import Posterior, forward_tables
from topo.labels import INSIDE, MEMBRANE, OUTSIDE, PERIPLASM, SIGNAL, STRAND
from topo.protein import Alternatives, Topology
from topo.segments import to_segments

MORE_SEGMENTS = 10
"""Numbers of segments up to this many above the predicted one have a probability of their own."""


def alternatives(posterior: Posterior, labels: str, count: int) -> Alternatives:
    """Summarise the posterior of one chain around its predicted topology.

    Parameters
    ----------
    posterior
        Posterior of the chain.
    labels
        Predicted topology.
    count
        Number of topologies to list.
    """
    batch = posterior.paths.batch
    everything = float(posterior.log_partition)
    orders = best_orders(
        batch.values,
        batch.cleavage_values,
        batch.type_values[0],
        count,
        everything + LEAST_LOG_PROBABILITY,
        posterior.paths.grammar.automaton,
        posterior.paths.scores,
    )
    scheme = posterior.paths.grammar.scheme
    predicted = scheme.encode("".join(segment.label for segment in to_segments(labels)))
    topologies = tuple(
        Topology(
            labels if np.array_equal(order, predicted) else _best_of_order(posterior, order),
            float(np.exp(min(mass - everything, 0.0))),
        )
        for order, mass in orders
    )
    return Alternatives(
        topologies=topologies,
        unlisted=max(0.0, 1.0 - sum(topology.probability for topology in topologies)),
        flipped=_flipped(posterior, labels),
        segments=_segment_counts(posterior, labels),
        n_inside=_n_inside(posterior),
    )


def flip(labels: str) -> str | None:
    """Return a topology with its sides exchanged; None where it has a signal peptide.

    Outside is exchanged with periplasm in barrels, with inside elsewhere.
    """
    if SIGNAL in labels:
        return None
    other = PERIPLASM if STRAND in labels else INSIDE
    return labels.translate(str.maketrans({OUTSIDE: other, other: OUTSIDE}))


def _flipped(posterior: Posterior, labels: str) -> float:
    """Probability of the predicted order of segments with its sides exchanged."""
    exchanged = flip(labels)
    if exchanged is None:
        return 0.0
    index = posterior.paths.grammar.scheme.encode(exchanged)
    return float(posterior.confidence(torch.from_numpy(index)))


def _best_of_order(posterior: Posterior, order: np.ndarray) -> str:
    """Labels of the best path with this order of segments."""
    levels = order_levels(posterior.paths.grammar.automaton, order)
    expanded = expand(posterior.paths.grammar.automaton, posterior.paths.scores, levels)
    batch = posterior.paths.batch
    labels, _ = viterbi.best_labels(
        batch.values,
        batch.cleavage_values,
        batch.offsets,
        np.ones((1, len(posterior.paths.grammar.scheme.types)), dtype=np.bool_),
        expanded.automaton,
        expanded.scores,
    )
    return posterior.paths.grammar.scheme.decode(labels)


def _segment_counts(posterior: Posterior, labels: str) -> tuple[float, ...]:
    """Probability of each number of membrane segments; the last one is of that many or more."""
    membrane = posterior.paths.grammar.scheme.alike(*MEMBRANE)
    predicted = sum(segment.label in membrane for segment in to_segments(labels))
    most = min(predicted + MORE_SEGMENTS, len(labels))
    grammar = posterior.paths.grammar
    levels = count_levels(membrane_states(grammar, grammar.automaton), most, open_end=True)
    expanded = expand(posterior.paths.grammar.automaton, posterior.paths.scores, levels)
    automaton, batch = expanded.automaton, posterior.paths.batch
    tables = forward_tables(automaton, expanded.scores, batch)
    mass = tables.exit[-1] + expanded.scores.end + batch.type_values[0][automaton.type]
    ending = np.where(automaton.end, mass - float(posterior.log_partition), -np.inf)
    shares = np.exp(ending)
    counts = np.bincount(expanded.level, shares, most + 1)
    return tuple((counts / counts.sum()).tolist())


def _n_inside(posterior: Posterior) -> float:
    """Probability that the chain begins inside, as a constraint ``N-term:in`` means it."""
    automaton = posterior.paths.grammar.automaton
    inside, _ = side_masks(posterior.paths.grammar, frozenset(INSIDE))
    part = automaton._replace(start=automaton.start & inside[automaton.state])
    batch: ChainBatch = posterior.paths.batch
    mass: Tensor = forward_tables(part, posterior.paths.scores, batch).types + batch.type_scores
    return min(float((mass.logsumexp(1) - posterior.log_partition).exp()), 1.0)
