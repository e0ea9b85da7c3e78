"""`checkpoints/training`: held-out folds, tables of similar folds, pooled scores."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

from topo.homology.search import Hit
from topo.io import write_three_line
from topo.io.files import atomic_text
from topo.io.jsonl import jsonl_record
from topo.protein import Prediction, Protein

TM = "I" * 10 + "M" * 20 + "O" * 10


def _script(name: str) -> ModuleType:
    path = ROOT / "checkpoints" / "training" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prepare() -> ModuleType:
    return _script("prepare_folds")


def test_groups_stay_together_and_those_of_two_folds_are_not_held_out(prepare, monkeypatch):
    proteins = [
        Protein(f"p{i}", "A" * 40, "I" * 40, fold="cv0" if i < 10 else "cv1") for i in range(20)
    ]
    pairs = [(0, 1), (2, 12), *((i, i + 1) for i in range(13, 19))]
    hits = [Hit(one, other, 0.5, 0.9) for one, other in pairs]
    monkeypatch.setattr(prepare, "find_similar", lambda *_: hits)
    found = prepare.hold_out(proteins, 0.3)
    fold = [p.fold for p in found]
    assert sum(name == "cv0-held" for name in fold) == 3
    assert fold[0] == fold[1]
    assert (fold[2], fold[12]) == ("cv0", "cv1")  # similar to another fold
    assert found[2].metadata["similar_folds"] == "cv1"
    assert found[12].metadata["similar_folds"] == "cv0"
    assert set(fold[13:]) == {"cv1"}  # a group larger than the share
    assert found[3].metadata["similar_folds"] == ""


def test_table_of_a_set_names_held_folds_too(prepare, monkeypatch, tmp_path: Path):
    source = tmp_path / "sets"
    source.mkdir()
    write_three_line([Protein("a", "M" * 40, TM), Protein("b", "L" * 40, TM)], source / "s.3line")
    (source / "s_similar_folds.tsv").write_text("id\tsource\tsimilar_folds\na\tx\tcv0\nb\ty\t-\n")
    folds = {"h": ("cv1-held", ""), "y": ("cv3", "cv4")}
    parted = [
        Protein(name, "M" * 40, TM, fold=fold, metadata={"similar_folds": similar})
        for name, (fold, similar) in folds.items()
    ]
    monkeypatch.setattr(prepare, "find_similar", lambda *_: [Hit(0, 0, 0.4, 0.8)])
    prepare.prepare_set(source / "s.3line", parted, tmp_path)
    table = (tmp_path / "s_similar_folds.tsv").read_text()
    assert table == "id\tsource\tsimilar_folds\na\tx\tcv0,cv1-held\nb\ty\tcv4\n"
    assert (tmp_path / "s.3line").read_text() == (source / "s.3line").read_text()


def test_pooled_summary_counts_errors_by_kind(tmp_path: Path):
    pool = _script("pool_folds")
    guesses = {"cv0": [TM, "I" * 40], "cv1": [TM[::-1], "I" * 3 + TM[10:] + "O" * 7]}
    truth = []
    for fold, labels in guesses.items():
        with atomic_text(tmp_path / f"{fold}.jsonl") as file:
            for i, guess in enumerate(labels):
                sequence = "ACDEFGHIKL"[len(truth)] * 40
                truth.append(Protein(f"{fold}{i}", sequence, TM))
                file.write(jsonl_record(Prediction(f"{fold}{i}", sequence, guess, "TM")))
    text = pool.pool_folds(truth, tmp_path, ["cv0.jsonl", "cv1.jsonl"])
    assert "| TM | 1 | 0 | 0 | 1 | 0 | 2 |" in text
    one = pool.compare_errors(truth, [str(tmp_path / "cv0.jsonl"), str(tmp_path / "cv0.jsonl")])
    assert one.startswith("2 proteins")
    assert one.count(f"| TM | {tmp_path / 'cv0.jsonl'} | 1 | 0 | 0 | 0 | 0 | 1 |") == 2
    row = next(line for line in text.splitlines() if line.startswith("| TM | 4 |"))
    assert [cell.split()[0] for cell in row.split(" | ")[2:4]] == ["0.750", "0.500"]
    assert (tmp_path / "predictions.3line").read_text().count(">") == 4
