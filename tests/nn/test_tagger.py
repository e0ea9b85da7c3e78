"""The tagger: batch invariance, losses, decoding, calibration."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from topo.config import (
    ConvConfig,
    EncoderConfig,
    GraphConfig,
    HeadsConfig,
    ModelConfig,
    RecurrentConfig,
)
from topo.crf.posterior import Posterior
from topo.data.types import type_sets
from topo.grammar.legality import is_legal
from topo.graph import collate, residue_graph
from topo.labels import DECODERS, TYPES
from topo.nn.choice import TYPE_WEIGHTS, rank_types
from topo.nn.decoding import NEGLIGIBLE_TYPE, fuse_types, temper
from topo.nn.losses import cleavage_losses, cleavage_sites, residue_losses, type_losses
from topo.nn.tagger import Tagger
from topo.nn.trunk import weight_name
from topo.protein import Protein
from topo.residues import AMINO_ACIDS
from topo.training.calibration import fit_weights

GRAPH = GraphConfig(window=3)
RANDOM = np.random.default_rng(0)


def _protein(name: str, size: int, labels: str | None = None) -> Protein:
    return Protein(name, "".join(RANDOM.choice(list(AMINO_ACIDS + "X"), size)), labels)


def _tagger(kind: str = "rgcn", **heads) -> Tagger:
    torch.manual_seed(0)
    config = ModelConfig(
        encoder=EncoderConfig(kind=kind, gcs=8),
        conv=[ConvConfig(filters=12, width=5)],
        recurrent=RecurrentConfig(size=6, layers=2),
        heads=HeadsConfig(**heads),
    )
    return Tagger(config, GRAPH).eval()


@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_helical_types_are_chosen_before_they_are_the_most_probable(weights: list[float]) -> None:
    probabilities = torch.tensor([weights], dtype=torch.float64) / sum(weights)
    mass = torch.zeros(1, 5)
    posterior = SimpleNamespace(types=probabilities, type_mass=mass)
    chosen = TYPES[int(rank_types(cast(Posterior, posterior), TYPES)[0, 0])]
    expected = max(
        zip(TYPES, probabilities[0].tolist(), strict=True),
        key=lambda pair: pair[1] * TYPE_WEIGHTS.get(pair[0], 1),
    )[0]
    assert chosen == expected
    most = TYPES[int(probabilities.argmax())]
    assert chosen in (most, "TM", "SP+TM")


@pytest.mark.parametrize("decoder", ["posterior", "viterbi"])
def test_a_helical_topology_of_lesser_probability_is_predicted(decoder: str) -> None:
    tagger, protein = _tagger(), _protein("a", 80)
    scores = _scores(tagger, [protein])
    given = scores.emissions, scores.lengths, None, scores.cleavage
    mass = tagger.crf.posterior(*given).type_mass
    tagger.type_weights[:] = torch.tensor([1.0, 0.0, 1.0])  # by paths and shift alone
    for share, found in ((0.35, "TM"), (0.2, "GLOB")):
        wanted = torch.full((5,), 1e-6, dtype=torch.float64)
        wanted[TYPES.index("TM")], wanted[TYPES.index("GLOB")] = share, 1 - share
        tagger.type_shift.copy_((wanted.log() - mass[0].log_softmax(0)).float())
        (answer,) = tagger.predictions([protein], scores, decoder)
        assert answer.type == found
        assert answer.type_probabilities[TYPES.index("TM")] == pytest.approx(share, abs=1e-3)


def _scores(tagger: Tagger, proteins: list[Protein]):
    with torch.no_grad():
        return tagger(collate([residue_graph(p, GRAPH) for p in proteins]))


@pytest.mark.parametrize("kind", ["rgcn", "gcn", "sage", "gat"])
def test_a_protein_has_one_answer_alone_and_in_any_company(kind: str) -> None:
    tagger = _tagger(kind)
    proteins = [_protein(str(i), n) for i, n in enumerate((40, 1, 133, 7, 40))]
    together = tagger.predictions(proteins, _scores(tagger, proteins))
    for order in ((4, 2, 0, 3, 1), (2,)):
        batch = [proteins[i] for i in order]
        for i, answer in zip(order, tagger.predictions(batch, _scores(tagger, batch)), strict=True):
            assert answer.id == proteins[i].id
            assert answer.labels == together[i].labels
            np.testing.assert_allclose(answer.probabilities, together[i].probabilities, atol=1e-5)
            np.testing.assert_allclose(
                answer.type_probabilities, together[i].type_probabilities, atol=1e-5
            )


def test_argmax_takes_the_most_probable_label_of_each_residue() -> None:
    tagger = _tagger()
    scores = _scores(tagger, [_protein("a", 60), _protein("b", 25)])
    given = scores.emissions, scores.lengths, None, scores.cleavage
    posterior = tagger.crf.posterior(*given)
    types = fuse_types(posterior.type_mass, scores.types, tagger.type_shift, tagger.type_weights)
    expected = posterior.with_types(types, NEGLIGIBLE_TYPE).labels.argmax(1)
    np.testing.assert_array_equal(tagger.decode(scores, "argmax").labels, expected.numpy())
    with pytest.raises(ValueError, match="found decoder 'best'"):
        tagger.decode(scores, "best")


def test_weights_are_named_by_the_parts_of_the_trunk() -> None:
    tagger, other = _tagger(), _tagger()
    state = tagger.state_dict()
    assert not any(name.startswith("trunk.") for name in state)
    assert {name.split(".")[0] for name in state} > {"encoder", "conv", "recurrent", "crf"}
    assert [weight_name(name) for name, _ in tagger.named_parameters()] == [
        name
        for name in state
        if name in dict.fromkeys(map(weight_name, dict(tagger.named_parameters())))
    ]
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    nested = torch.nn.ModuleDict({"tagger": other})
    nested.load_state_dict({f"tagger.{name}": weight for name, weight in state.items()})
    for name, weight in tagger.named_parameters():
        assert torch.equal(weight, other.get_parameter(name))
    assert copy.deepcopy(other).state_dict().keys() == state.keys()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("topology", ["crf", "cross_entropy"])
def test_predictions_are_complete_and_normalised(decoder: str, topology: str) -> None:
    tagger = _tagger(topology=topology)
    proteins = [_protein("a", 120), _protein("b", 1)]
    for p in tagger.predictions(proteins, _scores(tagger, proteins), decoder):
        assert len(p.labels) == len(p.sequence)
        assert p.probabilities.shape == (len(p), 6)
        np.testing.assert_allclose(p.probabilities.sum(1), 1, atol=1e-5)
        assert p.type_probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert 0 <= p.confidence <= 1
        assert decoder == "argmax" or is_legal(p.labels)


def test_each_head_can_be_switched_off() -> None:
    graph = collate([_labelled_graph("I" * 20)])
    for heads in ({"type": False}, {"cleavage": False}, {"type": False, "cleavage": False}):
        tagger = _tagger(**heads)
        losses = tagger.losses(tagger(graph), graph)
        expected = {"topology", "type", "cleavage"} - {k for k, v in heads.items() if not v}
        assert set(losses) == expected
        prediction = tagger.predictions([_protein("p", 20)], tagger(graph))[0]
        assert prediction.type_probabilities.sum() == pytest.approx(1, abs=1e-5)


def _labelled_graph(labels: str, **piece):
    protein = _protein("p", len(labels), labels)
    return residue_graph(protein, GRAPH, types=type_sets([protein])[0].tolist(), **piece)


def test_gradients_reach_every_parameter() -> None:
    tagger = _tagger().train()
    labels = "S" * 12 + "O" * 10 + "M" * 20 + "I" * 10
    graph = collate([_labelled_graph(labels), _labelled_graph("I" * 9)])
    sum(tagger.losses(tagger(graph), graph).values()).backward()
    idle = [n for n, p in tagger.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_crop_without_a_segment_says_nothing_of_the_type() -> None:
    tagger = _tagger()
    whole = collate([_labelled_graph("S" * 12 + "O" * 40)])
    cut = collate([_labelled_graph("S" * 12 + "O" * 40, start=20)])
    assert tagger.losses(tagger(whole), whole)["type"].item() > 0.1
    assert tagger.losses(tagger(cut), cut)["type"].item() == pytest.approx(0, abs=1e-6)


def test_a_single_protein_can_be_learnt_by_heart() -> None:
    tagger = _tagger(dropout=0.0)  # in evaluation mode, so that nothing is dropped
    graph = collate([_labelled_graph("I" * 10 + "M" * 20 + "O" * 10)])
    optimizer = torch.optim.Adam(tagger.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        sum(tagger.losses(tagger(graph), graph).values()).backward()
        optimizer.step()
    prediction = tagger.predictions([_protein("p", 40)], tagger(graph))[0]
    assert prediction.type == "TM"
    assert prediction.labels == "I" * 10 + "M" * 20 + "O" * 10


def test_residue_loss_is_the_sum_of_torchs_cross_entropy() -> None:
    scores, labels = torch.randn(7, 6), torch.tensor([0, 5, -100, 2, 3, -100, 1])
    known = labels >= 0
    expected = F.cross_entropy(scores[known], labels[known], reduction="sum") / 2
    batch = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    torch.testing.assert_close(residue_losses(scores, labels, batch, 2).mean(), expected)


def test_type_loss_is_cross_entropy_of_the_set() -> None:
    scores = torch.randn(3, 5)
    one = F.one_hot(torch.tensor([0, 4, 2]), 5).bool()
    torch.testing.assert_close(
        type_losses(scores, one).mean(), F.cross_entropy(scores, one.long().argmax(1))
    )
    none = type_losses(scores, torch.ones(3, 5, dtype=torch.bool)).values
    torch.testing.assert_close(none, torch.zeros(3), atol=1e-6, rtol=0)


def test_cleavage_sites_of_known_and_unknown_labels() -> None:
    # "SSO", "III", "S-O" (site unknown), "-SO", "OOO"
    labels = torch.tensor([3, 3, 1, 0, 0, 0, 3, -100, 1, -100, 3, 1, 1, 1, 1])
    batch = torch.arange(5).repeat_interleave(3)
    is_site, is_known = cleavage_sites(labels, batch, 5)
    assert is_site.nonzero().flatten().tolist() == [1, 10]
    assert is_known.tolist() == [True, True, False, True, True]


def test_cleavage_loss_equals_a_softmax_with_a_null_place() -> None:
    labels = torch.tensor([3, 3, 1, 0, 0, 3, -100, 1])
    batch = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    scores = torch.randn(8, requires_grad=True)
    losses = cleavage_losses(scores, labels, batch, 3)
    loss = losses.mean()
    torch.testing.assert_close(losses.shares().mean(), loss)
    first = -F.log_softmax(torch.cat([scores[:3], torch.zeros(1)]), 0)[1]
    second = -F.log_softmax(torch.cat([scores[3:5], torch.zeros(1)]), 0)[2]
    torch.testing.assert_close(loss, (first + second) / 2)
    loss.backward()
    assert not scores.grad[5:].any()


def test_temper_changes_nothing_at_one_and_flattens_above() -> None:
    sure = torch.tensor([[0.9, 0.1, 0.0]])
    torch.testing.assert_close(temper(sure, torch.tensor(1.0)), sure)
    flat = temper(sure, torch.tensor(2.0))
    torch.testing.assert_close(flat, torch.tensor([[0.75, 0.25, 0.0]]))


def test_fused_types_are_normalised_and_never_impossible() -> None:
    mass = torch.tensor([[3.0, -torch.inf, 1.0, 2.0, 0.0]], dtype=torch.float64)
    head = torch.tensor([[0.0, 9.0, 0.0, 0.0, 0.0]])
    fused = fuse_types(mass, head, torch.zeros(5), torch.tensor([0.5, 1.0, 1.0])).exp()
    assert float(fused.sum()) == pytest.approx(1)
    assert float(fused[0, 1]) == 0
    only_mass = fuse_types(mass, None, torch.zeros(5), torch.tensor([1.0, 0.0, 0.0])).exp()
    torch.testing.assert_close(only_mass, mass.softmax(1))


def test_the_shift_of_a_resampled_classifier_is_that_of_bayes() -> None:
    # Drawn evenly in training, one in ten to come: posterior odds fall by the prior odds.
    head = torch.tensor([[0.0, 1.0, 0.0, 0.0, 0.0]])
    shift = torch.tensor([0.9, 0.1, 0.9, 0.9, 0.9]).log()
    fused = fuse_types(torch.zeros(1, 5), head, shift, torch.tensor([0.0, 1.0, 1.0]))
    assert float(fused[0, 1] - fused[0, 0]) == pytest.approx(1 + np.log(0.1 / 0.9), abs=1e-6)


def test_one_weight_equals_scikit_learns_logistic_regression() -> None:
    random = np.random.default_rng(0)
    logit = random.normal(0, 3, 4000)
    truth = random.random(4000) < 1 / (1 + np.exp(-0.4 * logit))
    evidence = np.stack([np.zeros(4000), logit], 1)
    is_true = np.stack([~truth, truth], 1)
    oracle = LogisticRegression(C=1e9, fit_intercept=False).fit(logit[:, None], truth).coef_[0, 0]
    assert fit_weights([evidence], is_true)[0] == pytest.approx(oracle, rel=1e-3)


def test_importance_counts_rows_as_if_they_were_repeated() -> None:
    random = np.random.default_rng(0)
    evidence, classes = random.normal(0, 2, (60, 3)), random.integers(0, 3, 60)
    truth, times = np.eye(3, dtype=bool)[classes], random.integers(1, 4, 60)
    repeated = fit_weights([np.repeat(evidence, times, 0)], np.repeat(truth, times, 0))
    assert fit_weights([evidence], truth, times)[0] == pytest.approx(repeated[0], rel=1e-3)


def test_two_weights_tell_evidence_from_noise() -> None:
    random = np.random.default_rng(0)
    useful = random.normal(0, 2, (3000, 4))
    chances = np.exp(useful) / np.exp(useful).sum(1, keepdims=True)
    truth = np.array([random.choice(4, p=row) for row in chances])
    weights = fit_weights([useful, random.normal(0, 2, (3000, 4))], np.eye(4, dtype=bool)[truth])
    assert weights[0] == pytest.approx(1, abs=0.1)
    assert weights[1] < 0.1


@settings(max_examples=20)
@given(st.integers(1, 50))
def test_any_length_is_answered(size: int) -> None:
    tagger = _tagger()
    protein = Protein("p", "M" * size)
    assert is_legal(tagger.predictions([protein], _scores(tagger, [protein]))[0].labels)


@pytest.mark.parametrize("kind", ["rgcn", "gat", "gcn", "sage", "schnet"])
def test_no_file_of_a_convolution_stays_in_the_temporary_folder(kind: str, tmp_path) -> None:
    code = (
        "from topo.config import load_config\n"
        "from topo.nn.tagger import Tagger\n"
        f"fields = {{'model.encoder.kind': {kind!r}, 'model.encoder.gcs': 8}}\n"
        "c = load_config(None, fields=fields)\n"
        "Tagger(c.model, c.graph)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
