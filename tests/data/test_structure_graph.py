"""Geometry against Biopython, graphs with structure, and what a model makes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.PDB import PDBParser, PPBuilder
from Bio.PDB.vectors import calc_dihedral
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from structure_files import helix, pdb_text

from topo.config import Config, EncoderConfig, GraphConfig, ModelConfig, RecurrentConfig
from topo.data.dataset import ProteinDataset
from topo.data.types import type_sets
from topo.geometry import backbone_dihedrals, dihedral, neighbours, trace_angles
from topo.graph import STRUCTURE_FEATURES, collate, residue_graph, structure_features
from topo.io.structure import StructureFolder, read_structure
from topo.nn.encoder import GraphEncoder
from topo.nn.tagger import Tagger
from topo.protein import Protein

KINDS = ["gcn", "sage", "gat", "rgcn", "schnet"]
GRAPH = GraphConfig(structure=True)
RANDOM = np.random.default_rng(3)


def walk(size: int, seed: int = 0) -> Protein:
    """Make a protein whose C-alphas walk at random in steps of 3.8 angstrom."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(size, 3))
    trace = np.cumsum(3.8 * steps / np.linalg.norm(steps, axis=1)[:, None], axis=0)
    offsets = 0.9 * random.normal(size=(size, 3, 3)) * np.array([1, 0, 1])[:, None]
    backbone = trace[:, None] + offsets  # N and C anywhere near, bonded or not as it happens
    sequence = "".join(random.choice(list("ACDEFGHIKLMNPQRSTVWY"), size))
    return Protein(
        f"walk{seed}",
        sequence,
        labels="I" * size,
        coordinates=trace.astype(np.float32),
        backbone=backbone.astype(np.float32),
        plddt=random.uniform(30, 100, size).astype(np.float32),
    )


def moved(protein: Protein, seed: int, mirror: bool = False) -> Protein:
    """Rotate and shift a protein, or mirror it."""
    turn = Rotation.random(random_state=seed).as_matrix()
    turn[0] *= -1 if mirror else 1
    shift = np.random.default_rng(seed).normal(scale=30, size=3)

    def move(array: np.ndarray) -> np.ndarray:
        return (array.astype(np.float64) @ turn.T + shift).astype(np.float32)

    return replace(protein, coordinates=move(protein.coordinates), backbone=move(protein.backbone))


def bare(protein: Protein) -> Protein:
    return replace(protein, coordinates=None, backbone=None, plddt=None)


def model(kind: str, graph: GraphConfig = GRAPH) -> Tagger:
    torch.manual_seed(0)
    encoder = EncoderConfig(kind=kind, gcs=16, layers=2, dropout=0, filters=16)
    recurrent = RecurrentConfig(size=8, layers=1)
    tagger = Tagger(ModelConfig(encoder=encoder, recurrent=recurrent), graph).eval()
    with torch.no_grad():  # scores of about unit size, not of a fresh head
        for parameter in tagger.topology_head.parameters():
            parameter.mul_(3)
    return tagger


def scores(tagger: Tagger, proteins: list[Protein], graph: GraphConfig = GRAPH) -> torch.Tensor:
    with torch.no_grad():
        graphs = [residue_graph(p, graph) for p in proteins]
        return tagger(collate(graphs)).emissions


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_dihedral_is_biopythons(seed: int) -> None:
    from Bio.PDB.vectors import Vector

    points = np.random.default_rng(seed).normal(size=(4, 3))
    expected = calc_dihedral(*map(Vector, points))
    assert dihedral(*points) == pytest.approx(expected, abs=1e-6)


def test_helix_has_the_angles_of_a_helix() -> None:
    backbone = np.array([place for *_, place in helix(12)]).reshape(-1, 3, 3)
    phi, psi, omega = np.degrees(backbone_dihedrals(backbone)[5])
    assert (-90 < phi < -30, -80 < psi < -10, abs(omega) > 150) == (True, True, True)
    alpha, kappa = np.degrees(trace_angles(backbone[:, 1])[5])
    assert alpha == pytest.approx(50, abs=5)
    assert 80 < kappa < 115
    assert np.isnan(trace_angles(backbone[:3, 1])).all()


