"""Varied training proteins: what changes, how often, and what must not."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from Bio.Align import substitution_matrices
from hypothesis import given
from hypothesis import strategies as st

from topo.config import load_config
from topo.data.augmentation import BACKGROUND, blur_boundaries, substitute
from topo.data.dataset import ProteinDataset
from topo.data.labelled_set import LabelledSet
from topo.data.loading import train_loader, whole_loader
from topo.data.types import type_sets
from topo.labels import encode_labels
from topo.protein import Protein
from topo.residues import AMINO_ACIDS

LABELS = "I" * 8 + "M" * 20 + "O" + "M" * 19 + "I" * 40


def test_substitution_rate_and_odds():
    sequence = "".join(np.random.default_rng(0).choice(list(AMINO_ACIDS), 60_000))
    varied = substitute(sequence, 0.2, np.random.default_rng(1))
    assert len(varied) == len(sequence)
    assert np.mean([a != b for a, b in zip(sequence, varied, strict=True)]) == pytest.approx(
        0.2, abs=0.01
    )
    found = Counter(b for a, b in zip(sequence, varied, strict=True) if a == "L" != b)
    matrix = substitution_matrices.load("BLOSUM62")
    odds = {
        b: p * 2 ** (matrix["L", b] / 2)
        for b, p in zip(AMINO_ACIDS, BACKGROUND, strict=True)
        if b != "L"
    }
    for residue in "VIMF":
        wanted = odds[residue] / sum(odds.values())
        assert found[residue] / found.total() == pytest.approx(wanted, abs=0.06)


@given(st.text("ACDXBZUO*", max_size=30), st.integers(0, 100))
def test_other_letters_stay(sequence, seed):
    varied = substitute(sequence, 0.9, np.random.default_rng(seed))
    assert len(varied) == len(sequence)
    for before, after in zip(sequence, varied, strict=True):
        assert (after == before) if before not in "ACD" else (after in AMINO_ACIDS)


def test_blurred_boundaries_of_a_hairpin():
    blurred = blur_boundaries(encode_labels(LABELS), 2)
    shown = "".join("-" if i < 0 else "IOPSMB"[i] for i in blurred)
    assert shown == "I" * 6 + "----" + "M" * 16 + "--O--" + "M" * 15 + "----" + "I" * 38


@given(
    st.lists(st.tuples(st.sampled_from("IOPSMB-"), st.integers(1, 12)), min_size=1, max_size=8),
    st.integers(0, 5),
)
def test_every_segment_keeps_its_middle(runs, margin):
    labels = encode_labels("".join(letter * size for letter, size in runs))
    blurred = blur_boundaries(labels, margin)
    known = blurred != -100
    assert (blurred[known] == labels[known]).all()
    for start, end in _runs(labels):
        assert labels[start] == -100 or known[start:end].any()


def test_signal_peptides_keep_their_cleavage_site():
    labels = encode_labels("S" * 20 + "O" * 30)
    assert (blur_boundaries(labels, 3) == labels).all()


def test_training_varies_by_epoch_and_validation_never():
    sequence = "".join(np.random.default_rng(2).choice(list(AMINO_ACIDS), len(LABELS)))
    proteins = [Protein("a", sequence, LABELS)]
    config = load_config(None, ["data.substitutions=0.3", "data.blur=2", "sampling.samples=1"])
    labelled = LabelledSet(proteins, type_sets(proteins), np.ones(1))
    first, again, second = (
        next(iter(train_loader(labelled, config, epoch)))[0] for epoch in (0, 0, 1)
    )
    whole = next(iter(whole_loader(labelled, config)))
    plain = ProteinDataset(proteins, labelled.types, config.graph)[0]
    assert first.x.equal(again.x)
    assert not first.x.equal(second.x)
    assert whole.x.equal(plain.x)
    assert whole.y.equal(plain.y)
    assert (first.y == -100).sum() == 12


def _runs(labels):
    edges = [0, *(np.nonzero(np.diff(labels))[0] + 1).tolist(), len(labels)]
    return list(itertools.pairwise(edges))
