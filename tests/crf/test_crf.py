"""The CRF against enumeration of all paths, a plain torch recursion, and its own guarantees."""

from __future__ import annotations

import itertools
import logging
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from path_enumeration import agrees, label_matrix, paths, random_crf, score, small_grammar, spell

from topo.crf.costs import DecoderCosts
from topo.crf.layer import GrammarCRF
from topo.grammar.legality import is_legal
from topo.labels import (
    LABEL_INDEX,
    LABELS,
    TYPE_INDEX,
    TYPES,
    decode_labels,
    encode_labels,
    protein_type,
)
from topo.segments import to_segments

CHAINS = [
    ("-" * 9, False, False),
    ("S" + "-" * 11, False, False),
    ("--I---OO--", False, False),
    ("IIIMM--OO", False, False),
    ("-------", True, False),
    ("-------", False, True),
    ("------", True, True),
    ("--M", True, True),
    ("M--", True, False),
    ("I--OM", False, True),
    ("-", False, False),
    ("-", True, True),
]


def inputs(sizes: list[int], seed: int, channels: int = 6) -> list[torch.Tensor]:
    """Random emissions (R, channels), type scores (B, 5), cleavage scores (R,)."""
    torch.manual_seed(seed)
    shapes = [(sum(sizes), channels), (len(sizes), len(TYPES)), (sum(sizes),)]
    return [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(
    ("minima", "channels"), [({}, "letters"), ({"I": 2, "O": 3}, "letters"), ({}, "states")]
)
def test_loss_and_gradients_equal_enumeration(minima, channels):
    crf = random_crf(small_grammar(**minima), 1, channels)
    known = [chain[0] for chain in CHAINS]
    sizes = [len(labels) for labels in known]
    emissions, types, ends = inputs(sizes, 2, len(crf.grammar.channels))
    opened = [torch.tensor([chain[i] for chain in CHAINS]) for i in (1, 2)]
    labels = torch.from_numpy(encode_labels("".join(known)))
    loss = crf(emissions, torch.tensor(sizes), labels, types, ends, *opened)

    expected = []
    rows = zip(CHAINS, emissions.split(sizes), types, ends.split(sizes), strict=True)
    for (text, *flags), e, t, c in rows:
        every = {
            path: score(crf, path, e, t, c, *flags)
            for path in paths(crf.grammar, len(text), *flags)
        }
        fitting = [s for path, s in every.items() if agrees(text, spell(crf.grammar, path))]
        none = e.new_zeros(())
        expected.append(log_sum(every.values()) - log_sum(fitting) if fitting else none)
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, expected, atol=1e-8, rtol=1e-8)

    weights = torch.rand(len(sizes), dtype=torch.float64)
    leaves = [emissions, types, ends, *crf.parameters()]
    found = torch.autograd.grad((loss * weights).sum(), leaves)
    wanted = torch.autograd.grad((expected * weights).sum(), leaves)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def log_sum(scores) -> torch.Tensor:
    return torch.stack(list(scores)).logsumexp(0)


@pytest.fixture(scope="module", params=[3, 8, 10])
def enumerated(request):
    """A chain's inputs, and labels and probability of each of its paths, best first."""
    size = request.param
    crf = random_crf(small_grammar(), size)
    data = [x.detach() for x in inputs([size], size)]
    every = list(paths(crf.grammar, size))
    with torch.no_grad():
        scores = torch.stack([score(crf, path, data[0], data[1][0], data[2]) for path in every])
    order = scores.argsort(descending=True)
    chosen = [spell(crf.grammar, every[i]) for i in order]
    return crf, data, chosen, scores[order].softmax(0), scores.logsumexp(0)


def test_marginals_equal_enumeration(enumerated):
    crf, (emissions, types, ends), every, probability, log_partition = enumerated
    found = crf.posterior(emissions, torch.tensor([len(emissions)]), types, ends)
    labels = torch.stack([label_matrix(text) for text in every])
    wanted = torch.einsum("n,nrc->rc", probability, labels)
    torch.testing.assert_close(found.labels, wanted, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.log_partition[0], log_partition)
    torch.testing.assert_close(found.types[0], type_shares(every, probability), atol=1e-9, rtol=0)
    plain = crf.posterior(emissions, torch.tensor([len(emissions)]), cleavage=ends)
    mass = plain.type_mass + types
    torch.testing.assert_close(mass.softmax(1), found.types, atol=1e-9, rtol=0)
    moved = plain.with_types(mass.log_softmax(1))
    torch.testing.assert_close(moved.labels, wanted, atol=1e-9, rtol=0)
    torch.testing.assert_close(moved.types, found.types, atol=1e-9, rtol=0)


