"""Labels from a model's posteriors, averaged over families along alignments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import command
from mmseqs_installed import RESIDUES, needs_mmseqs

from topo.crf.layer import GrammarCRF
from topo.curation.consensus import (
    Trust,
    consensus_labels,
    family_posteriors,
    label_by_consensus,
)
from topo.grammar.legality import is_legal
from topo.homology.search import Alignment
from topo.io import read_labelled, read_three_line, write_three_line
from topo.labels import LABEL_INDEX, LABELS, protein_type
from topo.protein import Prediction

BARREL = "SSSSSSSSSSSS" + "PPPP" + ("BBBBBBBBB" + "OOOOOO" + "BBBBBBBBB" + "PPP") * 4
EXAMPLE = Path(__file__).resolve().parents[2] / "data" / "example"


def _posterior(labels: str, sure: float) -> np.ndarray:
    table = np.full((len(labels), len(LABELS)), (1 - sure) / (len(LABELS) - 1))
    table[np.arange(len(labels)), [LABEL_INDEX[letter] for letter in labels]] = sure
    return table


def _prediction(name: str, table: np.ndarray, kind: str = "BETA") -> Prediction:
    return Prediction(name, "A" * len(table), "I" * len(table), kind, table)


def _alignment(query: int, target: int, rows: tuple[str, str], score: float = 1.0) -> Alignment:
    return Alignment(query, target, 0.5, score, 0, 0, *rows)


def test_posteriors_are_averaged_along_alignments() -> None:
    random = np.random.default_rng(0)
    tables = [random.dirichlet(np.ones(6), size) for size in (4, 3, 4, 4)]
    predictions = [_prediction(str(i), table) for i, table in enumerate(tables)]
    alignments = [
        _alignment(0, 0, ("AAAA", "AAAA"), 9),
        _alignment(0, 1, ("AAAA", "A-AA"), 5),
        _alignment(0, 2, ("AAAA", "AAAA"), 4),
        _alignment(0, 3, ("AAAA", "AAAA"), 3),
        _alignment(1, 0, ("A-AA", "AAAA"), 5),
    ]
    found, relatives = family_posteriors(predictions, alignments, limit=2)
    assert relatives.tolist() == [2, 1, 0, 0]
    one, two = tables[1], tables[2]
    expected = tables[0] + [
        (one[0] + two[0]) / np.sqrt(2),
        two[1],
        (one[1] + two[2]) / np.sqrt(2),
        (one[2] + two[3]) / np.sqrt(2),
    ]
    np.testing.assert_allclose(found[0], expected / expected.sum(1, keepdims=True))
    np.testing.assert_allclose(found[1], (one + tables[0][[0, 2, 3]]) / 2)
    np.testing.assert_allclose(found[2], two)


def test_labels_are_legal_and_unsure_ones_unknown() -> None:
    crf, table = GrammarCRF(), _posterior(BARREL, 0.9)
    table[30:35] = _posterior(BARREL[30:35], 0.5)
    labels, probability = consensus_labels(table, "BETA", crf)
    assert labels == BARREL
    assert np.flatnonzero(probability < 0.7).tolist() == list(range(30, 35))
    # Whatever the posterior, the labels have a path.
    noise = np.random.default_rng(1).dirichlet(np.full(6, 0.3), len(BARREL))
    assert is_legal(consensus_labels(noise, "BETA", crf)[0])
    # What is unsure becomes unknown, or stays where that is asked for.
    predictions = [_prediction("one", table)]
    masked = BARREL[:30] + "-----" + BARREL[35:]
    for complete, expected in ((False, masked), (True, BARREL)):
        (row,) = label_by_consensus(predictions, [], crf, Trust(complete=complete))
        assert row.protein.labels == expected
        assert row.known == pytest.approx(1 - 5 / len(BARREL))
        assert row.soft is not None
        np.testing.assert_allclose(row.soft.labels, table, atol=1e-6)


def test_what_stays_too_unsure_is_left_out() -> None:
    sure, unsure = _posterior(BARREL, 0.9), _posterior(BARREL, 0.5)
    loops = _posterior(BARREL, 0.9)
    strands = [place for place, letter in enumerate(BARREL) if letter == "B"]
    loops[strands] = 1 / 6
    tables = {"sure": sure, "unsure": unsure, "loops": loops}
    predictions = [_prediction(name, table) for name, table in tables.items()]
    found = label_by_consensus(predictions, [], GrammarCRF(), Trust(known=0.1))
    assert [(row.protein.id, row.protein.labels, row.relatives) for row in found] == [
        ("sure", BARREL, 0)
    ]
    assert found[0].known == 1
    assert label_by_consensus(predictions[:1], [], GrammarCRF(), Trust(segments=8))
    assert not label_by_consensus(predictions[:1], [], GrammarCRF(), Trust(segments=9))
    # The sure relative helps the unsure one.
    helped = [_alignment(1, 0, (row := "A" * len(BARREL), row))]
    found = label_by_consensus(predictions, helped, GrammarCRF(), Trust(least=0.65))
    assert [(row.protein.id, row.relatives) for row in found] == [("sure", 0), ("unsure", 1)]


def test_predictions_without_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match="found no probabilities"):
        family_posteriors([Prediction("a", "AA", "II", "GLOB")], [])


@needs_mmseqs
def test_command_labels_predicted_proteins_anew(tmp_path: Path) -> None:
    known = [
        p
        for p in read_labelled(EXAMPLE / "example.partitions.json")
        if protein_type(p.labels or "") in ("TM", "GLOB")
    ][:12]
    half = [replace(p, labels="I" * len(p)) if n % 2 else p for n, p in enumerate(known)]
    write_three_line(half, tmp_path / "half.3line")
    kept = [p.id for p in half if "M" in (p.labels or "")]
    (tmp_path / "similar.tsv").write_text(f"id\tsimilar_folds\n{kept[0]}\tcv3\n")
    output = tmp_path / "new.3line"
    arguments = ["data", "consensus", tmp_path / "half.3line", "--types", "TM", "-o", output]
    arguments += ["--known", "0.2"]
    assert command(*arguments) == 0
    every = list(read_three_line(output))
    labelled = {p.id for p in every}
    assert kept[0] in labelled <= set(kept)
    assert command(*arguments, "--similar-to", tmp_path / "similar.tsv", "--apart", "cv3") == 0
    assert {p.id for p in read_three_line(output)} == labelled - {kept[0]}


@needs_mmseqs
def test_command_labels_the_families_of_helical_proteins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    labelled = read_labelled(EXAMPLE / "example.partitions.json")
    known = [p for p in labelled if protein_type(p.labels or "") == "TM" and len(p) > 300][:2]
    corpus = []
    for number, protein in enumerate(known):
        for copy in range(3):
            residues = np.array(list(protein.sequence))
            changed = random.random(len(residues)) < 0.1
            residues[changed] = random.choice(RESIDUES, changed.sum())
            corpus.append((f"p{number}_{copy}", "".join(residues)))
    corpus.append(("stranger", "".join(random.choice(RESIDUES, 300))))
    (tmp_path / "corpus.fasta").write_text("".join(f">{name}\n{s}\n" for name, s in corpus))
    (tmp_path / "similar.tsv").write_text("id\tsimilar_folds\np0_0\tcv3\np0_1\tcv0\nx\tcv4\n")
    write_three_line(known, tmp_path / "known.3line")
    output = tmp_path / "out" / "consensus.3line"
    arguments = ["data", "consensus", tmp_path / "known.3line", "--to", tmp_path / "corpus.fasta"]
    arguments += ["--types", "TM"]
    similar = ("--similar-to", tmp_path / "similar.tsv", "--apart", "cv3,cv4")
    assert command(*arguments, *similar, "--known", "0.2", "-o", output) == 0
    found = list(read_three_line(output))
    names = {protein.id for protein in found}
    assert names
    assert names <= {name for name, _ in corpus} - {"stranger", "p0_0"}
    assert all("M" in (protein.labels or "") for protein in found)
    table = (tmp_path / "out" / "consensus_similar_folds.tsv").read_text().splitlines()
    assert table[0] == "id\trelatives\tknown\tsimilar_folds"
    rows = [line.split("\t") for line in table[1:]]
    assert [row[0] for row in rows] == [protein.id for protein in found]
    assert {row[3] for row in rows if row[0] != "p0_1"} == {"-"}
    assert any(int(row[1]) for row in rows)

    capsys.readouterr()
    assert command(*arguments, "--apart", "cv3", "-o", tmp_path / "no.3line") == 2
    assert "found --apart without --similar-to" in capsys.readouterr().err
    assert not (tmp_path / "no.3line").exists()
    unknown = ("--similar-to", tmp_path / "similar.tsv", "--apart", "cv3, cv9")
    assert command(*arguments, *unknown, "-o", tmp_path / "no.3line") == 2
    assert "unknown fold cv9, the table has cv0, cv3, cv4" in capsys.readouterr().err
    arguments[-1] = "BETA"
    assert command(*arguments, "-o", tmp_path / "no.3line") == 2
    assert "found no labelled protein of type BETA" in capsys.readouterr().err
    assert not (tmp_path / "no.3line").exists()
