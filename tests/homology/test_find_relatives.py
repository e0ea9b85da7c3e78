"""Relatives of proteins: the best alignments, without the protein itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from mmseqs_installed import RESIDUES, needs_mmseqs

from topo.homology import relatives
from topo.homology.relatives import find_relatives
from topo.homology.search import Alignment
from topo.protein import Protein, aligned_places


def _chain(seed: int, length: int = 100) -> str:
    return "".join(np.random.default_rng(seed).choice(RESIDUES, length))


def _changed(sequence: str, seed: int, share: float = 0.3) -> str:
    random = np.random.default_rng(seed)
    letters = np.array(list(sequence))
    change = random.random(len(letters)) < share
    return "".join(np.where(change, random.choice(RESIDUES, len(letters)), letters))


@given(
    rows=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30),
    starts=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_aligned_places_are_those_of_a_walk(rows: list, starts: tuple[int, int]) -> None:
    query = "".join("A" if one else "-" for one, _ in rows)
    target = "".join("A" if other else "-" for _, other in rows)
    here, there = aligned_places(Alignment(0, 1, 0.5, 1.0, *starts, query, target).blocks())
    walked, place, partner = [], *starts
    for one, other in rows:
        if one and other:
            walked.append((place, partner))
        place, partner = place + one, partner + other
    assert list(zip(here.tolist(), there.tolist(), strict=True)) == walked


def test_the_best_relatives_are_kept_without_equal_sequences(monkeypatch) -> None:
    chains = [_chain(seed, 10) for seed in range(6)]
    rows = ("A" * 10, "A" * 10)
    scores = {0: 99.0, 1: 5.0, 2: 7.0, 3: 7.0, 4: 6.0}
    hits = [Alignment(0, target, 0.5, score, 0, 0, *rows) for target, score in scores.items()]
    monkeypatch.setattr(relatives, "align_similar", lambda *_: iter(hits))
    monkeypatch.setattr(relatives, "LIMIT", 3)
    query = Protein("q", chains[0])
    candidates = [Protein(str(i), chain) for i, chain in enumerate([*chains[:5], chains[2]])]
    found = find_relatives([query], candidates)
    assert [relative.sequence for relative in found[chains[0]]] == [chains[i] for i in (2, 3, 4)]


def test_no_candidates_need_no_search(monkeypatch) -> None:
    monkeypatch.setattr(relatives, "align_similar", lambda *_: 1 / 0)
    assert find_relatives([Protein("q", "MKV")], []) == {}
    assert find_relatives([], [Protein("q", "MKV")]) == {}


@needs_mmseqs
def test_members_of_a_family_are_relatives_of_each_other() -> None:
    parents = [_chain(seed) for seed in (1, 2)]
    proteins = [
        Protein(f"{i}{k}", _changed(parent, 10 * i + k, 0.25))
        for i, parent in enumerate(parents)
        for k in range(3)
    ]
    found = find_relatives(proteins, proteins)
    for i, protein in enumerate(proteins):
        family = {p.sequence for p in proteins[3 * (i // 3) : 3 * (i // 3) + 3]}
        assert {r.sequence for r in found[protein.sequence]} == family - {protein.sequence}
        for relative in found[protein.sequence]:
            here, there = aligned_places(relative.blocks)
            assert len(here) >= 50
            assert (here == there).all()