def _check_against_biopython(text: str, protein: Protein) -> int:
    """Compare all angles that both know; return how many."""
    chain = next(PDBParser(QUIET=True).get_structure("x", StringIO(text))[0].get_chains())
    known = np.flatnonzero(np.isfinite(protein.coordinates[:, 0]))
    residues = [r for r in chain if "CA" in r and (r.id[0] == " " or r.resname == "MSE")]
    place = {residue: at for residue, at in zip(residues, known, strict=True)}
    ours, trace = backbone_dihedrals(protein.backbone), trace_angles(protein.coordinates)
    compared = 0
    for peptide in PPBuilder().build_peptides(chain):
        peptide_places = [place[residue] for residue in peptide]
        for at, pair in zip(peptide_places, peptide.get_phi_psi_list(), strict=True):
            for mine, theirs in zip(ours[at], pair, strict=False):
                if theirs is not None:
                    assert abs(math.remainder(mine - theirs, math.tau)) < 1e-3
                    compared += 1
        for at, theirs in zip(peptide_places[1:], peptide.get_tau_list(), strict=False):
            assert abs(math.remainder(trace[at, 0] - theirs, math.tau)) < 1e-3
            compared += 1
        for at, theirs in zip(peptide_places[2:], _kappas(peptide), strict=False):
            assert trace[at, 1] == pytest.approx(theirs, abs=1e-3)
            compared += 1
    return compared


def _kappas(peptide) -> list[float]:
    """Bends at all residues but the two at each end, by Biopython's vectors."""
    ca = [residue["CA"].get_vector() for residue in peptide]
    return [(ca[i] - ca[i - 2]).angle(ca[i + 2] - ca[i]) for i in range(2, len(ca) - 2)]


def test_angles_of_a_small_file_are_biopythons(tmp_path: Path) -> None:
    text = pdb_text("MKTAYIAKQRQISFVKSHFSRQ")
    (tmp_path / "x.pdb").write_text(text)
    assert _check_against_biopython(text, read_structure(tmp_path / "x.pdb")) > 70


@pytest.mark.data
@pytest.mark.parametrize("name", ["P08588", "A2RMJ9", "A5VZA8"])
def test_angles_of_real_files_are_biopythons(data_dir: Path, name: str) -> None:
    import gzip

    path = data_dir / "structures" / "files" / f"{name}.pdb.gz"
    with gzip.open(path, "rt") as stream:
        text = stream.read()
    chain = next(line[21] for line in text.splitlines() if line.startswith("ATOM"))
    assert _check_against_biopython(text, read_structure(path, chain=chain)) > 500


def test_a_gap_hides_the_angles_over_it() -> None:
    backbone = np.array([place for *_, place in helix(12)]).reshape(-1, 3, 3)
    backbone[6:] += 20
    dihedrals, trace = backbone_dihedrals(backbone), trace_angles(backbone[:, 1])
    assert np.isnan(dihedrals[5, 1])
    assert np.isnan(dihedrals[6, 0])
    assert np.isfinite(dihedrals[6, 1])
    assert np.flatnonzero(np.isnan(trace[:, 0])).tolist() == [0, 4, 5, 6, 10, 11]


@pytest.mark.parametrize(("nearest", "radius"), [(5, 0.0), (0, 9.0), (3, 9.0), (50, 0.0)])
def test_neighbours_are_those_of_the_whole_distance_table(nearest: int, radius: float) -> None:
    trace = walk(30, seed=1).coordinates.copy()
    trace[[4, 17]] = np.nan
    table = np.linalg.norm(trace[:, None] - trace[None].astype(np.float64), axis=2)
    np.fill_diagonal(table, np.nan)
    expected = set()
    for target in range(30):
        order = np.argsort(table[target])[: np.isfinite(table[target]).sum()]
        expected |= {(int(s), target) for s in order[:nearest]}
        expected |= {(int(s), target) for s in order if table[target, s] <= radius}
    found = neighbours(trace, nearest, radius)
    assert {tuple(edge) for edge in found.tolist()} == expected


