"""The choice of type and topology: always plausible, supported and of the reported type."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topo.config import GraphConfig, HeadsConfig, ModelConfig
from topo.crf.layer import GrammarCRF
from topo.grammar.legality import is_legal
from topo.grammar.plausibility import is_plausible
from topo.inference import load_model, predict
from topo.io import read_proteins
from topo.labels import DECODERS, LABEL_INDEX, TYPES, decode_labels, encode_labels, protein_type
from topo.nn.choice import BARREL_SUPPORT, choose_topologies
from topo.nn.decoding import Scores
from topo.nn.tagger import Tagger
from topo.protein import Prediction
from topo.segments import to_segments

CASES = Path(__file__).resolve().parents[1] / "cases" / "implausible"
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
PATHS = [name for name in DECODERS if name != "argmax"]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    torch.manual_seed(0)
    return Tagger(ModelConfig(heads=HeadsConfig()), GraphConfig(window=1)).eval()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 1.0, 8.0, 1e3]),
    st.integers(0, 4),
    st.sampled_from(PATHS),
)
def test_any_scores_give_a_plausible_topology(
    tagger: Tagger, sizes: list[int], seed: int, scale: float, favoured: int, decoder: str
) -> None:
    torch.manual_seed(seed)
    types = torch.randn(len(sizes), 5)
    types[:, favoured] += 20
    emissions = scale * torch.randn(sum(sizes), 6)
    scores = Scores(emissions, types, torch.randn(sum(sizes)), torch.tensor(sizes))
    decoded = tagger.decode(scores, decoder)
    for part in torch.from_numpy(decoded.labels).split(sizes):
        text = decode_labels(part.numpy())
        assert is_legal(text)
        assert is_plausible(text)
        assert protein_type(text) in TYPES
    assert ((decoded.confidence >= 0) & (decoded.confidence <= 1)).all()


@pytest.mark.parametrize("decoder", PATHS)
@pytest.mark.parametrize("share", [0.3, 0.36, 0.45, 0.6])
def test_a_helix_stays_in_its_place_where_its_type_is_less_probable(
    share: float, decoder: str
) -> None:
    wanted = "I" * 60 + "M" * 21 + "O" * 60
    crf = GrammarCRF()
    known = torch.from_numpy(encode_labels(wanted))
    emissions = 3.0 * torch.nn.functional.one_hot(known, 6).double()
    emissions[:, LABEL_INDEX["S"]] = emissions[:, LABEL_INDEX["B"]] = -9.0
    posterior = crf.posterior(emissions, torch.tensor([len(wanted)]))
    chances = torch.full((1, 5), 1e-9, dtype=torch.float64)
    chances[0, TYPES.index("TM")], chances[0, TYPES.index("GLOB")] = share, 1 - share
    labels = choose_topologies(posterior.with_types(chances.log(), 1e-3), crf.grammar, decoder)
    text = decode_labels(labels.numpy())
    assert [segment.label for segment in to_segments(text)] == ["I", "M", "O"]
    assert wanted.count("M") - 3 <= text.count("M") <= wanted.count("M")  # shorter where unsure
    assert wanted[text.index("M") : text.rindex("M") + 1].strip("M") == ""


@pytest.mark.parametrize(("share", "kept"), [(0.9, True), (0.6, True), (0.36, False)])
def test_a_barrel_needs_support_over_all_types(share: float, kept: bool) -> None:
    wanted = "P" * 20 + ("B" * 10 + "O" * 8 + "B" * 10 + "P" * 4) * 4
    crf = GrammarCRF()
    known = torch.from_numpy(encode_labels(wanted))
    emissions = torch.nn.functional.one_hot(known, 6).double()
    posterior = crf.posterior(emissions, torch.tensor([len(wanted)]))
    chances = torch.full((1, 5), 1e-9, dtype=torch.float64)
    chances[0, TYPES.index("BETA")] = share
    chances[0, TYPES.index("SP")] = chances[0, TYPES.index("GLOB")] = (1 - share) / 2
    chosen = posterior.with_types(chances.log().log_softmax(1), 1e-3)
    text = decode_labels(choose_topologies(chosen, crf.grammar, "posterior").numpy())
    strands = known == LABEL_INDEX["B"]
    assert chosen.types.argmax() == TYPES.index("BETA")
    assert bool(chosen.labels[strands, LABEL_INDEX["B"]].mean() >= BARREL_SUPPORT) == kept
    assert (protein_type(text) == "BETA") == kept


@pytest.mark.parametrize(("kind", "size"), [("TM", 12), ("SP+TM", 20), ("SP", 8), ("BETA", 20)])
@pytest.mark.parametrize("decoder", PATHS)
def test_a_chain_too_short_for_its_type_gets_another(kind: str, size: int, decoder: str) -> None:
    crf = GrammarCRF()
    posterior = crf.posterior(torch.zeros(size, 6), torch.tensor([size]))
    chances = torch.full((1, 5), 1e-3, dtype=torch.float64)
    chances[0, TYPES.index(kind)] = 1.0
    chosen = posterior.with_types(chances.log_softmax(1))
    text = decode_labels(choose_topologies(chosen, crf.grammar, decoder).numpy())
    assert protein_type(text) not in (kind, None)
    assert is_plausible(text)


@pytest.mark.parametrize("score", [-0.4, -1.0, -3.0])
def test_a_helix_without_support_is_not_predicted(score: float) -> None:
    """A chain of equal residues may have its helix anywhere: it has support nowhere."""
    crf = GrammarCRF()
    emissions = torch.zeros(1500, 6)
    emissions[:, LABEL_INDEX["M"]] = score
    posterior = crf.posterior(emissions, torch.tensor([1500]))
    chances = torch.tensor([[0.5, 0.0, 0.0, 0.5, 0.0]], dtype=torch.float64) + 1e-9
    chosen = posterior.with_types(chances.log())
    text = decode_labels(choose_topologies(chosen, crf.grammar, "posterior").numpy())
    assert protein_type(text) == "GLOB"


@pytest.mark.parametrize("decoder", PATHS)
@pytest.mark.parametrize("name", ["topo-base", "topo-ensemble"])
def test_no_phantom_helix_and_no_open_barrel(name: str, decoder: str) -> None:
    model = load_model(CHECKPOINTS / name)
    for file in sorted(CASES.glob("*.faa")):
        for found in predict(list(read_proteins(file)), model, decoder=decoder):
            _check(found)


def _check(found: Prediction) -> None:
    assert is_plausible(found.labels), found.id
    assert found.type == protein_type(found.labels)
    if found.type in ("TM", "SP+TM", "BETA"):
        assert found.confidence is not None
        assert found.confidence > 0.001, found.id
