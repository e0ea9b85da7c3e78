"""Losses of soft labels against all paths and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from topo.crf.layer import GrammarCRF
from topo.labels import LETTERS

LENGTHS = torch.tensor([9, 30])


def chains(seed: int = 0) -> tuple[GrammarCRF, Tensor, Tensor]:
    torch.manual_seed(seed)
    crf = GrammarCRF().double()
    with torch.no_grad():
        for parameter in (crf.transition, crf.stay, crf.start, crf.end):
            parameter.normal_(std=0.3)
    emissions = torch.randn(int(LENGTHS.sum()), LETTERS, dtype=torch.float64)
    soft = torch.rand(int(LENGTHS.sum()), LETTERS, dtype=torch.float64).softmax(1)
    return crf, emissions.requires_grad_(), soft


def marginals(crf: GrammarCRF, emissions: Tensor) -> Tensor:
    return crf.posterior(emissions, LENGTHS).labels.double()


def test_the_slope_of_the_likelihood_is_the_difference_of_marginals() -> None:
    crf, emissions, soft = chains()
    crf.soft_loss(emissions, LENGTHS, soft).sum().backward()
    torch.testing.assert_close(emissions.grad, marginals(crf, emissions) - soft, atol=1e-6, rtol=0)
    assert all(parameter.grad is None for parameter in crf.parameters())


@pytest.mark.parametrize("opened", [None, [[True, False], [False, True]]])
@pytest.mark.parametrize("loss", ["likelihood", "marginals"])
def test_slopes_are_those_of_differences(loss: str, opened: list[list[bool]] | None) -> None:
    crf, emissions, soft = chains(1)
    ends = None if opened is None else torch.tensor(opened)

    def value(x: Tensor) -> Tensor:
        return crf.soft_loss(x, LENGTHS, soft, loss, opened=ends).sum()

    value(emissions).backward()
    assert emissions.grad is not None
    random = torch.Generator().manual_seed(0)
    for _ in range(4):
        way = torch.randn(emissions.shape, generator=random, dtype=torch.float64)
        with torch.no_grad():
            step = 1e-5 * way
            difference = (value(emissions + step) - value(emissions - step)) / 2e-5
        slope = (emissions.grad * way).sum()
        torch.testing.assert_close(slope, difference, rtol=2e-3, atol=2e-4)


def test_the_divergence_is_that_of_the_marginals_and_zero_at_them() -> None:
    crf, emissions, soft = chains(2)
    own = marginals(crf, emissions)
    each = (soft * (soft.log() - own.clamp(min=1e-6).log())).sum(1)
    expected = torch.stack([part.sum() for part in each.split(LENGTHS.tolist())])
    found = crf.soft_loss(emissions, LENGTHS, soft, "marginals")
    torch.testing.assert_close(found.detach(), expected.detach(), rtol=1e-5, atol=1e-5)
    at_minimum = crf.soft_loss(emissions, LENGTHS, own, "marginals")
    assert at_minimum.abs().max() < 1e-4


def test_both_losses_lead_to_the_soft_labels() -> None:
    crf, _, _ = chains(3)
    target = marginals(crf, 2 * torch.randn(39, LETTERS, dtype=torch.float64))
    for loss in ("likelihood", "marginals"):
        emissions = torch.zeros(39, LETTERS, dtype=torch.float64, requires_grad=True)
        before = (marginals(crf, emissions) - target).abs().mean()
        optimizer = torch.optim.Adam([emissions], lr=0.3)
        for _ in range(40):
            optimizer.zero_grad()
            crf.soft_loss(emissions, LENGTHS, target, loss).sum().backward()
            optimizer.step()
        after = (marginals(crf, emissions.detach()) - target).abs().mean()
        assert after < 0.25 * before
        assert np.isfinite(float(after))