def test_graph_holds_window_and_neighbours_once_and_sorted() -> None:
    protein = walk(40)
    graph = residue_graph(protein, GRAPH)
    edges = [tuple(edge) for edge in graph.edge_index.T.tolist()]
    chain = {(i, j) for i in range(40) for j in range(40) if i != j and abs(i - j) <= 4}
    near = {tuple(edge) for edge in neighbours(protein.coordinates, 16).tolist()}
    assert set(edges) == chain | near
    assert edges == sorted(set(edges), key=lambda edge: edge[::-1])
    lengths = np.linalg.norm(
        protein.coordinates[graph.edge_index[0]] - protein.coordinates[graph.edge_index[1]], axis=1
    )
    np.testing.assert_allclose(graph.distance, lengths, rtol=1e-5)
    assert torch.equal(graph.separation, graph.edge_index[1] - graph.edge_index[0])


def test_a_protein_without_coordinates_has_the_same_fields() -> None:
    protein = walk(20)
    with_, without = (residue_graph(p, GRAPH) for p in (protein, bare(protein)))
    assert set(with_.fields()) == set(without.fields())
    assert with_.x.shape == without.x.shape
    assert without.distance.isnan().all()
    assert not without.x[:, -STRUCTURE_FEATURES:].any()
    plain = residue_graph(protein, GraphConfig())
    assert set(plain.fields()) == set(with_.fields()) - {"distance"}
    assert torch.equal(plain.x, without.x[:, :-STRUCTURE_FEATURES])
    assert torch.equal(plain.edge_index, without.edge_index)


def test_missing_residues_have_chain_edges_of_unknown_length() -> None:
    protein = walk(20)
    protein.coordinates[5] = np.nan
    graph = residue_graph(protein, GraphConfig(window=2, structure=True))
    touching = (graph.edge_index == 5).any(0)
    assert torch.equal(graph.distance.isnan(), touching)
    assert graph.edge_index[0, graph.edge_index[1] == 5].tolist() == [3, 4, 6, 7]
    assert structure_features(protein)[5, 12] == 0


def test_a_piece_takes_its_features_from_the_whole() -> None:
    protein = walk(30)
    piece = residue_graph(protein, GRAPH, start=7, end=22)
    whole = residue_graph(protein, GRAPH)
    assert torch.equal(piece.x, whole.x[7:22])
    assert int(piece.edge_index.max()) < 15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_turning_and_shifting_changes_nothing(kind: str, seed: int) -> None:
    tagger, proteins = model(kind), [walk(60, seed), walk(25, seed + 10)]
    expected = scores(tagger, proteins)
    found = scores(tagger, [moved(p, seed) for p in proteins])
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.data
def test_turning_real_structures_changes_no_probability(data_dir: Path) -> None:
    names = ["P08588", "A2RMJ9", "A5VZA8", "P02724"]
    folder = data_dir / "structures" / "files"
    proteins = [read_structure(folder / f"{name}.pdb.gz") for name in names]
    tagger = model("schnet")
    for seed in range(3):
        for protein in proteins:
            results = []
            for version in (protein, moved(protein, seed)):
                with torch.no_grad():
                    graph = collate([residue_graph(version, GRAPH)])
                    results.append(tagger.decode(tagger(graph)))
            assert np.abs(results[0].probabilities - results[1].probabilities).max() < 1e-4
            assert (results[0].labels == results[1].labels).all()


