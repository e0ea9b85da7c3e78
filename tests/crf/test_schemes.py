"""The CRF over other labels than the six: random declarations against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from path_enumeration import label_matrix, paths, random_crf, score, spell

from topo.crf.costs import DecoderCosts
from topo.errors import ConfigError
from topo.grammar.legality import is_legal, possible_types
from topo.grammar.table import Grammar, State
from topo.labels.scheme import SIDE, UNKNOWN_INDEX, Label, LabelScheme, TypeRule
from topo.segments import to_segments

SIZE = 7


def random_scheme(random: np.random.Generator) -> LabelScheme:
    """Three to nine letters, half of the times with six-letter equivalents; one to four types."""
    letters = random.permutation(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[: random.integers(3, 10)]
    kinds = [*"IOPSMB", SIDE]
    mapped = random.random() < 0.5
    labels = [Label(x, x, six=str(random.choice(kinds)) if mapped else None) for x in letters]
    rules = [TypeRule("REST")]
    for number in range(random.integers(0, 4)):
        has, lacks = random.choice(letters, 2, replace=False)
        rules.insert(0, TypeRule(f"T{number}", frozenset(has), frozenset(lacks)))
    return LabelScheme(tuple(labels), tuple(rules))


def random_grammar(seed: int) -> Grammar:
    """A usable random declaration."""
    random = np.random.default_rng(seed)
    while True:
        scheme = random_scheme(random)
        count = len(scheme.letters) + int(random.integers(0, 3))
        written = [*scheme.letters, *random.choice(scheme.letters, count)][:count]
        names = [f"s{number}" for number in range(count)]
        states = []
        for name, letter in zip(names, written, strict=True):
            others = [n for n, x in zip(names, written, strict=True) if x != letter]
            following = random.choice(others, min(3, len(others)), replace=False).tolist()
            bounded = random.random() < 0.5
            low = int(random.integers(1, 3))
            high = low + int(random.integers(0, 3)) if bounded else None
            start, end = (bool(x) for x in random.random(2) < 0.6)
            states.append(State(name, letter, low, high, start, end, tuple(following)))
        try:
            grammar = Grammar(tuple(states), scheme)
            grammar.automaton  # noqa: B018 - refuses a table without complete paths
        except ConfigError:
            continue
        if 20 < len(list(paths(grammar, SIZE))) < 4000:
            return grammar


@pytest.mark.parametrize("seed", range(6))
def test_random_declarations_equal_enumeration(seed: int) -> None:
    grammar = random_grammar(seed)
    scheme, size = grammar.scheme, SIZE
    crf = random_crf(grammar, seed)
    emissions = torch.randn(size, len(grammar.channels), dtype=torch.float64, requires_grad=True)
    types = torch.randn(1, len(scheme.types), dtype=torch.float64)
    ends = torch.randn(size, dtype=torch.float64)
    every = list(paths(grammar, size))
    words = [spell(grammar, path) for path in every]
    scores = torch.stack([score(crf, path, emissions, types[0], ends) for path in every])
    share = scores.detach().softmax(0)

    found = crf.posterior(emissions, torch.tensor([size]), types, ends)
    wanted = sum(p * label_matrix(word, scheme) for p, word in zip(share, words, strict=True))
    torch.testing.assert_close(found.labels, wanted, atol=1e-8, rtol=0)
    kinds = [scheme.type_names.index(scheme.type_of(word) or "") for word in words]
    wanted = torch.zeros(len(scheme.types), dtype=torch.float64)
    wanted.index_add_(0, torch.tensor(kinds), share)
    torch.testing.assert_close(found.types[0], wanted, atol=1e-8, rtol=0)

    if scheme.is_mapped:
        spelt = ["".join(grammar.six[state] * (end - start) for state, start, end in path)
                 for path in every]  # fmt: skip
        wanted = sum(p * label_matrix(word) for p, word in zip(share, spelt, strict=True))
        torch.testing.assert_close(found.six, wanted, atol=1e-8, rtol=0)

    best = scheme.decode(found.decode(DecoderCosts()).numpy())
    gain = [float((found.labels * label_matrix(word, scheme)).sum()) for word in words]
    if not scheme.loops:  # otherwise the gain of a loop does not depend on its side alone
        assert gain[words.index(best)] == pytest.approx(max(gain), abs=1e-8)
    order = [s.label for s in to_segments(best)]
    same = [p for p, word in zip(share, words, strict=True)
            if [s.label for s in to_segments(word)] == order]  # fmt: skip
    confidence = found.confidence(torch.from_numpy(scheme.encode(best)))
    assert float(confidence) == pytest.approx(float(sum(same)), abs=1e-8)

    known = scheme.encode(words[int(share.argmax())])
    known[::2] = UNKNOWN_INDEX
    _check_loss(crf, emissions, types, ends, known, words, scores)
    assert possible_types(scheme.decode(known), grammar)
    assert all(is_legal(word, grammar) for word in words)


def _check_loss(crf, emissions, types, ends, known, words, scores) -> None:
    """The loss of partly known labels, sets of labels included, and its gradient."""
    scheme = crf.grammar.scheme
    spelt = np.stack([scheme.encode(word) for word in words])  # (words, T)
    sets = known.copy()
    sets[1] = 64 + (1 << known[1]) + (1 << (known[1] + 1) % len(scheme.letters))
    pairs = {known[1], (known[1] + 1) % len(scheme.letters)}
    for labels, second in ((known, {known[1]}), (sets, pairs)):
        fits = (spelt == known) | (known < 0)
        fits[:, 1] = np.isin(spelt[:, 1], list(second))
        agreeing = scores[torch.from_numpy(fits.all(1))]
        wanted = scores.logsumexp(0) - agreeing.logsumexp(0)
        size = torch.tensor([len(known)])
        loss = crf(emissions, size, torch.from_numpy(labels), types, ends)[0]
        torch.testing.assert_close(loss, wanted, atol=1e-8, rtol=1e-8)
        one, other = (torch.autograd.grad(x, emissions, retain_graph=True)[0]
                      for x in (loss, wanted))  # fmt: skip
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def test_six_letters_stand_for_the_labels_that_are_written_like_them() -> None:
    labels = [Label(x, x, six=x) for x in "IOM"]
    scheme = LabelScheme((*labels, Label("R", "re-entrant", six=SIDE), Label("T", "t", six="I")))
    assert scheme.to_six("TTIMMORRO-IRR") == "IIIMMOOOO-III"
    assert scheme.to_six("RR") == "--"
    assert scheme.encode_six("IOM-R").tolist() == [64 + 1 + 8 + 16, 64 + 2 + 8, 2, -100, 3]
    assert scheme.encode_six("IO", complete="R").tolist() == [64 + 1 + 16, 1]
    assert scheme.encode_six("IO", complete="RT").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "types", "expected"),
    [
        ([], None, "no labels"),
        ([Label("I", "i"), Label("I", "j")], None, "'I' is declared twice"),
        ([Label("i", "i")], None, "expected one letter of A to Z"),
        ([Label("I", "i", six="X")], None, "found six 'X'"),
        ([Label("I", "i", six="I"), Label("X", "x")], None, "'X': maps to nothing"),
        ([Label("I", "i", "red")], None, "expected #RRGGBB"),
        ([Label("I", "i")], [], "no types"),
        ([Label("I", "i")], [TypeRule("A"), TypeRule("A")], "type 'A' is declared twice"),
        ([Label("I", "i")], [TypeRule("A", frozenset("M"))], "found label 'M'"),
        ([Label("I", "i")], [TypeRule("A", frozenset("I"), frozenset("I"))], "exclude each other"),
    ],
)
def test_wrong_declarations_are_one_line(labels, types, expected) -> None:
    with pytest.raises(ConfigError, match=expected) as error:
        LabelScheme(tuple(labels), *([tuple(types)] if types is not None else []))
    assert "\n" not in str(error.value)
