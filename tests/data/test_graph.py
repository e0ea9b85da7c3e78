"""Residue graphs: features, edges, collation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from topo.config import GraphConfig
from topo.graph import (
    NODE_FEATURES,
    chain_edges,
    collate,
    node_features,
    residue_graph,
)
from topo.protein import Protein
from topo.residues import AMINO_ACIDS, HYDROPATHY

SEQUENCES = st.text(st.sampled_from(AMINO_ACIDS + "UOBZJX"), min_size=1, max_size=40)


@settings(max_examples=50)
@given(st.integers(1, 30), st.integers(1, 6))
def test_chain_edges_join_exactly_the_neighbours(size: int, window: int) -> None:
    edges, separation = chain_edges(size, window)
    found = {tuple(edge) for edge in edges.T.tolist()}
    assert found == {
        (i, j) for i in range(size) for j in range(size) if i != j and abs(i - j) <= window
    }
    assert len(found) == edges.shape[1]
    assert torch.equal(separation, edges[1] - edges[0])
    assert torch.equal(edges[1], edges[1].sort().values)


def test_features_of_known_and_unknown_residues() -> None:
    x = node_features("AWX")
    assert x.shape == (3, NODE_FEATURES)
    assert x.dtype == np.float32
    assert x[:, :21].sum(1).tolist() == [1, 1, 1]
    assert x[1, AMINO_ACIDS.index("W")] == 1
    assert x[2, 20] == 1
    assert x[0, 21] == pytest.approx(HYDROPATHY["A"] / 3)
    assert x[2, 21:24].tolist() == [0, 0, 0]


def test_biopython_agrees_on_hydropathy() -> None:
    from Bio.SeqUtils.ProtParamData import kd

    assert kd == HYDROPATHY


@given(SEQUENCES, st.data())
def test_a_piece_has_the_features_of_its_place_in_the_whole(sequence: str, data) -> None:
    start = data.draw(st.integers(0, len(sequence) - 1))
    end = data.draw(st.integers(start + 1, len(sequence)))
    np.testing.assert_array_equal(
        node_features(sequence, start, end), node_features(sequence)[start:end]
    )
    graph = residue_graph(Protein("p", sequence), GraphConfig(window=2), start=start, end=end)
    assert graph.open_ends.tolist() == [[start > 0, end < len(sequence)]]
    assert int(graph.length) == end - start == len(graph.x)


def test_position_features_tell_the_termini_apart() -> None:
    x = node_features("A" * 50)[:, 24:]
    assert x[0, :4].tolist() == [1, 1, 1, 1]
    assert x[-1, 4:].tolist() == [1, 1, 1, 1]
    assert (np.diff(x[:, 0]) < 0).all()
    np.testing.assert_allclose(x[:, :4], x[::-1, 4:], rtol=1e-5)


@settings(max_examples=25)
@given(st.lists(SEQUENCES, min_size=1, max_size=5))
def test_collate_equals_torch_geometric(sequences: list[str]) -> None:
    proteins = [Protein(str(i), s, labels="I" * len(s)) for i, s in enumerate(sequences)]
    graphs = [residue_graph(protein, GraphConfig(window=3)) for protein in proteins]
    ours = collate(graphs).fields()
    theirs = Batch.from_data_list([Data(**graph.fields()) for graph in graphs])
    assert set(ours) == set(theirs.keys()) - {"ptr"}
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def test_unknown_labels_become_the_ignored_index() -> None:
    graph = residue_graph(Protein("p", "MKV", labels="S-O"), GraphConfig(window=1))
    assert graph.y.tolist() == [3, -100, 1]