def test_negligible_types_have_no_share(enumerated):
    crf, (emissions, types, ends), every, probability, log_partition = enumerated
    lengths = torch.tensor([len(emissions)])
    shares = type_shares(every, probability)
    for negligible in (0.0, *(shares[shares > 0] * 1.001).tolist()[:-1]):
        kept = {name for name, share in zip(TYPES, shares, strict=True) if share >= negligible}
        if not kept:
            continue
        found = crf.posterior(emissions, lengths, types, ends, negligible)
        texts = {i: text for i, text in enumerate(every) if protein_type(text) in kept}
        weights = probability[list(texts)] / probability[list(texts)].sum()
        labels = torch.stack([label_matrix(text) for text in texts.values()])
        wanted = torch.einsum("n,nrc->rc", weights, labels)
        torch.testing.assert_close(found.labels, wanted, atol=1e-9, rtol=0)
        torch.testing.assert_close(found.types[0], shares, atol=1e-9, rtol=0)
        torch.testing.assert_close(found.log_partition[0], log_partition)


def test_pruned_decoding_is_near_the_exact_one():
    crf = random_crf(GrammarCRF().grammar, 13)
    sizes = [90, 1, 150]
    emissions, types, ends = (x.detach() for x in inputs(sizes, 14))
    arguments = (emissions, torch.tensor(sizes), 3 * types, ends)
    exact = crf.posterior(*arguments)
    pruned = crf.posterior(*arguments, negligible=1e-6)
    assert (exact.types < 1e-6).any()
    torch.testing.assert_close(pruned.labels, exact.labels, atol=5e-6, rtol=0)
    assert torch.equal(pruned.types, exact.types)


def type_shares(every, probability) -> torch.Tensor:
    shares = torch.zeros(len(TYPES), dtype=torch.float64)
    for text, share in zip(every, probability, strict=True):
        shares[TYPE_INDEX[protein_type(text)]] += share
    return shares


def test_decoders_equal_enumeration(enumerated):
    crf, (emissions, types, ends), every, probability, _ = enumerated
    lengths = torch.tensor([len(emissions)])
    best_type = TYPES[type_shares(every, probability).argmax()]
    wanted = next(text for text in every if protein_type(text) == best_type)
    chances = crf.posterior(emissions, lengths, types, ends)
    found = chances.best_path()
    assert decode_labels(found.numpy()) == wanted
    for index, name in enumerate(TYPES):
        ordered = chances.best_path(torch.tensor([index]))
        of_type = [text for text in every if protein_type(text) == name]
        assert decode_labels(ordered.numpy()) in (of_type[:1] or every)

    right = [(label_matrix(text) * chances.labels).sum() for text in every]
    posterior = chances.decode()
    expected = (label_matrix(decode_labels(posterior.numpy())) * chances.labels).sum()
    torch.testing.assert_close(expected, max(right))
    assert decode_labels(posterior.numpy()) in every

    costs = DecoderCosts(side=0.25, segment=0.7, helix=4, short=0.3)
    by_text = {text: topology_gain(text, chances.labels, costs) for text in every}
    chosen = chances.decode(costs)
    assert by_text[decode_labels(chosen.numpy())] == pytest.approx(max(by_text.values()))


def topology_gain(text: str, labels: torch.Tensor, costs: DecoderCosts) -> float:
    """Count what a topology gains, segment by segment."""
    value, place = 0.0, 0
    for letter, group in itertools.groupby(text):
        length = len(list(group))
        rows = labels[place : place + length]
        own, place = rows[:, LABELS.index(letter)].sum().item(), place + length
        if letter in "IOP":
            either = rows[:, [LABELS.index(loop) for loop in "IOP"]].sum().item()
            own = costs.side * own + (1 - costs.side) * either
        value += own - costs.segment * (letter in "MB")
        value -= costs.short * max(costs.helix - length, 0) * (letter == "M")
    return value


