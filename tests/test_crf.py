"""The CRF against enumeration of all paths, a plain recursion, and its own guarantees."""

from __future__ import annotations

import pytest
import torch
from path_enumeration import agrees, label_matrix, paths, random_crf, score, small_grammar, spell

from topo.labels import TYPE_INDEX, TYPES, UNKNOWN, decode_labels, encode_labels, protein_type

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
    torch.manual_seed(seed)
    shapes = [(sum(sizes), channels), (len(sizes), len(TYPES)), (sum(sizes),)]
    return [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("minima", [{}, {"I": 2, "O": 3}])
@pytest.mark.parametrize("channels", ["letters", "states"])
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
    for (text, open_start, open_end), e, t, c in rows:
        flags = (open_start, open_end)
        every = {
            path: score(crf, path, e, t, c, *flags)
            for path in paths(crf.grammar, len(text), *flags)
        }
        fitting = [s for path, s in every.items() if agrees(text, spell(crf.grammar, path))]
        if fitting:
            expected.append(
                torch.stack(list(every.values())).logsumexp(0) - torch.stack(fitting).logsumexp(0)
            )
        else:
            expected.append(e.new_zeros(()))
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, expected, atol=1e-8, rtol=1e-8)

    weights = torch.rand(len(sizes), dtype=torch.float64)
    leaves = [emissions, types, ends, *crf.parameters()]
    found = torch.autograd.grad((loss * weights).sum(), leaves, retain_graph=True)
    wanted = torch.autograd.grad((expected * weights).sum(), leaves)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)
