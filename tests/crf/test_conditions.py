"""Conditioning on constraints, against the enumeration of all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from path_enumeration import label_matrix, paths, random_crf, score, small_grammar, spell

from topo.constraints import Constraint, parse_constraint
from topo.crf.conditional import condition
from topo.crf.conditions import conditions, first_impossible, is_possible
from topo.crf.costs import DecoderCosts
from topo.crf.posterior import Posterior
from topo.errors import ConfigError, TopoError
from topo.grammar.table import Grammar, State, default_grammar
from topo.labels import LABEL_INDEX, TYPES, decode_labels, protein_type
from topo.labels.scheme import SIX
from topo.segments import to_segments

SIZE = 11
CASES = [
    ["3-5:inside"],
    ["1-2:outside", "8:inside|membrane"],
    ["4:no-membrane"],
    ["2-3:signal"],
    ["6-7:strand"],
    ["5:no-loop", "11:not-inside"],
    ["N-term:in"],
    ["N-term:out"],
    ["C-term:out"],
    ["N-term:periplasm"],
    ["C-term:in", "N-term:out"],
    ["type:TM"],
    ["type:SP|SP+TM,glob"],
    ["segments:1"],
    ["segments:0"],
    ["segments:2+"],
    ["segments:1-2", "type:BETA"],
    ["segments:2-9", "N-term:in", "6:membrane", "type:TM", "9:no-inside"],
]
SIDES = {"helix_out": "IO", "helix_in": "OI", "strand_out": "PO", "strand_in": "OP"}


def meets(constraint: Constraint, grammar: Grammar, path) -> bool:
    """The oracle: whether one path meets one constraint, from the names of its states."""
    labels = spell(grammar, path)
    names = [grammar.states[state].name for state, _, _ in path]
    if constraint.kind == "labels":
        return all(x in constraint.values for x in labels[constraint.first - 1 : constraint.last])
    if constraint.kind == "type":
        return protein_type(labels) in constraint.values
    if constraint.kind == "segments":
        count = sum(segment.label in "MB" for segment in to_segments(labels))
        return constraint.first <= count <= (999 if constraint.last is None else constraint.last)
    if constraint.kind == "c_side":
        if names[-1] == "signal":
            return bool(set("OP") & set(constraint.values))
        side = SIDES[names[-1]][1] if names[-1] in SIDES else labels[-1]
        return side in constraint.values
    if names[0] == "signal":
        return bool(set("OP") & set(constraint.values))
    side = SIDES[names[0]][0] if names[0] in SIDES else labels[0]
    return side in constraint.values


def example(channels: str = "letters", seed: int = 3, size: int = SIZE):
    """Grammar, posterior, and the score and the path of each path of a chain."""
    crf = random_crf(small_grammar(), seed, channels)
    torch.manual_seed(seed)
    emissions = 2 * torch.randn(size, len(crf.grammar.channels), dtype=torch.float64)
    types, ends = torch.randn(1, 5, dtype=torch.float64), torch.randn(size, dtype=torch.float64)
    posterior = crf.posterior(emissions, torch.tensor([size]), types, ends)
    found = list(paths(crf.grammar, size))
    with torch.no_grad():
        values = torch.stack([score(crf, path, emissions, types[0], ends) for path in found])
    return crf.grammar, posterior, found, values


def given_texts(posterior: Posterior, texts: list[str], size: int = SIZE) -> Posterior:
    return condition(posterior, conditions([parse_constraint(text) for text in texts], size))


@pytest.mark.parametrize("channels", ["letters", "states"])
@pytest.mark.parametrize("texts", CASES, ids=" ".join)
def test_the_conditional_distribution_equals_enumeration(texts: list[str], channels: str) -> None:
    grammar, posterior, found, values = example(channels)
    constraints = [parse_constraint(text) for text in texts]
    kept = [i for i, path in enumerate(found) if all(meets(c, grammar, path) for c in constraints)]
    assert 0 < len(kept) < len(found)
    given = given_texts(posterior, texts)
    mass = values[kept].logsumexp(0)
    assert abs(float(given.log_partition) - float(mass)) < 1e-8
    free = values.logsumexp(0)
    assert abs(float(given.log_partition - posterior.log_partition) - float(mass - free)) < 1e-8
    share = (values[kept] - mass).exp()
    words = [spell(grammar, found[i]) for i in kept]
    expected = torch.stack(
        [p * label_matrix(word) for p, word in zip(share, words, strict=True)]
    ).sum(0)
    assert torch.allclose(given.labels, expected, atol=1e-8, rtol=0)
    types = torch.zeros(5, dtype=torch.float64)
    for p, word in zip(share, words, strict=True):
        types[TYPES.index(protein_type(word) or "")] += p
    assert torch.allclose(given.types[0], types, atol=1e-8, rtol=0)

    by_labels: dict[str, float] = {}
    for p, word in zip(share.tolist(), words, strict=True):
        by_labels[word] = by_labels.get(word, 0.0) + p
    ranked = sorted(by_labels.items(), key=lambda item: -item[1])[:6]
    several = given.n_best(6)[0]
    assert [word for word, _ in several[:3]] == [word for word, _ in ranked[:3]]
    assert np.allclose([p for _, p in several], [p for _, p in ranked], atol=1e-8)

    best = decode_labels(given.best_path().numpy())
    kind = int(given.types[0].argmax())
    of_type = [i for i in kept if protein_type(spell(grammar, found[i])) == TYPES[kind]]
    assert best == spell(grammar, found[max(of_type, key=lambda i: float(values[i]))])

    order = "".join(segment.label for segment in to_segments(ranked[0][0]))
    same = [w for w in by_labels if "".join(s.label for s in to_segments(w)) == order]
    index = torch.tensor([LABEL_INDEX[x] for x in ranked[0][0]])
    assert abs(float(given.confidence(index)) - sum(by_labels[w] for w in same)) < 1e-8

    costs = DecoderCosts(side=0.25, segment=0.3)
    gains = given.labels @ costs.gains(SIX, "IOPSMB")

    def gain(word: str) -> float:
        loss = costs.segment * sum(s.label in "MB" for s in to_segments(word))
        return float((gains * label_matrix(word)).sum()) - loss

    decoded = decode_labels(given.decode(costs).numpy())
    assert decoded in by_labels
    assert abs(gain(decoded) - max(map(gain, by_labels))) < 1e-8


@pytest.mark.parametrize("texts", [case for case in CASES if len(case) > 1], ids=" ".join)
def test_one_by_one_or_together(texts: list[str]) -> None:
    _, posterior, _, _ = example(seed=5)
    together = given_texts(posterior, texts)
    for order in itertools.permutations(texts[:3]):
        step = posterior
        for text in (*order, *texts[3:]):
            step = given_texts(step, [text])
        assert abs(float(step.log_partition - together.log_partition)) < 1e-8
        assert torch.allclose(step.labels, together.labels, atol=1e-8, rtol=0)
        assert torch.allclose(step.types, together.types, atol=1e-8, rtol=0)


@pytest.mark.parametrize(
    "texts",
    [[], ["1-11:inside|outside|periplasm|signal|membrane"], ["type:TM|SP+TM|SP|GLOB|BETA"],
     ["segments:0+"], ["segments:0-11"], ["N-term:in|out", "C-term:out|in"]],
)  # fmt: skip
def test_a_constraint_that_always_holds_changes_nothing(texts: list[str]) -> None:
    _, posterior, _, _ = example(seed=6)
    given = given_texts(posterior, texts)
    assert abs(float(given.log_partition - posterior.log_partition)) < 1e-10
    assert torch.allclose(given.labels, posterior.labels, atol=1e-10, rtol=0)
    assert torch.equal(given.decode(), posterior.decode())


def test_a_constraint_that_has_become_certain_changes_nothing() -> None:
    """After conditioning on a type, or on a residue, what follows from it has probability 1."""
    _, posterior, _, _ = example(seed=7)
    for first, follows in ((["type:GLOB"], "segments:0"), (["1:signal"], "N-term:out")):
        one = given_texts(posterior, first)
        two = given_texts(one, [follows])
        assert abs(float(one.log_partition - two.log_partition)) < 1e-10
        assert torch.allclose(one.labels, two.labels, atol=1e-10, rtol=0)


def test_random_sets_of_constraints_equal_enumeration() -> None:
    generator = np.random.default_rng(1)
    grammar, posterior, found, values = example(seed=8, size=10)
    atoms = ["{}:no-membrane", "{}:membrane", "{}:inside|helix", "{}:outside|periplasm|strand"]
    whole = ["N-term:in", "C-term:out", "type:TM|BETA", "segments:1-2", "segments:1+"]
    tried = 0
    for _ in range(60):
        texts = [
            atoms[generator.integers(len(atoms))].format(generator.integers(1, 11))
            for _ in range(generator.integers(1, 4))
        ]
        texts += list(generator.choice(whole, size=generator.integers(0, 3), replace=False))
        constraints = [parse_constraint(text) for text in texts]
        kept = [
            i for i, path in enumerate(found) if all(meets(c, grammar, path) for c in constraints)
        ]
        assert is_possible(grammar, conditions(constraints, 10)) == bool(kept)
        if not kept:
            wrong = first_impossible(grammar, constraints, 10)
            at = next(i for i, one in enumerate(constraints) if one is wrong)
            assert any(all(meets(c, grammar, p) for c in constraints[:at]) for p in found)
            assert not any(all(meets(c, grammar, p) for c in constraints[: at + 1]) for p in found)
            continue
        tried += 1
        given = given_texts(posterior, texts, 10)
        assert abs(float(given.log_partition) - float(values[kept].logsumexp(0))) < 1e-8
    assert tried > 20


def test_the_first_constraint_that_cannot_hold_is_found() -> None:
    grammar = default_grammar()
    cases = {
        ("1-5:signal", "1:inside"): "1:inside",
        ("type:GLOB", "30:helix", "40:inside"): "30:helix",
        ("N-term:in", "C-term:in", "segments:3"): "segments:3",
        ("type:TM", "segments:12"): "segments:12",  # 100 residues have no room for so many
        ("N-term:in", "1-22:signal"): "1-22:signal",
        ("10:helix", "30-33:strand"): "30-33:strand",
        ("20:helix", "22:inside", "24:outside"): "24:outside",
    }
    for texts, wrong in cases.items():
        found = first_impossible(grammar, [parse_constraint(text) for text in texts], 100)
        assert str(found) == wrong
    possible = ["10:helix", "14:inside", "20:helix"]
    assert first_impossible(grammar, [parse_constraint(text) for text in possible], 100) is None


def test_types_that_no_longer_have_a_path_are_gone() -> None:
    grammar, posterior, found, _ = example(seed=4)
    given = given_texts(posterior, ["4:membrane|signal", "9:no-strand"])
    possible = [
        labels
        for path in found
        if (labels := spell(grammar, path))[3] in "MBS" and labels[8] != "B"
    ]
    kinds = {protein_type(labels) for labels in possible}
    assert "GLOB" not in kinds
    assert [name in kinds for name in TYPES] == given.type_mass[0].isfinite().tolist()
    for kind, name in enumerate(TYPES):
        labels = decode_labels(given.best_path(torch.tensor([kind])).numpy())
        assert labels in possible
        assert name not in kinds or protein_type(labels) == name


def test_unusual_grammars_have_sides() -> None:
    """A membrane segment that nothing precedes comes from the side across."""
    rows = (
        State("helix", "M", 1, 3, start=True, end=True, successors=("loop",)),
        State("loop", "O", end=True),
    )
    grammar = Grammar(rows)
    allowed = {
        text: is_possible(grammar, conditions([parse_constraint(text)], 4))
        for text in ("N-term:in", "N-term:out", "C-term:out", "C-term:in")
    }
    assert allowed == {
        "N-term:in": True,
        "N-term:out": False,
        "C-term:out": True,
        "C-term:in": False,
    }


def test_the_most_improbable_constraints_are_refused() -> None:
    crf = random_crf(small_grammar(), 1)
    emissions = torch.zeros(40, 6, dtype=torch.float64)
    emissions[:, 0] = 500.0
    posterior = crf.posterior(emissions, torch.tensor([40]))
    with pytest.raises(TopoError, match="too improbable"):
        given_texts(posterior, ["1-40:no-inside"], 40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1-20:inside"),
        ("12", "1-20:inside"),
        ("12:", "1-20:inside"),
        ("12:cytoplasm", "inside, outside"),
        ("0-3:inside", "counted from 1"),
        ("9-3:inside", "counted from 1"),
        ("a-b:inside", "1-20:inside"),
        ("-3:inside", "1-20:inside"),
        ("N-term:inside", "in, out, periplasm"),
        ("M-term:in", "1-20:inside"),
        ("type:TMH", "tm, sp\\+tm"),
        ("segments:seven", "7, 6-8"),
        ("segments:8-6", "smaller number first"),
        ("segments:1000", "at most 64"),
        ("1-20:inside|", "inside, outside"),
        ("²:inside", "1-20:inside"),
    ],
)
def test_what_is_no_constraint_is_refused_in_one_line(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        parse_constraint(text)
    assert "\n" not in str(caught.value)


def test_constraints_are_equal_however_they_are_written() -> None:
    assert parse_constraint(" n-TERM : IN ") == parse_constraint("N-term:in")
    assert parse_constraint("5-5:helix|strand") == parse_constraint("5:Membrane")
    assert parse_constraint("5:no-membrane") == parse_constraint("5:loop, signal")
    assert parse_constraint("segments:7") == parse_constraint("segments:7-7")
    assert parse_constraint("type:tm").key != parse_constraint("type:SP").key