def test_n_best_and_confidence_equal_enumeration(enumerated):
    crf, (emissions, types, ends), every, probability, _ = enumerated
    lengths = torch.tensor([len(emissions)])
    shares: dict[str, float] = {}
    orders: dict[str, float] = {}
    for text, share in zip(every, probability.tolist(), strict=True):
        shares[text] = shares.get(text, 0.0) + share
        order = "".join(segment.label for segment in to_segments(text))
        orders[order] = orders.get(order, 0.0) + share
    wanted = sorted(shares.items(), key=lambda item: -item[1])[:7]
    chances = crf.posterior(emissions, lengths, types, ends)
    found = chances.n_best(7)[0]
    assert [text for text, _ in found] == [text for text, _ in wanted]
    assert [share for _, share in found] == pytest.approx([s for _, s in wanted], abs=1e-9)
    for text in list(shares)[:: max(1, len(shares) // 40)]:
        labels = torch.from_numpy(encode_labels(text))
        order = "".join(segment.label for segment in to_segments(text))
        confidence = chances.confidence(labels)
        assert confidence.item() == pytest.approx(orders[order], abs=1e-9)


def test_gradients_by_finite_differences():
    crf = random_crf(small_grammar(), 4)
    sizes = [6, 5]
    labels = torch.from_numpy(encode_labels("-I--M-" + "S----"))
    names = [name for name, _ in crf.named_parameters()]
    leaves = [*inputs(sizes, 5), *(p.detach().requires_grad_() for p in crf.parameters())]

    def loss(emissions, types, ends, *parameters):
        replaced = dict(zip(names, parameters, strict=True))
        arguments = (emissions, torch.tensor(sizes), labels, types, ends)
        return torch.func.functional_call(crf, replaced, arguments)

    assert torch.autograd.gradcheck(loss, leaves, atol=1e-6)


def test_negative_log_probability_of_types():
    crf = random_crf(small_grammar(), 6)
    emissions, types, _ = inputs([9, 7], 7)
    lengths = torch.tensor([9, 7])
    mask = torch.tensor([[True, True, False, False, False], [False, False, False, True, False]])
    unknown = torch.full((16,), -100)
    loss = crf(emissions, lengths, unknown, types, types=mask)
    found = crf.posterior(emissions, lengths, types).types
    torch.testing.assert_close((-loss).exp(), (found * mask).sum(1))


def reference_log_partition(crf: GrammarCRF, emissions: torch.Tensor) -> torch.Tensor:
    """Log mass of all paths of one whole chain: the recursion as written down, in plain torch."""
    a, size = crf.grammar.automaton, len(emissions)
    total = torch.cat([emissions.new_zeros(1, emissions.shape[1]), emissions.cumsum(0)])
    low = emissions.new_full((), -math.inf)
    entry = [[crf.start[a.state[k]] if a.start[k] else low for k in range(len(a.letter))]]
    for t in range(1, size + 1):
        exit = []
        for k, (c, s) in enumerate(zip(a.channel, a.state, strict=True)):
            terms = [low]
            for d in range(int(a.minimum[k]), min(t, int(a.maximum[k]) or t) + 1):
                before = entry[t - d][k]
                if before is not low:
                    held = crf.duration[s, d] if a.maximum[k] else crf.stay[s] * (d - a.minimum[k])
                    terms.append(before + total[t, c] - total[t - d, c] + held)
            exit.append(torch.stack(terms[1:]).logsumexp(0) if terms[1:] else low)
        entry.append([])
        for k in range(len(a.letter)):
            arcs = [i for i in range(a.incoming[k], a.incoming[k + 1])]
            terms = [
                exit[a.source[i]] + crf.transition[a.arc[i]]
                for i in arcs
                if exit[a.source[i]] is not low
            ]
            entry[t].append(torch.stack(terms).logsumexp(0) if terms else low)
    ends = [exit[k] + crf.end[a.state[k]] for k in range(len(a.letter)) if a.end[k]]
    return torch.stack([x for x in ends if x > -math.inf]).logsumexp(0)


def test_default_grammar_equals_plain_torch_recursion():
    crf = random_crf(GrammarCRF().grammar, 8)
    (emissions, _, _) = inputs([60], 9)
    wanted = reference_log_partition(crf, emissions)
    labels = torch.from_numpy(encode_labels("I" * 20 + "M" * 20 + "O" * 20))
    loss = crf(emissions, torch.tensor([60]), labels)
    found = crf.posterior(emissions, torch.tensor([60]))
    torch.testing.assert_close(found.log_partition[0], wanted, atol=1e-8, rtol=1e-10)
    slope = torch.autograd.grad(wanted, [emissions, crf.stay])
    torch.testing.assert_close(found.labels, slope[0], atol=1e-8, rtol=0)
    given = label_matrix("I" * 20 + "M" * 20 + "O" * 20)
    from_loss = torch.autograd.grad(loss.sum(), emissions)[0]
    torch.testing.assert_close(from_loss, slope[0] - given, atol=1e-8, rtol=0)


def test_chain_in_company_and_threads_is_the_same():
    crf = random_crf(GrammarCRF().grammar, 10)
    sizes = [30, 1, 77, 12]
    emissions, types, _ = (x.detach() for x in inputs(sizes, 11))
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        together = crf.posterior(emissions, torch.tensor(sizes), types)
        labels, best = together.decode(), together.best_path()
        sure = together.confidence(labels)
        loss = crf(emissions, torch.tensor(sizes), torch.full((sum(sizes),), -100), types)
    finally:
        torch.set_num_threads(threads)
    assert torch.allclose(loss, torch.zeros(4, dtype=loss.dtype), atol=1e-9)
    for i, part in enumerate(emissions.split(sizes)):
        alone = crf.posterior(part, torch.tensor([len(part)]), types[i : i + 1])
        assert torch.equal(alone.labels, together.labels.split(sizes)[i])
        assert torch.equal(alone.types[0], together.types[i])
        assert torch.equal(alone.decode(), labels.split(sizes)[i])
        assert torch.equal(alone.best_path(), best.split(sizes)[i])
        assert torch.equal(alone.confidence(alone.decode())[0], sure[i])


def test_record_without_path_is_reported_and_has_no_gradient(caplog):
    crf = GrammarCRF()
    labels = torch.from_numpy(encode_labels("IIMMOO" + "IIIIII"))
    assert not is_legal("IIMMOO", crf.grammar)
    assert is_legal("MM", crf.grammar, open_start=True, open_end=True)
    emissions = torch.randn(12, 6, requires_grad=True)
    with caplog.at_level(logging.WARNING):
        loss = crf(emissions, torch.tensor([6, 6]), labels)
    assert "1 of 2 chains" in caplog.text
    loss.sum().backward()
    assert loss[0] == 0
    assert loss[1] > 0
    assert (emissions.grad[:6] == 0).all()
    assert emissions.grad[6:].abs().sum() > 0


def test_nan_shows_in_the_loss_and_is_refused_by_decode():
    crf, lengths = GrammarCRF(), torch.tensor([30])
    emissions = torch.randn(30, 6)
    emissions[3] = math.nan
    assert crf(emissions, lengths, torch.full((30,), -100)).isnan().all()
    posterior = crf.posterior(emissions, lengths)
    for decode in (posterior.decode, posterior.best_path):
        with pytest.raises(ValueError, match="NaN"):
            decode()


def test_half_precision_and_autocast_keep_the_loss():
    crf, lengths = GrammarCRF(), torch.tensor([50])
    emissions = torch.randn(50, 6).bfloat16()
    labels = torch.full((50,), 0)
    exact = crf(emissions.float(), lengths, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(crf(emissions, lengths, labels), exact)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_loss_and_gradients():
    emissions, types, ends = (x.detach().float() for x in inputs([40, 25], 12))
    labels = torch.full((65,), -100)
    labels[0], labels[50] = LABEL_INDEX["S"], LABEL_INDEX["M"]
    results = []
    for device in ("cpu", "cuda"):
        crf = GrammarCRF().to(device)
        leaves = [x.to(device).requires_grad_() for x in (emissions, types, ends)]
        loss = crf(leaves[0], torch.tensor([40, 25], device=device), labels.to(device), *leaves[1:])
        loss.sum().backward()
        grads = [x.grad.cpu() for x in (*leaves, *crf.parameters())]
        results.append([loss.detach().cpu(), *grads])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_chain_of_35213_residues():
    size = 35_213
    torch.manual_seed(0)
    emissions = torch.randn(size, 6, requires_grad=True)
    crf, lengths = GrammarCRF(), torch.tensor([size])
    labels = torch.full((size,), -100)
    labels[0] = LABEL_INDEX["I"]
    loss = crf(emissions, lengths, labels)
    loss.sum().backward()
    assert 0 < loss.item() < math.inf
    assert emissions.grad.sum(1).abs().max() < 1e-6  # both posteriors sum to 1
    assert emissions.grad.abs().max() > 0.5
    found = crf.posterior(emissions, lengths)
    assert (found.labels.sum(1) - 1).abs().max() < 1e-6
    text = decode_labels(found.best_path().numpy())
    assert is_legal(text)


LOGIT = st.sampled_from(
    [-math.inf, -1e30, -1e4, -800.0, -30.0, -1.0, 0.0, 2.0, 50.0, 1e30, math.inf]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 120), st.integers(0, 2**32 - 1), st.lists(LOGIT, min_size=1, max_size=8),
       st.sampled_from([-1, 0, 1, 2, 3, 4]))  # fmt: skip
def test_decoders_are_legal_for_any_logits(size, seed, logits, wanted):
    rng = np.random.default_rng(seed)
    values = np.where(
        rng.random((size, 6)) < 0.5, rng.choice(logits, (size, 6)), rng.normal(size=(size, 6))
    )
    emissions, lengths = torch.from_numpy(values), torch.tensor([size])
    crf = GrammarCRF()
    shortest = {"TM": 8, "SP+TM": 8 + 1 + 8, "SP": 9, "GLOB": 1, "BETA": 3}
    found = crf.posterior(emissions, lengths)
    for decode in (found.best_path, found.decode):
        text = decode_labels(decode(types=torch.tensor([wanted])).numpy())
        assert is_legal(text)
        if wanted >= 0 and size >= shortest[TYPES[wanted]]:
            assert protein_type(text) == TYPES[wanted]
    assert found.labels.isfinite().all()
    assert found.types.isfinite().all()
    assert (found.labels.sum(1) - 1).abs().max() < 1e-6
