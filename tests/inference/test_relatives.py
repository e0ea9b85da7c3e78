"""Predictions that relatives support: averages of scores, defined answers, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import command
from mmseqs_installed import needs_mmseqs

import topo
from topo.checkpoint import load_checkpoint
from topo.errors import InputWarning, TopoError
from topo.grammar.legality import is_legal
from topo.inference import relatives
from topo.inference.relatives import ScoreBank
from topo.io import read_predictions, read_proteins, write_fasta
from topo.nn.decoding import Scores
from topo.protein import Protein, Relative
from topo.resources import bundled

EXAMPLE = bundled("example") / "proteins.fasta"


@pytest.fixture
def proteins() -> list[Protein]:
    return list(read_proteins(EXAMPLE))[:6]


@pytest.fixture
def searched(monkeypatch):
    """Replace the search: each protein gets these relatives, found among the candidates."""

    def use(found: dict[str, tuple[Relative, ...]]) -> None:
        monkeypatch.setattr(relatives, "find_program", lambda: "mmseqs")

        def search(queries, candidates, threads):
            assert all(isinstance(protein, Protein) for protein in candidates)
            return found

        monkeypatch.setattr(relatives, "find_relatives", search)

    return use


def _whole(sequence: str, weight: float = 1.0) -> Relative:
    """A relative that is aligned over its whole length, from the first residue on."""
    return Relative(sequence, np.array([[0, 0, len(sequence)]], np.int32), weight)


def test_scores_are_weighted_means_over_aligned_residues(model: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(7, 7)).astype(np.float32)  # relatives of 4 and 3 residues
    rows.tofile(tmp_path / "scores")
    bank = ScoreBank(tmp_path / "scores", {"AAAA": 0, "CCC": 4})
    own = random.normal(size=(5, 7)).astype(np.float32)
    kinds = np.log(random.dirichlet(np.ones(5))).astype(np.float32)
    scores = Scores(
        torch.from_numpy(own[:, :6]),
        torch.from_numpy(kinds)[None],
        torch.from_numpy(own[:, 6]),
        torch.tensor([5]),
    )
    blocks = [np.array([[1, 0, 2], [3, 3, 1]], np.int32), np.array([[3, 1, 2]], np.int32)]
    protein = Protein(
        "p", "MKVLA", relatives=(Relative("AAAA", blocks[0], 0.5), Relative("CCC", blocks[1], 2.0))
    )
    tagger = load_checkpoint(model).tagger
    found = bank.support([protein], scores, tagger)
    expected = own.astype(float)
    expected[1] = (own[1] + 0.5 * rows[0]) / 1.5
    expected[2] = (own[2] + 0.5 * rows[1]) / 1.5
    expected[3] = (own[3] + (0.5 * rows[3] + 2 * rows[5]) / 2.5) / 2  # at most as much as its own
    expected[4] = (own[4] + rows[6]) / 2
    np.testing.assert_allclose(found.emissions, expected[:, :6], atol=1e-6)
    np.testing.assert_allclose(found.cleavage, expected[:, 6], atol=1e-6)
    alone = tagger.decode(scores).types
    np.testing.assert_allclose(tagger.decode(found).types, alone, atol=1e-6)
    both = bank.support([protein, Protein("q", "MKVLA")], _twice(scores), tagger)
    assert both.emissions[:5].equal(found.emissions)
    assert both.emissions[5:].equal(scores.emissions)


def _twice(scores: Scores) -> Scores:
    return Scores(*(torch.cat([part, part]) for part in scores[:4]))


def test_copies_of_a_protein_as_relatives_change_nothing(model, proteins, searched) -> None:
    """The mean of equal scores is the score."""
    searched({p.sequence: (_whole(p.sequence), _whole(p.sequence, 3.0)) for p in proteins})
    plain = list(topo.predict(proteins, model, precision="32"))
    supported = list(topo.predict(proteins, model, precision="32", relatives="self"))
    for one, other in zip(plain, supported, strict=True):
        assert other.labels == one.labels
        np.testing.assert_allclose(other.probabilities, one.probabilities, atol=1e-3)
        assert (one.relatives, other.relatives) == (None, 2)


def test_supported_predictions_are_legal_and_name_their_relatives(
    model, proteins, searched
) -> None:
    other = proteins[1].sequence
    size = min(len(other), len(proteins[0]))
    relative = Relative(other, np.array([[0, 0, size]], np.int32), 5.0)
    searched({proteins[0].sequence: (relative,)})
    plain = list(topo.predict(proteins, model))
    found = list(topo.predict(proteins, model, relatives=proteins, devices=("cpu", "cpu")))
    assert [p.relatives for p in found] == [1, 0, 0, 0, 0, 0]
    assert all(is_legal(p.labels) for p in found)
    assert not np.allclose(found[0].probabilities, plain[0].probabilities, atol=1e-3)
    for one, same in zip(plain[1:], found[1:], strict=True):
        np.testing.assert_allclose(same.probabilities, one.probabilities, atol=1e-3)


@needs_mmseqs
def test_an_empty_file_supports_nothing_and_says_so(model, proteins, tmp_path: Path) -> None:
    (tmp_path / "none.fasta").write_text("\n")
    with pytest.warns(InputWarning, match=r"none\.fasta: holds no proteins, no relative is used"):
        found = list(topo.predict(proteins, model, relatives=tmp_path / "none.fasta"))
    assert [p.relatives for p in found] == [0] * 6
    plain = list(topo.predict(proteins, model))
    assert [p.labels for p in found] == [p.labels for p in plain]


def test_without_mmseqs_nothing_is_written(
    model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("topo.homology.mmseqs.shutil.which", lambda *_, **__: None)
    out = tmp_path / "out"
    assert command("predict", EXAMPLE, "-o", out, "--model", model, "--relatives", "self") == 2
    assert "mmseqs: not found, expected MMseqs2 on the PATH" in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_file_of_relatives_is_named(model: Path, tmp_path: Path, capsys) -> None:
    options = ("-o", tmp_path / "out", "--model", model, "--relatives", tmp_path / "no.fasta")
    assert command("predict", EXAMPLE, *options) == 2
    assert "no.fasta" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_standard_input_is_no_file_of_relatives(model, proteins, searched) -> None:
    searched({})
    with pytest.raises(TopoError, match="found -, expected a file of relatives or self"):
        list(topo.predict(proteins, model, relatives="-"))


@needs_mmseqs
def test_files_state_the_number_of_relatives(model: Path, tmp_path: Path, capsys) -> None:
    first = next(read_proteins(EXAMPLE))
    sequence = first.sequence
    turned = [sequence[:k] + "A" * 5 + sequence[k + 5 :] for k in (20, 60)]
    family = [Protein(f"r{i}", s) for i, s in enumerate([sequence, *turned])]
    write_fasta(family, tmp_path / "family.fasta")
    options = ("--model", model, "--relatives", tmp_path / "family.fasta")
    formats = [x for name in ("summary", "jsonl", "html") for x in ("--format", name)]
    assert command("predict", EXAMPLE, "-o", tmp_path / "out", *options, *formats) == 0
    assert "1 sequences have relatives, 2 in all" in capsys.readouterr().err
    lines = (tmp_path / "out" / "summary.tsv").read_text().splitlines()
    assert lines[0].endswith("\trelatives")
    assert [line.rpartition("\t")[2] for line in lines[1:3]] == ["2", "0"]
    records = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    assert json.loads(records[0])["relatives"] == 2
    assert next(read_predictions(tmp_path / "out" / "predictions.jsonl")).relatives == 2


@needs_mmseqs
def test_a_run_is_resumed_with_the_same_relatives_only(
    model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    from topo.inference.store import PredictionStore

    options = ("-o", tmp_path / "out", "--model", model, "--relatives")
    whole = ("-o", tmp_path / "whole", "--model", model, "--relatives", "self")
    assert command("predict", EXAMPLE, *whole) == 0
    monkeypatch.setattr("topo.inference.batches.WINDOW", 20)
    added: list[bytes] = []

    def add(store, key, prediction, real=PredictionStore.add):
        if len(added) == 15:
            raise TopoError("stopped")
        added.append(key)
        real(store, key, prediction)

    with monkeypatch.context() as patched:
        patched.setattr(PredictionStore, "add", add)
        assert command("predict", EXAMPLE, *options, "self") == 2
    capsys.readouterr()
    assert command("predict", EXAMPLE, *options, EXAMPLE, "--resume") == 2
    assert "the unfinished run has relatives self, this one " in capsys.readouterr().err
    assert command("predict", EXAMPLE, *options, "self", "--resume") == 0
    assert "answers were there from before" in capsys.readouterr().err
