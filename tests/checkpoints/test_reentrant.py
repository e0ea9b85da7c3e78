"""`checkpoints/training`: sets with re-entrant segments, their folds, and counts of them."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import ROOT

from topo.checkpoint import build_tagger, load_checkpoint
from topo.config import Config
from topo.errors import ConfigError
from topo.homology.search import Hit
from topo.protein import Protein

TM = "I" * 10 + "M" * 20 + "O" * 30


def _script(name: str) -> ModuleType:
    path = ROOT / "checkpoints" / "training" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_features_become_segments_and_sides_give_way_to_them() -> None:
    prepare = _script("prepare_reentrant")
    protein = Protein("p", "A" * 60, TM)
    found = prepare.with_segments(protein, [(36, 45), (46, 50)])
    assert found.labels == TM[:35] + "R" * 15 + TM[50:]
    assert prepare.number_of_segments(found) == 1
    between = Protein("p", "A" * 60, "O" * 10 + "M" * 20 + "O" * 30)  # no path with these sides
    assert prepare.with_segments(between, [(36, 45)]).labels == (
        "-" * 10 + "M" * 20 + "-" * 5 + "R" * 10 + "-" * 15
    )


def test_similar_proteins_share_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = _script("prepare_reentrant")
    proteins = [Protein(f"p{i}", "A" * 60, TM[:35] + "R" * 10 + TM[45:]) for i in range(6)]
    hits = [Hit(0, 1, 0.5, 0.9), Hit(1, 2, 0.5, 0.9)]
    monkeypatch.setattr(prepare, "find_similar", lambda *_: hits)
    similar = [{"cv3"}, set(), {"cv3"}, {"cv1", "cv1-held"}, set(), set()]
    own = prepare.assign_folds(proteins, similar)
    assert own[:4] == ["cv3", "cv3", "cv3", "cv1"]
    assert set(own[4:]) == {"cv0", "cv4"}  # those with the fewest segments


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (TM[:35] + "R" * 10 + TM[45:], {"called": 0, "predicted": 1, "found": 1, "right": 1}),
        (TM[:41] + "R" * 10 + TM[51:], {"called": 0, "predicted": 1, "found": 0, "right": 0}),
        (TM[:35] + "M" * 20 + TM[55:], {"called": 1, "predicted": 0, "found": 0, "right": 0}),
        (TM[:40] + "M" * 15 + TM[55:], {"called": 0, "predicted": 0, "found": 0, "right": 0}),
    ],
)
def test_segments_count_by_five_residues(labels: str, expected: dict[str, int]) -> None:
    compare = _script("compare_reentrant")
    found = compare.count(TM[:35] + "R" * 10 + TM[45:], labels)
    assert {name: found[name] for name in expected} == expected
    assert (found["segments"], found["helices"], found["helices_found"]) == (1, 1, 1)


def test_the_table_has_the_shares_and_their_difference() -> None:
    compare = _script("compare_reentrant")
    names = ("segments", "called", "predicted", "found", "right", "helices", "helices_found")
    rows = [dict.fromkeys(names, np.array([1, 1, 2, 0])) for _ in range(2)]
    rows[0] = {**rows[0], "found": np.array([0, 1, 0, 0])}
    text = compare.table(rows, ["six", "own"], 4, 200)
    line = next(line for line in text.splitlines() if line.startswith("| recall of re-entrant"))
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[2].startswith("0.250 (")
    assert cells[2].endswith(", 1 of 4")
    assert cells[3] == "1.000 (1.000 to 1.000), 4 of 4"
    assert cells[4].startswith("0.750 (")


def test_a_label_is_raised_by_its_transitions() -> None:
    raise_label = _script("raise_label").raise_label
    config: Config = load_checkpoint(ROOT / "checkpoints" / "topo-base").config
    small = config.model.model_copy(
        update={"heads": config.model.heads.model_copy(update={"grammar": None})}
    )
    tagger = build_tagger(config.model_copy(update={"model": small}))
    before = tagger.crf.transition.detach().clone()
    raise_label(tagger, "M", 0.5)
    grammar = tagger.crf.grammar
    into = torch.tensor([grammar.states[b].letter == "M" for _, b in grammar.arcs])
    assert torch.allclose(tagger.crf.transition.detach() - before, 0.5 * into.float())
    with pytest.raises(ConfigError, match="found label 'R'"):
        raise_label(tagger, "R", 0.5)
