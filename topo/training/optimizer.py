"""Muon for the recurrent stack's matrices and AdamW for the rest, as one optimiser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from typing import Any

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from topo.config import TrainingConfig
from topo.nn.trunk import weight_name

Groups = list[dict[str, Any]]


class MuonWithAdamW(Optimizer):
    """Step matrices by their orthogonalised momentum, everything else by AdamW.

    Muon is Jordan et al. 2024 (kellerjordan.github.io/posts/muon); its updates are scaled to the
    root mean square of AdamW's (Liu et al. 2025, arXiv:2502.16982), so that both take learning
    rates of one size. A schedule steps the groups of both.

    Parameters
    ----------
    matrices
        Parameter groups for Muon, of parameters of two dimensions.
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
        """Take a step with both."""
        loss = None if closure is None else closure()
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up the states of both."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
        self.param_groups[:] = self._groups()  # loading replaced them


def make_optimizer(
    model: nn.Module, training: TrainingConfig, initialised: Container[str] = ()
) -> Optimizer:
    """Return the optimiser of a trunk or tagger.

    Biases, norms and the grammar's scores do not decay. The first group is one of AdamW's.

    Parameters
    ----------
    model
        Model with a trunk, whose grammar's scores, if any, are in ``crf``.
    training
        Which optimiser, its rates and its decay.
    initialised
        Names of the weights that came from another model; ``init_rate`` applies to them.
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
