"""Trunk shared by the tagger and by pre-training: graph encoder, convolutions, recurrent stack."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from topo.config import GraphConfig, ModelConfig
from topo.graph import NODE_FEATURES, STRUCTURE_FEATURES, ResidueGraph
from topo.nn.convolution import ChainConvolution
from topo.nn.encoder import GraphEncoder
from topo.nn.projection import FeatureProjection
from topo.nn.recurrent import RecurrentStack

TRUNK = ("features.", "encoder.", "conv.", "recurrent.")
"""Prefixes of the names of the trunk's weights."""

_PREFIX = "trunk."


class Trunk(nn.Module):
    """Projection of features, graph convolutions, chain convolutions and recurrent stack.

    Parameters
    ----------
    config
        Architecture.
    graph
        Window of the graphs, whether they have structure, and their number of features.
    values
        Number of node features of records other than proteins.
    """

    def __init__(self, config: ModelConfig, graph: GraphConfig, values: int | None = None) -> None:
        super().__init__()
        features = values or NODE_FEATURES + (STRUCTURE_FEATURES if graph.structure else 0)
        self.features: FeatureProjection | None = None
        if graph.features.width:
            self.features = FeatureProjection(graph.features.width, config.encoder.projection)
            features += config.encoder.projection
        self.encoder = GraphEncoder(features, graph, config.encoder)
        self.conv = ChainConvolution(self.encoder.width, config.conv, config.encoder.dropout)
        self.recurrent = RecurrentStack(self.conv.width, config.recurrent)
        self.width = self.recurrent.width

    def forward(self, graph: ResidueGraph) -> Tensor:
        """Map a batch of residue graphs to features of its residues, (R, directions x size)."""
        x = graph.x
        if self.features is not None:
            x = torch.cat([x, self.features(graph.features, graph.has_features)], dim=1)
        x = self.encoder(graph, x)  # (R, gcs)
        x = self.conv(x, graph.length)
        return self.recurrent(x, graph.length)


def weight_name(name: str) -> str:
    """Name in state dictionaries and files of the parameter ``name`` of a model with a trunk."""
    return name.removeprefix(_PREFIX)


def name_trunk_weights(model: nn.Module) -> None:
    """Leave out ``trunk.`` in the names of a model's state dictionary, on saving and on loading.

    Checkpoint files have always named these weights by the trunk's parts alone (:data:`TRUNK`).

    Parameters
    ----------
    model
        Model with a :class:`Trunk` as its attribute ``trunk``.
    """
    model.register_state_dict_post_hook(_shorten)
    model.register_load_state_dict_pre_hook(_lengthen)


def _shorten(model: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    _rename(state, {name: prefix + weight_name(name.removeprefix(prefix)) for name in state
                    if name.startswith(prefix)})  # fmt: skip


def _lengthen(model: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    parts = tuple(prefix + part for part in TRUNK)
    _rename(state, {name: prefix + _PREFIX + name.removeprefix(prefix) for name in state
                    if name.startswith(parts)})  # fmt: skip


def _rename(state: dict[str, Any], names: dict[str, str]) -> None:
    """Rename keys in place; their order stays."""
    for name in list(state):
        state[names.get(name, name)] = state.pop(name)
