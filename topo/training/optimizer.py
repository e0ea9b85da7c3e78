"""Optimisers and learning-rate schedules.

Muon updates the matrices of the recurrent stack, AdamW all other weights.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from topo.config import TrainingConfig
from topo.nn.trunk import weight_name

Groups = list[dict[str, Any]]


class MuonWithAdamW(Optimizer):
    """Optimiser that updates matrices by Muon and all other weights by AdamW.

    Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) steps by the orthogonalised
    momentum. Its updates are scaled to the root mean square of AdamW's (Liu et al. 2025,
    arXiv:2502.16982), so that both use learning rates of the same size. A schedule changes the
    groups of both.

    Parameters
    ----------
    matrices
        Parameter groups for Muon; every parameter has two dimensions.
    rest
        Parameter groups for AdamW.
    """

    def __init__(self, matrices: Groups, rest: Groups) -> None:
        self.parts: dict[str, Optimizer] = {
            "adamw": AdamW(rest, weight_decay=0.0),
            "muon": Muon(matrices, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        }
        super().__init__(self._groups(), {})

    def _groups(self) -> Groups:
        return [group for part in self.parts.values() for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all weights."""
        loss = None if closure is None else closure()
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each optimiser by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load the state of each optimiser."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
        self.param_groups[:] = self._groups()  # loading replaces the groups


def make_optimizer(
    model: nn.Module, training: TrainingConfig, initialised: Container[str] = ()
) -> Optimizer:
    """Return the optimiser of a trunk or tagger.

    Biases, norms and the scores of the grammar have no weight decay. The first group belongs to
    AdamW.

    Parameters
    ----------
    model
        Model with a trunk; the scores of its grammar, if any, are in ``crf``.
    training
        Optimiser, learning rates and weight decay.
    initialised
        Names of the weights that come from another model; ``init_rate`` applies to them.
    """
    groups: dict[str, dict[tuple[float, float], list[nn.Parameter]]] = {
        "adamw": defaultdict(list),
        "muon": defaultdict(list),
    }
    for parameter, weight in model.named_parameters():
        name = weight_name(parameter)
        if not weight.requires_grad:
            continue
        grammar = name.startswith("crf.")
        rate = training.learning_rate * (training.init_rate if name in initialised else 1.0)
        decay = 0.0 if grammar or weight.ndim <= 1 else training.weight_decay
        if grammar:
            rate *= training.grammar_rate
        kind = "adamw"
        if training.optimizer == "muon" and name.startswith("recurrent.") and weight.ndim == 2:
            kind, rate = "muon", rate * training.muon_rate
        groups[kind][rate, decay].append(weight)
    adamw, matrices = (
        [
            {"params": weights, "lr": rate, "weight_decay": decay}
            for (rate, decay), weights in groups[kind].items()
        ]
        for kind in ("adamw", "muon")
    )
    return MuonWithAdamW(matrices, adamw) if matrices else AdamW(adamw, weight_decay=0.0)


def learning_rate_factor(
    training: TrainingConfig, steps: int, earlier: Sequence[tuple[int, int]] = ()
) -> Callable[[int], float]:
    """Return a function from a step to the factor of the learning rate.

    A training that was lengthened goes over from the factor of its last step to that of a training
    of the new length, in a line over the share ``training.warmup`` of the remaining steps. The
    factor is thus at most the larger of the two.

    Parameters
    ----------
    training
        Length of the warm-up, which the decay along a cosine follows.
    steps
        Number of steps of the whole training.
    earlier
        Earlier lengths of the training, in steps, each with the step at which it was lengthened.
    """
    totals = [*(total for total, _ in earlier), steps]
    factor = _warmup_and_cosine(training.warmup, totals[0])
    for (_, start), total in zip(earlier, totals[1:], strict=True):
        ramp = max(1, round(training.warmup * (total - start)))
        factor = _joined(factor, _warmup_and_cosine(training.warmup, total), start, ramp)
    return factor


def _warmup_and_cosine(share: float, steps: int) -> Callable[[int], float]:
    warmup = max(1, round(share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        share = min(1.0, (step - warmup) / max(1, steps - warmup))
        return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2

    return factor


def _joined(
    before: Callable[[int], float], after: Callable[[int], float], start: int, ramp: int
) -> Callable[[int], float]:
    """Go over from one schedule to another in ``ramp`` steps from ``start``."""
    low = before(max(0, start - 1))

    def factor(step: int) -> float:
        if step < start:
            return before(step)
        if step >= start + ramp:
            return after(step)
        return low + (after(step) - low) * (step - start + 1) / (ramp + 1)

    return factor
