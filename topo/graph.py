"""Residue graph of a protein: node features, edges, edge features.

The fields of a graph (:class:`ResidueGraph`), R residues and E edges:

=============  =========  ========  ==============================================================
field          shape      dtype     meaning
=============  =========  ========  ==============================================================
x              (R, D)     float32   node features, D = :data:`NODE_FEATURES`, with structure
                                    :data:`STRUCTURE_FEATURES` more
edge_index     (2, E)     int64     source and target residue of each edge, sorted by target
separation     (E,)       int64     target minus source position in the chain, signed
distance       (E,)       float32   of the C-alphas, angstrom, NaN where unknown (with structure)
y              (R,)       int64     residue labels, -100 unknown (only with labels); a set of
                                    labels as in :meth:`LabelScheme.encode_six`
types          (1, 5)     bool      protein types that the labels leave possible (with labels)
features       (R, F)     float32   features of a file, 0 where unknown (in a graph with features)
has_features   (R,)       bool      whether the features are known (in a graph with features)
soft           (R, 6)     float32   label probabilities of a teacher, 0 if none (in distillation)
soft_types     (1, 5)     float32   type probabilities of a teacher, 0 if none (in distillation)
open_ends      (1, 2)     bool      whether the piece was cut at its start, at its end
length         (1,)       int64     number of residues
=============  =========  ========  ==============================================================

A graph with structure also has spatial edges, and its node features include the geometry of the
backbone. A protein without coordinates then has zeros and unknown distances, so that one model
serves both. All features are invariant to rotation and translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from topo.config import GraphConfig
from topo.errors import ConfigError
from topo.geometry import backbone_dihedrals, neighbours, sine_cosine, trace_angles
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein
from topo.residues import AMINO_ACIDS, CHARGE, HYDROPATHY, VOLUME

POSITION_SCALES = (5.0, 20.0, 70.0, 250.0)
"""Decay lengths, in residues, of the features for the distance to each end of the chain."""

_USUAL = 2048  # residues

NODE_FEATURES = len(AMINO_ACIDS) + 1 + 3 + 2 * len(POSITION_SCALES)
"""Width D of the node features: one-hot residue, three scales, distance to both termini."""

STRUCTURE_FEATURES = 2 * 5 + 3
"""Width of the features of a structure: five angles, pLDDT, and what is known."""


class ResidueGraph:
    """Graph or batch of graphs with the fields of the table at the top of this module.

    Only the fields that were set exist. They have the names that ``torch_geometric.data.Data``
    gives them, so ``Data(**graph.fields())`` is the same graph there. This class exists because
    prediction does without torch-geometric, whose import takes longer than that of torch.

    Parameters
    ----------
    **fields
        Tensors by name.
    """

    x: Tensor
    edge_index: Tensor
    separation: Tensor
    distance: Tensor
    y: Tensor
    types: Tensor
    features: Tensor
    has_features: Tensor
    soft: Tensor
    soft_types: Tensor
    open_ends: Tensor
    length: Tensor
    batch: Tensor
    target: Tensor

    def __init__(self, **fields: Tensor) -> None:
        self.__dict__.update(fields)

    def fields(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return dict(self.__dict__)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def to(self, device: torch.device | str) -> ResidueGraph:
        """Return the graph with all tensors on a device."""
        return ResidueGraph(**{name: x.to(device) for name, x in self.__dict__.items()})


def residue_graph(
    protein: Protein,
    config: GraphConfig,
    *,
    start: int = 0,
    end: int | None = None,
    types: Sequence[bool] | None = None,
    scheme: LabelScheme | None = SIX,
    complete: str = "",
) -> ResidueGraph:
    """Build the residue graph of a protein, or of the piece ``start:end`` of it.

    Parameters
    ----------
    protein
        Protein of at least one residue.
    config
        Chain window, whether structure and which spatial edges are added, and number of features.
    start, end
        Piece of the chain, half-open; its position features are those of the whole chain.
    types
        Whether each type of the scheme is possible, for proteins with labels; all if None.
    scheme
        Scheme of the labels; None leaves labels out.
    complete
        Labels that are given wherever they are true, see
        :meth:`topo.labels.scheme.LabelScheme.encode_six`.

    Returns
    -------
    ResidueGraph
        See the table at the top of this module.
    """
    size = len(protein)
    end = size if end is None else end
    edge_index, separation = chain_edges(end - start, config.window)
    x = node_features(protein.sequence, start, end)
    graph = ResidueGraph(
        length=torch.tensor([end - start]),
        open_ends=torch.tensor([[start > 0, end < size]]),
    )
    if config.structure:
        x = np.concatenate([x, structure_features(protein)[start:end]], axis=1)
        edge_index, graph.distance = _spatial(protein, start, end, edge_index, config)
        separation = edge_index[1] - edge_index[0]
    if config.features.width:
        graph.features, graph.has_features = _features(protein, start, end, config.features.width)
    graph.x, graph.edge_index, graph.separation = torch.from_numpy(x), edge_index, separation
    if protein.labels is not None and scheme is not None:
        graph.y = torch.from_numpy(scheme.encode_six(protein.labels[start:end], complete))
        graph.types = torch.tensor([[True] * len(scheme.types) if types is None else list(types)])
    return graph


def node_features(sequence: str, start: int = 0, end: int | None = None) -> np.ndarray:
    """Return the features of residues ``start:end``, float32, shape (end - start, D).

    One-hot residue (20 and unknown); hydropathy, charge and volume, each about unit size, 0 where
    the residue is unknown; exp(-d / scale) of the distance d to the N-terminus and to the
    C-terminus for each of :data:`POSITION_SCALES`.
    """
    end = len(sequence) if end is None else end
    letters = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)[start:end]
    position = np.arange(start, end, dtype=np.float32)[:, None]
    scales = np.asarray(POSITION_SCALES, dtype=np.float32)
    ends = [np.exp(-position / scales), np.exp((position - (len(sequence) - 1)) / scales)]
    return np.concatenate([_residue_table()[np.minimum(letters, 127)], *ends], axis=1)


def structure_features(protein: Protein) -> np.ndarray:
    """Return the features of a protein's structure, float32, shape (R, STRUCTURE_FEATURES).

    Sine and cosine of alpha, kappa, phi, psi and omega (:mod:`topo.geometry`), all sines first;
    pLDDT / 100; whether the pLDDT is known; whether the C-alpha is known. Unknown values are 0.
    """
    features = np.zeros((len(protein), STRUCTURE_FEATURES), dtype=np.float32)
    if protein.coordinates is None:
        return features
    angles = np.full((len(protein), 5), np.nan)
    angles[:, :2] = trace_angles(protein.coordinates)
    if protein.backbone is not None:
        angles[:, 2:] = backbone_dihedrals(protein.backbone)
    features[:, :10] = sine_cosine(angles)
    if protein.plddt is not None:
        features[:, 10] = np.nan_to_num(protein.plddt / 100, nan=0.0)
        features[:, 11] = np.isfinite(protein.plddt)
    features[:, 12] = np.isfinite(protein.coordinates).all(axis=1)
    return features


def _features(protein: Protein, start: int, end: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the features of residues ``start:end`` and whether they are known."""
    size = end - start
    if protein.features is None:
        return torch.zeros(size, width), torch.zeros(size, dtype=torch.bool)
    if protein.features.shape[1:] != (width,):
        raise ConfigError(
            f"{protein.id}: found features of shape {tuple(protein.features.shape)}, expected "
            f"{width} for each residue, as the model reads"
        )
    values = np.asarray(protein.features[start:end], dtype=np.float32)
    return torch.from_numpy(values), torch.ones(size, dtype=torch.bool)


