"""Posterior of one chain under conditions."""

from __future__ import annotations

import torch

from topo.crf.conditions import (
    LEAST_LOG_PROBABILITY,
    Conditions,
    condition_grammar,
    permitted_channels,
    without_types,
)
from topo.crf.posterior import Posterior, forward_tables
from topo.errors import TopoError


def condition(posterior: Posterior, allowed: Conditions, negligible: float = 0.0) -> Posterior:
    """Condition the posterior of one chain.

    Parameters
    ----------
    posterior
        Posterior of one chain, with its type scores.
    allowed
        Conditions that the paths must meet.
    negligible
        As for :class:`topo.crf.posterior.Posterior`.

    Returns
    -------
    Posterior
        Posterior of the paths left; its ``log_partition`` less that of ``posterior`` is the
        log-probability of the conditions.

    Raises
    ------
    TopoError
        If the conditions are too improbable to compute with.
    """
    grammar, scores = condition_grammar(posterior.paths.grammar, posterior.paths.scores, allowed)
    permitted = torch.from_numpy(permitted_channels(grammar, allowed))
    batch = posterior.paths.batch.permit(permitted)
    tables = forward_tables(grammar.automaton, scores, batch)
    # Paths that use forbidden labels have a tiny probability; types with no others are left out.
    possible = tables.types - posterior.type_mass >= LEAST_LOG_PROBABILITY
    grammar = without_types(grammar, possible[0].numpy())
    tables = tables._replace(types=tables.types.masked_fill(~possible, -torch.inf))
    given = Posterior(grammar, scores, batch, tables, negligible)
    if not float(given.log_partition - posterior.log_partition) >= LEAST_LOG_PROBABILITY:
        raise TopoError(
            "the model gives the constraints a log-probability below "
            f"{LEAST_LOG_PROBABILITY:,.0f}, which is too improbable to compute with"
        )
    return given
