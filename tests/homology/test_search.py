"""Homology-aware folds and filters: dealing by type, and no similar pair across folds."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import command
from hypothesis import given
from hypothesis import strategies as st
from mmseqs_installed import RESIDUES, needs_mmseqs

from topo.curation.partition import deal, partition, similar_across, without_similar
from topo.errors import ConfigError, TopoError
from topo.homology.mmseqs import find_program
from topo.homology.search import Hit, Similarity, find_similar, groups
from topo.io import read_proteins
from topo.protein import Protein

LABELS = {"GLOB": "I" * 120, "SP": "S" * 20 + "O" * 100, "TM": "I" * 50 + "M" * 20 + "O" * 50}


def _families(seed: int, counts: dict[str, int], members: int = 3) -> list[Protein]:
    """Families of proteins that share four residues in five, of one type each."""
    random = np.random.default_rng(seed)
    proteins = []
    for kind, count in counts.items():
        for family in range(count):
            parent = random.choice(RESIDUES, 120)
            for member in range(members):
                change = random.random(120) < 0.2
                sequence = np.where(change, random.choice(RESIDUES, 120), parent)
                name = f"{kind}_{family}_{member}"
                proteins.append(Protein(name, "".join(sequence), LABELS[kind]))
    return [proteins[i] for i in random.permutation(len(proteins))]


def _family(protein: Protein) -> str:
    return protein.id.rpartition("_")[0]


@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 4)), min_size=16, max_size=120),
    st.integers(2, 4),
)
def test_dealing_keeps_groups_whole(pairs: list[tuple[int, int]], count: int) -> None:
    joined = np.unique([group for group, _ in pairs], return_inverse=True)[1]
    folds = deal(joined, np.array([kind for _, kind in pairs]), count)
    assert set(folds) <= set(range(count))
    for group in range(joined.max() + 1):
        assert len(set(folds[joined == group])) == 1


def test_dealing_single_proteins_spreads_each_type() -> None:
    types = np.repeat([0, 1, 3, 4], [50, 10, 500, 7])
    folds = deal(np.arange(len(types)), types, 5)
    for kind in np.unique(types):
        counts = np.bincount(folds[types == kind], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_groups_join_over_others() -> None:
    hits = [Hit(0, 1, 0.5, 1.0), Hit(2, 1, 0.5, 1.0), Hit(3, 3, 1.0, 1.0)]
    joined = groups(5, hits)
    assert joined[0] == joined[1] == joined[2]
    assert len(set(joined)) == 3


def test_missing_program_is_one_clear_line(monkeypatch) -> None:
    monkeypatch.setattr("topo.homology.mmseqs.shutil.which", lambda *_, **__: None)
    with pytest.raises(TopoError, match="mmseqs: not found, expected MMseqs2 on the PATH"):
        find_similar([Protein("a", "MKV")], [Protein("b", "MKV")], Similarity())


@needs_mmseqs
def test_families_stay_together_and_types_are_spread() -> None:
    proteins = _families(0, {"GLOB": 9, "SP": 6, "TM": 3})
    found = partition(proteins, 3)
    places: dict[str, set[int]] = {}
    for protein, fold in zip(proteins, found.folds, strict=True):
        places.setdefault(_family(protein), set()).add(int(fold))
    assert len(places) == 18
    assert all(len(folds) == 1 for folds in places.values())
    per_fold = [
        Counter(p.id.split("_")[0] for p, f in zip(proteins, found.folds, strict=True) if f == i)
        for i in range(3)
    ]
    assert per_fold == [{"GLOB": 9, "SP": 6, "TM": 3}] * 3
    assert similar_across(proteins, found.folds, Similarity()) == []


@needs_mmseqs
def test_check_finds_a_family_that_is_torn_apart() -> None:
    proteins = sorted(_families(1, {"GLOB": 2}), key=lambda protein: protein.id)
    hits = similar_across(proteins, np.array([0, 0, 1, 1, 1, 1]), Similarity())
    assert {(hit.query, hit.target) for hit in hits} == {(0, 2), (1, 2)}
    assert all(0.3 <= hit.identity < 0.9 and hit.coverage >= 0.5 for hit in hits)


@needs_mmseqs
def test_coverage_is_of_the_shorter_and_equal_sequences_always_count() -> None:
    (long,) = _families(2, {"GLOB": 1}, members=1)
    piece = Protein("piece", long.sequence[:60])
    edge = Protein("edge", long.sequence[:40] + _families(3, {"GLOB": 1}, 1)[0].sequence)
    tiny = Protein("tiny", "MKV")
    hits = find_similar([piece, edge, tiny], [long, tiny], Similarity())
    assert {(hit.query, hit.target) for hit in hits} == {(0, 0), (2, 1)}


@needs_mmseqs
def test_filter_drops_what_is_similar_and_says_to_what(tmp_path: Path) -> None:
    proteins = _families(4, {"GLOB": 4})
    known = [p for p in proteins if _family(p) == "GLOB_1"][:1]
    kept, dropped = without_similar(proteins, known)
    assert {_family(p) for p in kept} == {"GLOB_0", "GLOB_2", "GLOB_3"}
    assert {p.id for p, _, _ in dropped} == {f"GLOB_1_{i}" for i in range(3)}
    paths = [tmp_path / name for name in ("all.3line", "known.3line", "kept.3line")]
    for path, records in zip(paths, (proteins, known), strict=False):
        path.write_text("".join(f">{p.id} | GLOB\n{p.sequence}\n{p.labels}\n" for p in records))
    assert command("data", "filter", paths[0], "--against", paths[1], "-o", paths[2]) == 0
    assert [p.id for p in read_proteins(paths[2])] == [p.id for p in kept]
    rows = Path(f"{paths[2]}.dropped.tsv").read_text().splitlines()
    assert rows[0] == "id\tsimilar_to\tidentity\tcoverage"
    assert {row.split("\t")[1] for row in rows[1:]} == {known[0].id}


@needs_mmseqs
def test_fewer_groups_than_folds_is_an_error() -> None:
    with pytest.raises(ConfigError, match="found 1 groups of similar proteins among 3, expected"):
        partition(_families(5, {"GLOB": 1}), 2)


@needs_mmseqs
@pytest.mark.data
@pytest.mark.slow
def test_real_set_has_no_similar_pair_across_folds(data_dir: Path, tmp_path: Path) -> None:
    output = tmp_path / "folds.json"
    source = data_dir / "topology" / "tmbed.3line"
    assert command("data", "split", source, "-o", output, "--sensitivity", 5.7) == 0
    folds = json.loads(output.read_text())
    assert sorted(folds) == [f"cv{i}" for i in range(5)]
    given_, written = list(read_proteins(source)), list(read_proteins(output))
    assert sorted((p.id, p.sequence, p.labels) for p in written) == sorted(
        (p.id, p.sequence, p.labels) for p in given_
    )
    assert max(map(len, folds.values())) - min(map(len, folds.values())) <= 10
    assert _pairs_across(folds, tmp_path) == []


def _pairs_across(folds: dict[str, list[dict]], folder: Path) -> list[str]:
    """Search all against all with a plain call of MMseqs2 and list the pairs across folds."""
    fasta, hits = folder / "all.fasta", folder / "hits.tsv"
    fasta.write_text(
        "".join(
            f">{fold}/{i}\n{record['sequence']}\n"
            for fold, records in folds.items()
            for i, record in enumerate(records)
        )
    )
    columns = "query,target,fident,qcov,tcov,qlen,tlen"
    subprocess.run(
        [find_program(), "easy-search", fasta, fasta, hits, folder / "work", "--threads", "1",
         "--min-seq-id", "0.3", "--alignment-mode", "3", "--format-output", columns, "-v", "1"],
        check=True, capture_output=True,
    )  # fmt: skip
    rows = [line.split("\t") for line in hits.read_text().splitlines()]
    assert len(rows) >= sum(map(len, folds.values())) * 0.95  # nearly all find themselves
    return [
        f"{row[0]} {row[1]}"
        for row in rows
        if row[0].split("/")[0] != row[1].split("/")[0]
        and float(row[3] if float(row[5]) <= float(row[6]) else row[4]) >= 0.5
    ]
