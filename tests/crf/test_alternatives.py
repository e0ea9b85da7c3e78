"""Alternatives of a topology, against the enumeration of all paths."""

from __future__ import annotations

import pytest
import torch
from path_enumeration import paths, random_crf, score, small_grammar, spell

from topo.constraints import parse_constraint
from topo.crf.alternatives import alternatives, flip
from topo.crf.conditional import condition
from topo.crf.conditions import conditions
from topo.labels import decode_labels
from topo.segments import to_segments

SIDES = {"helix_out": "I", "strand_out": "P", "helix_in": "O", "strand_in": "O", "signal": "O"}


def order(labels: str) -> str:
    return "".join(segment.label for segment in to_segments(labels))


@pytest.mark.parametrize("given", [[], ["type:TM|SP+TM", "4:no-outside"]], ids=str)
@pytest.mark.parametrize(("channels", "seed"), [("letters", 2), ("states", 4), ("letters", 9)])
def test_alternatives_equal_enumeration(channels: str, seed: int, given: list[str]) -> None:
    size = 11
    crf = random_crf(small_grammar(), seed, channels)
    torch.manual_seed(seed)
    emissions = torch.randn(size, len(crf.grammar.channels), dtype=torch.float64)
    types, ends = torch.randn(1, 5, dtype=torch.float64), torch.randn(size, dtype=torch.float64)
    posterior = crf.posterior(emissions, torch.tensor([size]), types, ends)
    found = list(paths(crf.grammar, size))
    if given:
        posterior = condition(
            posterior, conditions([parse_constraint(text) for text in given], size)
        )
        found = [
            path
            for path in found
            if "M" in (word := spell(crf.grammar, path)) and "B" not in word and word[3] != "O"
        ]
    with torch.no_grad():
        values = torch.stack([score(crf, path, emissions, types[0], ends) for path in found])
    shares = values.softmax(0).tolist()
    by_order: dict[str, float] = {}
    best: dict[str, tuple[float, str]] = {}
    counts, inside = [0.0] * 30, 0.0
    for p, path in zip(shares, found, strict=True):
        labels = spell(crf.grammar, path)
        key = order(labels)
        by_order[key] = by_order.get(key, 0.0) + p
        best[key] = max(best.get(key, (0.0, "")), (p, labels))
        counts[sum(letter in "MB" for letter in key)] += p
        inside += p * (SIDES.get(crf.grammar.states[path[0][0]].name, labels[0]) == "I")
    ranked = sorted(by_order.items(), key=lambda item: -item[1])
    labels = decode_labels(posterior.decode().numpy())

    result = alternatives(posterior, labels, 10_000)
    assert [order(topology.labels) for topology in result.topologies] == [key for key, _ in ranked]
    for topology, (key, mass) in zip(result.topologies, ranked, strict=True):
        assert abs(topology.probability - mass) < 1e-8
        assert topology.labels == (labels if key == order(labels) else best[key][1])
    assert result.unlisted < 1e-8
    few = alternatives(posterior, labels, 3)
    assert few.topologies == result.topologies[:3]
    assert abs(few.unlisted - sum(mass for _, mass in ranked[3:])) < 1e-8
    flipped = flip(labels)
    expected = by_order.get(order(flipped), 0.0) if flipped else 0.0
    assert abs(few.flipped - expected) < 1e-8
    assert len(few.segments) == min(sum(x in "MB" for x in order(labels)) + 10, size) + 1
    for k, p in enumerate(few.segments[:-1]):
        assert abs(p - counts[k]) < 1e-8
    assert abs(few.segments[-1] - sum(counts[len(few.segments) - 1 :])) < 1e-8
    assert abs(few.n_inside - inside) < 1e-8


def test_flip_exchanges_sides() -> None:
    assert flip("IIMMOO") == "OOMMII"
    assert flip("PPBBOOBBP") == "OOBBPPBBO"
    assert flip("SSOOMMII") is None
    assert flip("III") == "OOO"
