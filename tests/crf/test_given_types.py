"""Topologies of one type within limits, against enumeration of all paths."""

from __future__ import annotations

import pytest
import torch
from path_enumeration import label_matrix, paths, random_crf, score, small_grammar, spell

from topo.crf.costs import DecoderCosts
from topo.crf.posterior import CERTAIN_TYPE
from topo.grammar.legality import is_legal
from topo.grammar.plausibility import Limits, is_plausible
from topo.labels import TYPE_INDEX, TYPES, decode_labels, encode_labels, protein_type
from topo.segments import to_segments

LIMITS = Limits(helix=3, strand=2, strands=0)
COSTS = DecoderCosts(side=0.25, segment=0.4, helix=4, short=0.3, limits=LIMITS)


@pytest.fixture(scope="module", params=[(4, 0), (8, 1), (11, 2), (11, 3)])
def enumerated(request):
    """A CRF, its posterior over one chain, and text and probability of each path."""
    size, seed = request.param
    crf = random_crf(small_grammar(), seed)
    torch.manual_seed(seed)
    emissions = torch.randn(size, 6, dtype=torch.float64)
    every = list(paths(crf.grammar, size))
    with torch.no_grad():
        scores = torch.stack([score(crf, path, emissions) for path in every])
    texts = [spell(crf.grammar, path) for path in every]
    return crf.posterior(emissions, torch.tensor([size])), texts, scores


def test_labels_given_a_type_equal_enumeration(enumerated) -> None:
    posterior, texts, scores = enumerated
    for index, name in enumerate(TYPES):
        chosen = [i for i, text in enumerate(texts) if protein_type(text) == name]
        found = posterior.given_types(torch.tensor([index]))
        if not chosen:
            assert torch.equal(found.labels, posterior.labels)
            continue
        weights = scores[chosen].softmax(0)
        labels = torch.stack([label_matrix(texts[i]) for i in chosen])
        wanted = torch.einsum("n,nrc->rc", weights, labels)
        if name != "GLOB" and posterior.types[0, index] < CERTAIN_TYPE:
            torch.testing.assert_close(found.labels, wanted, atol=1e-9, rtol=0)
        elif name != "GLOB":
            torch.testing.assert_close(found.labels, wanted, atol=1 - CERTAIN_TYPE, rtol=0)
        assert found.types[0].tolist() == [kind == name for kind in TYPES]


def test_decoders_within_limits_equal_enumeration(enumerated) -> None:
    posterior, texts, scores = enumerated
    allowed = [i for i, text in enumerate(texts) if _within(text)]
    for index, name in enumerate(TYPES):
        types = torch.tensor([index])
        given = posterior.given_types(types)
        of_type = [i for i in allowed if protein_type(texts[i]) == name] or allowed
        gains = {texts[i]: _gain(texts[i], given.labels) for i in of_type}
        found = decode_labels(given.decode(COSTS, types).numpy())
        assert gains[found] == pytest.approx(max(gains.values()))
        best = max(of_type, key=lambda i: scores[i].item())
        path = decode_labels(given.best_path(types, LIMITS).numpy())
        assert path == texts[best] or of_type == allowed


def _within(text: str) -> bool:
    """The limits, spelt out."""
    segments = to_segments(text)
    sizes = {"M": 3, "B": 2}
    if any(segment.length < sizes.get(segment.label, 1) for segment in segments):
        return False
    return "B" not in text or (text.count("B") > 0 and _closes([x.label for x in segments]))


def _closes(order: list[str]) -> bool:
    """Whether a barrel begins and ends on the inner side."""
    sides = [order[i] for i in range(len(order)) if order[i] != "B"]
    if order[0] == "B":
        sides = ["O" if sides[:1] != ["O"] else "P", *sides]
    return bool(sides) and sides[0] != "O" and order.count("B") % 2 == 0


def _gain(text: str, labels: torch.Tensor) -> float:
    own = labels[torch.arange(len(text)), torch.from_numpy(encode_labels(text))]
    loops = labels[:, [0, 1, 2]].sum(1)
    value = sum(
        0.25 * own[i] + 0.75 * loops[i] if letter in "IOP" else own[i]
        for i, letter in enumerate(text)
    )
    for segment in to_segments(text):
        value -= 0.4 * (segment.label in "MB")
        value -= 0.3 * max(4 - segment.length, 0) * (segment.label == "M")
    return float(value)


def test_some_chains_stay_as_they_are_in_company() -> None:
    crf = random_crf(small_grammar(), 5)
    sizes = [7, 3, 9]
    torch.manual_seed(1)
    emissions = torch.randn(sum(sizes), 6, dtype=torch.float64)
    together = crf.posterior(emissions, torch.tensor(sizes))
    types = torch.tensor([TYPE_INDEX[name] for name in ("TM", "SP", "BETA")])
    labels = together.given_types(types).labels.split(sizes)
    for i, part in enumerate(emissions.split(sizes)):
        alone = crf.posterior(part, torch.tensor([sizes[i]])).given_types(types[i : i + 1])
        torch.testing.assert_close(alone.labels, labels[i], atol=1e-12, rtol=0)
        chosen = torch.arange(3) == i
        torch.testing.assert_close(together.select(chosen).labels, together.labels.split(sizes)[i])


@pytest.mark.parametrize(
    ("labels", "plausible"),
    [
        ("I" * 50, True),
        ("S" * 20 + "O" * 30, True),
        ("I" * 5 + "M" * 13 + "O" * 5, True),
        ("I" * 285 + "M" * 8, False),
        ("I" * 5 + "M" * 20 + "O" * 5 + "M" * 12, False),
        ("P" + "B" * 9 + "O" + "B" * 9 + "P" + "B" * 9 + "O" + "B" * 9 + "P", True),
        ("P" + "B" * 9 + "O" + "B" * 9 + "P" + "B" * 9 + "O" + "B" * 4 + "P", False),
        ("P" + "B" * 9 + "O" + "B" * 9 + "P", False),
        ("S" * 26 + "P" * 30 + "B" * 3 + "O" * 20, False),
        ("O" + "B" * 9 + "P" + "B" * 9 + "O" + "B" * 9 + "P" + "B" * 9 + "O", False),
        ("B" * 9 + "P" + "B" * 9 + "O" + "B" * 9 + "P" + "B" * 9, False),
        ("B" * 9 + "O" + "B" * 9 + "P" + "B" * 9 + "O" + "B" * 9, True),
        ("O" + ("B" * 9 + "P" + "B" * 9 + "O") * 2 + "B" * 9 + "P", False),
    ],
)
def test_plausible_topologies(labels: str, plausible: bool) -> None:
    assert is_legal(labels)
    assert is_plausible(labels) is plausible


def test_only_complete_topologies_are_judged() -> None:
    with pytest.raises(ValueError, match="unknown labels"):
        is_plausible("II--M")
    with pytest.raises(ValueError, match="found label 'X'"):
        is_plausible("IIX")


def test_limits_give_way_to_a_grammar_of_shorter_segments() -> None:
    assert Limits().within(small_grammar()) == Limits(helix=4, strand=3, strands=4)
