"""The padded recurrent stack against packing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from topo.config import RecurrentConfig
from topo.nn.recurrent import ChainLayout, RecurrentLayer, RecurrentStack, padding_waste

LENGTHS = [7, 1, 12, 12, 3]


def _packed(layer: RecurrentLayer, x: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    packed = pack_sequence(list(x.split(lengths)), enforce_sorted=False)
    return torch.cat(unpack_sequence(layer.rnn(packed)[0]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("direction", ["uni", "bi"])
def test_layer_equals_packing_forward_and_backward(cell: str, direction: str) -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(5, RecurrentConfig(cell=cell, direction=direction, size=6)).double()
    x = torch.randn(sum(LENGTHS), 5, dtype=torch.float64)
    weights = torch.randn(sum(LENGTHS), layer.width, dtype=torch.float64)
    results = []
    for run in (
        lambda x: layer(x, ChainLayout.of(torch.tensor(LENGTHS))),
        lambda x: _packed(layer, x, LENGTHS),
    ):
        layer.zero_grad()
        leaf = x.clone().requires_grad_()
        out = run(leaf)
        (out * weights).sum().backward()
        gradients = [p.grad.clone() for p in layer.parameters()]
        results.append([out.detach(), leaf.grad, *gradients])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_cuda_layout_equals_padded_layout(cell: str) -> None:
    """The order given to cuDNN is checked on the CPU, where packing runs as well."""
    torch.manual_seed(0)
    layer = RecurrentLayer(5, RecurrentConfig(cell=cell, size=6)).double()
    x = torch.randn(sum(LENGTHS), 5, dtype=torch.float64)
    layout = ChainLayout.of(torch.tensor(LENGTHS))
    torch.testing.assert_close(layer._packed(x, layout), layer(x, layout))


@settings(max_examples=20)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.randoms())
def test_a_chain_does_not_feel_its_company(lengths: list[int], random) -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(4, RecurrentConfig(size=3, layers=2)).double().eval()
    chains = [torch.randn(n, 4, dtype=torch.float64) for n in lengths]
    order = random.sample(range(len(lengths)), len(lengths))
    together = stack(
        torch.cat([chains[i] for i in order]), torch.tensor([lengths[i] for i in order])
    )
    for i, part in zip(order, together.split([lengths[i] for i in order]), strict=True):
        alone = stack(chains[i], torch.tensor([lengths[i]]))
        torch.testing.assert_close(part, alone)


def test_initial_weights_follow_the_field() -> None:
    layer = RecurrentLayer(5, RecurrentConfig(size=8))
    for gate in layer.rnn.weight_hh_l0.split(8):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)
    assert (layer.rnn.bias_ih_l0 + layer.rnn.bias_hh_l0).tolist() == [0.0] * 8 + [1.0] * 8 + [
        0.0
    ] * 16


def test_padding_waste_is_the_share_of_padding() -> None:
    assert padding_waste(torch.tensor([2, 4])) == pytest.approx(0.25)
    assert padding_waste(torch.tensor([5])) == 0
