"""Muon for the recurrent stack's matrices and AdamW for the rest, as one optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.optim import AdamW, Muon, Optimizer


class MuonWithAdamW(Optimizer):
    """Step matrices by their orthogonalised momentum, everything else by AdamW.

    Muon is Jordan et al. 2024 (kellerjordan.github.io/posts/muon); its updates are scaled to the
    root mean square of AdamW's (Liu et al. 2025, arXiv:2502.16982), so that both take learning
    rates of one size. A schedule steps the groups of both.

    Parameters
    ----------
    matrices
        Parameters of two dimensions.
    groups
        Parameter groups for AdamW.
    learning_rate
        Of the matrices.
    weight_decay
        Of the matrices.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        groups: Iterable[dict[str, Any]],
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        muon = Muon(
            list(matrices),
            lr=learning_rate,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        self.parts = {"muon": muon, "adamw": AdamW(list(groups), weight_decay=0.0)}
        super().__init__(self._groups(), {})

    def _groups(self) -> list[dict[str, Any]]:
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
