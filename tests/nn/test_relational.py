"""The relational convolution and the sums by group, compared with torch-geometric."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import RGCNConv
from torch_geometric.utils import scatter

from topo.config import load_config
from topo.nn.relational import RelationalConvolution
from topo.nn.scatter import scatter_max, scatter_mean, scatter_sum
from topo.nn.tagger import Tagger
from topo.nn.weights import first_misfit


@pytest.mark.parametrize("relations", [2, 5])
def test_it_is_that_of_torch_geometric(relations: int) -> None:
    torch.manual_seed(0)
    theirs = RGCNConv(8, 8, num_relations=relations)
    torch.manual_seed(0)
    ours = RelationalConvolution(8, relations)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)
    x = torch.randn(30, 8, requires_grad=True)
    edges, relation = torch.randint(0, 30, (2, 90)), torch.randint(0, relations, (90,))
    results = []
    for convolution in (ours, theirs):
        out = convolution(x, edges, relation)
        gradients = torch.autograd.grad(out.square().sum(), [x, *convolution.parameters()])
        results.append((out, *gradients))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("shape", [(20,), (20, 3)])
def test_groups_are_those_of_torch_geometric(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values, index = torch.randn(shape), torch.randint(0, 5, (20,))
    functions = {"sum": scatter_sum, "mean": scatter_mean, "max": scatter_max}
    for name, function in functions.items():
        expected = scatter(values, index, dim_size=7, reduce=name)  # two groups are empty
        assert torch.equal(function(values, index, 7), expected), name


def test_a_check_of_shapes_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    model = RelationalConvolution(4, 2)
    torch.set_rng_state(before)
    assert first_misfit(lambda: RelationalConvolution(4, 2), model.state_dict()) is None
    assert torch.equal(torch.get_rng_state(), before)
    found = first_misfit(lambda: RelationalConvolution(4, 3), model.state_dict())
    assert found == "found weight of shape 2x4x4, expected 3x4x4"
    found = first_misfit(lambda: RelationalConvolution(10**6, 3), model.state_dict())
    assert found == "found weight of shape 2x4x4, expected 3x1000000x1000000"


def test_a_model_is_built_where_no_temporary_folder_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    config = load_config(None, ["model.encoder.kind=rgcn", "model.encoder.gcs=4"])
    assert Tagger(config.model, config.graph).trunk is not None
