"""Class weights and length buckets: the class mix is the intended one, with buckets too."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topo.data.sampling import BucketSampler, class_weights, length_buckets
from topo.labels import TYPES

COUNTS = np.array([78, 22, 200, 400, 17])  # a fold of the experimental set


@pytest.fixture
def skewed() -> tuple[np.ndarray, np.ndarray]:
    """Types and lengths, the types of very different lengths."""
    types = np.repeat(np.arange(5), COUNTS)
    random = np.random.default_rng(0)
    centre = np.array([400, 700, 200, 450, 900])[types]
    return types, np.maximum(30, random.normal(centre, 80)).astype(int)


def test_power_runs_from_the_natural_mix_to_the_even_one(skewed) -> None:
    types, _ = skewed
    natural = np.bincount(types, class_weights(types, 0.0))
    even = np.bincount(types, class_weights(types, 1.0))
    np.testing.assert_allclose(natural, COUNTS / COUNTS.sum())
    np.testing.assert_allclose(even, 0.2)


def test_factor_multiplies_the_odds_of_its_type(skewed) -> None:
    types, _ = skewed
    plain = np.bincount(types, class_weights(types, 0.5))
    boosted = np.bincount(types, class_weights(types, 0.5, {"BETA": 3.0}))
    odds = (boosted[4] / boosted[3]) / (plain[4] / plain[3])
    assert odds == pytest.approx(3.0)
    assert TYPES[4] == "BETA"


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_class_mix_of_batches_is_the_intended_one(skewed, power: float) -> None:
    types, lengths = skewed
    weights = class_weights(types, power)
    sampler = BucketSampler(weights, types, lengths, samples=700, batch=32, seed=3)
    intended = np.bincount(types, weights)
    seen = np.zeros(5)
    for epoch in range(10):
        sampler.set_epoch(epoch)
        drawn = np.concatenate(list(sampler))
        assert len(drawn) == 700
        mix = np.bincount(types[drawn], minlength=5) / 700
        np.testing.assert_allclose(mix, intended, atol=2 / 700)
        seen += mix / 10
    np.testing.assert_allclose(seen, intended, atol=0.001)


def test_bucketing_draws_the_same_proteins_as_no_bucketing(skewed) -> None:
    types, lengths = skewed
    arguments = (class_weights(types, 0.5), types, lengths, 700)
    one_by_one = BucketSampler(*arguments, batch=1, seed=1)
    bucketed = BucketSampler(*arguments, batch=32, seed=1)
    assert sorted(chain.from_iterable(one_by_one)) == sorted(chain.from_iterable(bucketed))


def test_an_epoch_is_a_function_of_seed_and_epoch(skewed) -> None:
    types, lengths = skewed

    def make(seed: int) -> BucketSampler:
        return BucketSampler(class_weights(types, 0.5), types, lengths, 300, 16, seed)

    first, again, other = make(1), make(1), make(2)
    assert list(first) == list(again)
    assert list(first) != list(other)
    again.set_epoch(1)
    assert list(first) != list(again)
    assert len(again) == len(list(again))


def test_processes_share_each_batch_of_an_epoch(skewed) -> None:
    types, lengths = skewed
    arguments = (class_weights(types, 0.5), types, lengths, 306, 16, 1)
    whole = list(BucketSampler(*arguments))
    shares = [BucketSampler(*arguments, rank=rank, world=3) for rank in range(3)]
    assert {len(list(share)) for share in shares} == {len(shares[0])} == {len(whole)}
    assert sorted({len(batch) for batch in whole}) == [2, 16]
    for batch, *parts in zip(whole, *shares, strict=True):
        if len(batch) < 3:
            assert parts == [batch] * 3
        else:
            assert sorted(i for part in parts for i in part) == sorted(batch)
            assert {len(part) for part in parts} == {5, 6}


def test_batches_of_like_lengths_waste_little(skewed) -> None:
    types, lengths = skewed
    sampler = BucketSampler(class_weights(types, 0.5), types, lengths, 700, 32)
    padded = sum(len(b) * lengths[b].max() for b in sampler)
    assert 1 - lengths[sampler.draw()].sum() / padded < 0.05


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 9), st.integers(1, 2_000))
def test_buckets_cover_everything_once_within_the_caps(sizes, batch: int, residues: int) -> None:
    lengths = np.sort(np.array(sizes, dtype=int))
    buckets = length_buckets(lengths, batch, residues)
    assert [i for b in buckets for i in range(b.start, b.stop)] == list(range(len(lengths)))
    for bucket in buckets:
        count = bucket.stop - bucket.start
        assert count == 1 or (count <= batch and count * lengths[bucket].max() <= residues)
