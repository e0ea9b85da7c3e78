"""Labels carried from labelled proteins to their relatives along alignments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import command
from hypothesis import given
from hypothesis import strategies as st
from mmseqs_installed import RESIDUES, needs_mmseqs

from topo.config import Config, DataConfig
from topo.curation.transfer import project_labels, transfer_labels
from topo.data.splits import Splits
from topo.homology.search import Alignment, Similarity
from topo.io import read_three_line
from topo.protein import Protein


def _alignment(query: str, target: str, query_start: int = 0, target_start: int = 0) -> Alignment:
    return Alignment(0, 0, 1.0, 100.0, query_start, target_start, query, target)


@pytest.mark.parametrize(
    ("labels", "query", "target", "starts", "length", "expected"),
    [
        ("IIMMOO", "ACDEFG", "ACDEFG", (0, 0), 6, "IIMMOO"),
        ("IIMMOO", "DEFG", "DEFG", (2, 1), 7, "-MMOO--"),  # ends beyond the alignment
        ("IIMMOO", "A-CDEFG", "AWCDEFG", (0, 0), 7, "IIIMMOO"),  # inside a loop
        ("IIMMOO", "ACD-EFG", "ACDWEFG", (0, 0), 7, "IIM-MOO"),  # inside a helix
        ("IIMMOO", "AC-DEFG", "ACWDEFG", (0, 0), 7, "II-MMOO"),  # on a boundary
        ("IIMMOO", "ACDEFG", "AC-EFG", (0, 0), 5, "IIMOO"),  # missing from the target
        ("SSSOOO", "AC-DEFG", "ACWDEFG", (0, 0), 7, "SS-SOOO"),
    ],
)
def test_labels_follow_the_alignment(
    labels: str, query: str, target: str, starts: tuple[int, int], length: int, expected: str
) -> None:
    assert project_labels(labels, _alignment(query, target, *starts), length) == expected


@given(
    labels=st.text("IOPSMB", min_size=1, max_size=40),
    operations=st.lists(st.sampled_from("=ID"), min_size=1, max_size=40),
    starts=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    tail=st.integers(0, 5),
)
def test_aligned_residues_have_the_label_of_their_partner(
    labels: str, operations: list[str], starts: tuple[int, int], tail: int
) -> None:
    place, other = starts
    rows: tuple[list[str], list[str]] = ([], [])
    partner: dict[int, int | None] = {}
    for operation in operations:
        if operation != "I" and place >= len(labels):
            break
        rows[0].append("-" if operation == "I" else "A")
        rows[1].append("-" if operation == "D" else "A")
        if operation == "=":
            partner[other] = place
        place += operation != "I"
        other += operation != "D"
    alignment = _alignment("".join(rows[0]), "".join(rows[1]), *starts)
    carried = project_labels(labels, alignment, other + tail)
    assert len(carried) == other + tail
    for position, letter in enumerate(carried):
        if position in partner:
            assert letter == labels[partner[position]]
        else:
            assert letter in "-IOP"
    assert set(carried[: starts[1]] + carried[other:]) <= {"-"}


def _relatives(seed: int = 0) -> tuple[list[Protein], list[Protein]]:
    """Two labelled proteins, and a set with relatives of theirs and one stranger."""
    random = np.random.default_rng(seed)
    labels = {"tm": "I" * 60 + "M" * 20 + "O" * 70, "glob": "I" * 150}
    parents = {name: random.choice(RESIDUES, 150) for name in labels}
    labelled = [Protein(name, "".join(parents[name]), labels[name]) for name in labels]
    targets = [Protein("same", labelled[0].sequence)]
    for name, share in (("tm", 0.1), ("tm", 0.2), ("tm", 0.3), ("glob", 0.1)):
        changed = random.random(150) < share
        sequence = "".join(np.where(changed, random.choice(RESIDUES, 150), parents[name]))
        targets.append(Protein(f"{name}{share}", f"MKKK{sequence}"))
    targets.append(Protein("stranger", "".join(random.choice(RESIDUES, 150))))
    return labelled, targets


@needs_mmseqs
def test_relatives_get_labels_and_strangers_none() -> None:
    labelled, targets = _relatives()
    similarity = Similarity(0.25, 0.7, 1e-8, 5.7)
    found = transfer_labels(labelled, targets, similarity, types=["TM"])
    assert [row.protein.id for row in found] == ["tm0.1", "tm0.2", "tm0.3"]
    for row in found:
        assert row.source.id == "tm"
        labels = row.protein.labels or ""
        assert labels.startswith("----")
        assert labels.count("M") == 20
        assert labels.strip("-") in (labelled[0].labels or "")
    nearest = transfer_labels(labelled, targets, similarity, types=["TM", "GLOB"], limit=1)
    assert [row.protein.id for row in nearest] == ["tm0.1", "glob0.1"]


@needs_mmseqs
def test_command_writes_labels_and_the_folds_that_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, targets = _relatives()
    rows = "".join(f">{p.id} | TM\n{p.sequence}\n{p.labels}\n" for p in labelled)
    (tmp_path / "set.3line").write_text(rows)
    (tmp_path / "set.tsv").write_text("id\tsimilar_folds\ntm\tcv0\nglob\t-\n")
    (tmp_path / "corpus.fasta").write_text("".join(f">{p.id}\n{p.sequence}\n" for p in targets))
    (tmp_path / "corpus.tsv").write_text("id\tsimilar_folds\ntm0.2\tcv1\n")
    code = command(
        *("data", "transfer", tmp_path / "set.3line", "--to", tmp_path / "corpus.fasta"),
        *("--similar-from", tmp_path / "set.tsv", "--similar-to", tmp_path / "corpus.tsv"),
        *("-o", tmp_path / "out.3line"),
    )
    assert code == 0
    assert "3 proteins, labels of 1" in capsys.readouterr().out
    assert [p.id for p in read_three_line(tmp_path / "out.3line")] == ["tm0.1", "tm0.2", "tm0.3"]
    table = [line.split("\t") for line in (tmp_path / "out_similar_folds.tsv").open()]
    assert [row[0] for row in table] == ["id", "tm0.1", "tm0.2", "tm0.3"]
    assert [row[1] for row in table[1:]] == ["tm"] * 3
    assert [row[3].strip() for row in table[1:]] == ["cv0", "cv0,cv1", "cv0"]


def test_command_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set.3line").write_text(">a | GLOB\nMKA\nIII\n")
    (tmp_path / "set.tsv").write_text("id\tsimilar_folds\n")
    (tmp_path / "c.fasta").write_text(">x\nMKA\n")
    base = ("data", "transfer", tmp_path / "set.3line", "--to", tmp_path / "c.fasta")
    for options, message in (
        (("--types", "TM,HELIX"), "found HELIX, expected some of TM, "),
        (("--similar-from", tmp_path / "set.tsv"), "found 0 rows, expected one for each of the 1"),
    ):
        assert command(*base, "-o", tmp_path / "out.3line", *options) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "out.3line").exists()


def test_labels_of_proteins_that_validate_do_not_train(tmp_path: Path) -> None:
    records = [(f"p{i}", "MACDEFGHIK"[i:] + "A" * (30 + i)) for i in range(10)]
    (tmp_path / "set.3line").write_text(
        "".join(f">{name} | GLOB\n{s}\n{'I' * len(s)}\n" for name, s in records)
    )
    (tmp_path / "extra.3line").write_text(
        "".join(f">x{i} | GLOB\n{'C' * (30 + i)}\n{'I' * (30 + i)}\n" for i in range(10))
    )
    rows = "".join(f"x{i}\tp{i}\t-\n" for i in range(10))
    (tmp_path / "extra.tsv").write_text(f"id\tsource\tsimilar_folds\n{rows}")
    extra = {"path": str(tmp_path / "extra.3line"), "exclude_similar": str(tmp_path / "extra.tsv")}
    data = DataConfig(path=str(tmp_path / "set.3line"), holdout=0.3, extra=[extra])
    splits = Splits.of(Config(data=data))
    held = {protein.id for protein in splits.validation.proteins}
    assert len(held) == 3
    added = {p.id for p in splits.train.proteins if p.id.startswith("x")}
    assert added == {f"x{i}" for i in range(10) if f"p{i}" not in held}
    assert splits.left_out[f"{tmp_path / 'extra.3line'}: labels of evaluated proteins"] == 3