def test_a_mirror_image_is_another_structure() -> None:
    protein = walk(40)
    features = structure_features(protein)
    mirrored = structure_features(moved(protein, 1, mirror=True))
    signed = [0, *range(2, 5)]  # sines of alpha, phi, psi, omega; kappa has no sign
    np.testing.assert_allclose(mirrored[:, signed], -features[:, signed], atol=1e-4)
    np.testing.assert_allclose(mirrored[:, 5:], features[:, 5:], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_company_and_order_change_nothing(kind: str) -> None:
    tagger = model(kind)
    proteins = [walk(30, 1), bare(walk(45, 2)), walk(20, 3)]
    alone = [scores(tagger, [protein]) for protein in proteins]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        together = scores(tagger, [proteins[i] for i in order])
        expected = torch.cat([alone[i] for i in order])
        torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gat", "schnet"])
def test_distances_matter(kind: str) -> None:
    protein = walk(40)
    wider = replace(protein, coordinates=protein.coordinates * np.float32(1.1))
    graphs = [collate([residue_graph(p, GRAPH)]) for p in (protein, wider)]
    assert torch.equal(graphs[0].edge_index, graphs[1].edge_index)
    encoder = model(kind).trunk.encoder
    graphs[1].x = graphs[0].x
    with torch.no_grad():
        assert (
            encoder(graphs[0], graphs[0].x) - encoder(graphs[1], graphs[1].x)
        ).abs().max() > 1e-3


def test_schnet_leaves_out_edges_beyond_the_cutoff() -> None:
    encoder = GraphEncoder(5, GRAPH, EncoderConfig(kind="schnet", gcs=8, dropout=0)).eval()
    graph = collate([residue_graph(walk(30), GRAPH)])
    graph.x = graph.x[:, :5]
    with torch.no_grad():
        expected = encoder(graph, graph.x)
        far = graph.distance > 10
        assert far.any()
        graph.distance[far] = 14.0
        torch.testing.assert_close(encoder(graph, graph.x), expected)
        graph.distance[far] = 9.0
        assert (encoder(graph, graph.x) - expected).abs().max() > 1e-4


def test_schnet_is_six_deep_unless_told() -> None:
    assert EncoderConfig(kind="schnet").layers == 6
    assert EncoderConfig(kind="schnet", layers=2).layers == 2
    assert EncoderConfig().layers == 2
    config = Config.model_validate({"model": {"encoder": {"kind": "schnet"}}})
    assert config.model.encoder.layers == 6


@pytest.mark.parametrize("kind", KINDS)
def test_models_without_structure_have_no_weights_for_it(kind: str) -> None:
    names = dict(model(kind, GraphConfig()).named_parameters())
    assert not any("distances" in name for name in names)
    graph = GraphConfig()
    protein = walk(20)
    tagger = model(kind, GraphConfig())
    assert torch.equal(scores(tagger, [protein], graph), scores(tagger, [bare(protein)], graph))


def test_training_leaves_out_structures_at_random() -> None:
    proteins = [walk(10)] * 400
    options = {"structure_dropout": 0.3, "plddt_dropout": 0.5}
    data = ProteinDataset(proteins, type_sets(proteins), GRAPH, **options)
    x = torch.stack([data[i].x[:, -STRUCTURE_FEATURES:] for i in range(400)])
    has_coordinates = x[:, :, 12].any(1)
    has_plddt = x[:, :, 11].any(1)
    assert not (has_plddt & ~has_coordinates).any()
    assert has_coordinates.float().mean() == pytest.approx(0.7, abs=0.07)
    assert has_plddt.float().mean() == pytest.approx(0.35, abs=0.07)
    again = ProteinDataset(proteins, type_sets(proteins), GRAPH, **options)
    assert torch.equal(data[7].x, again[7].x)
    whole = ProteinDataset(proteins, type_sets(proteins), GRAPH)
    assert all(whole[i].x[:, -2].all() for i in range(20))


@pytest.mark.data
def test_folds_and_similar_folds_come_from_the_index(data_dir: Path) -> None:
    from topo.config import Config, DataConfig
    from topo.data.splits import Splits

    folder = data_dir / "structures"
    chosen = [f"{name}.pdb.gz" for name in ("A2RMJ9", "O43614")]
    assert all((folder / "files" / name).is_file() for name in chosen)
    assert len(StructureFolder(folder)) >= 203
    data = DataConfig(
        path=str(folder / "labels.3line"), structures=str(folder / "files"), test=["cv0"]
    )
    splits = Splits.of(Config(data=data))
    test = {p.id for p in splits.test.proteins}
    train = {p.id for p in (*splits.train.proteins, *splits.validation.proteins)}
    assert len(test) == 33
    assert "A2RMJ9" in train
    assert "O43614" not in train | test  # of cv4, but similar to a protein of cv0
    assert all(p.coordinates is not None for p in splits.test.proteins)
    assert all("cv0" not in p.similar_folds for p in splits.train.proteins)