def _spatial(
    protein: Protein, start: int, end: int, chain: Tensor, config: GraphConfig
) -> tuple[Tensor, Tensor]:
    """Add spatial edges to those of the chain; return all, sorted, and their lengths."""
    if protein.coordinates is None:
        return chain, torch.full((chain.shape[1],), torch.nan)
    coordinates = protein.coordinates[start:end].astype(np.float64)
    near = neighbours(coordinates, config.knn, config.radius)
    both = np.concatenate([chain.T.numpy(), near])
    size = end - start
    target, source = np.divmod(np.unique(both[:, 1] * size + both[:, 0]), size)
    lengths = np.linalg.norm(coordinates[source] - coordinates[target], axis=1)
    edges = torch.from_numpy(np.stack([source, target]))
    return edges, torch.from_numpy(lengths.astype(np.float32))


@lru_cache(maxsize=1)
def _residue_table() -> np.ndarray:
    """Features of each ASCII code, float32, shape (128, 24)."""
    unknown = len(AMINO_ACIDS)
    table = np.zeros((128, unknown + 1 + 3), dtype=np.float32)
    table[:, unknown] = 1
    for index, residue in enumerate(AMINO_ACIDS):
        scales = (
            HYDROPATHY[residue] / 3,
            CHARGE.get(residue, 0.0),
            (VOLUME[residue] - 140) / 40,
        )
        row = np.zeros(unknown + 1 + 3, dtype=np.float32)
        row[index] = 1
        row[unknown + 1 :] = scales
        table[ord(residue)] = row
    return table


def chain_edges(size: int, window: int) -> tuple[Tensor, Tensor]:
    """Return the edges between chain neighbours; cached for chains of usual lengths.

    Returns
    -------
    edge_index
        int64, shape (2, E): source, target; sorted by target, then by source.
    separation
        int64, shape (E,): target minus source.
    """
    return (_chain_edges if size > _USUAL else _remembered_edges)(size, window)


def _chain_edges(size: int, window: int) -> tuple[Tensor, Tensor]:
    offsets = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    target = np.repeat(np.arange(size), len(offsets))
    source = target + np.tile(offsets, size)
    keep = (source >= 0) & (source < size)
    edges = torch.from_numpy(np.stack([source[keep], target[keep]]))
    return edges, edges[1] - edges[0]


_remembered_edges = lru_cache(maxsize=512)(_chain_edges)  # at most 200 MB


def collate(graphs: Sequence[ResidueGraph]) -> ResidueGraph:
    """Join graphs into one flat graph; ``batch`` (R,) is the graph of each residue.

    The same as ``torch_geometric.data.Batch.from_data_list`` for our fields. Fields that only some
    of the graphs have, such as labels, are left out.
    """
    lengths = torch.cat([graph.length for graph in graphs])
    starts = torch.cumsum(lengths, 0) - lengths
    edges = [g.edge_index + s for g, s in zip(graphs, starts.tolist(), strict=True)]
    fields = [graph.fields() for graph in graphs]
    joined = {
        name: torch.cat([known[name] for known in fields])
        for name in fields[0]
        if name != "edge_index" and all(name in known for known in fields)
    }
    return ResidueGraph(
        edge_index=torch.cat(edges, dim=1),
        batch=torch.repeat_interleave(torch.arange(len(graphs)), lengths),
        **joined,
    )
