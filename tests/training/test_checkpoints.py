"""Checkpoints of the repository: agreement with their model cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from topo.inference import load_model, predict
from topo.io import read_labelled
from topo.labels import protein_type
from topo.metrics.evaluation import evaluate
from topo.resources import bundled

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
BLIND = CHECKPOINTS / "topo-ensemble-blind"


def weights(model) -> int:
    return sum(weight.numel() for weight in model.tagger.parameters())


def test_sizes() -> None:
    base = load_model("topo-base")
    assert weights(base) <= 5_000_000
    assert (bundled("topo-base") / "model.safetensors").stat().st_size <= 20_000_000
    for name in ("topo-ensemble", "topo-ensemble-blind"):
        assert weights(load_model(CHECKPOINTS / name)) <= 20_000_000


def test_the_ensembles_begin_with_the_base_model() -> None:
    member = CHECKPOINTS / "topo-ensemble" / "members" / "member-1" / "model.safetensors"
    assert member.read_bytes() == (bundled("topo-base") / "model.safetensors").read_bytes()
    before = BLIND / "members" / "member-1" / "model.safetensors"
    assert member.read_bytes() != before.read_bytes()


@pytest.mark.data
def test_figures_of_helical_and_barrel_proteins(data_dir: Path) -> None:
    """Those of the cards on fold cv4; a protein may tip by the order in which floats are added."""
    every = read_labelled(f"{data_dir}/topology/deeptmhmm.partitions.json:cv4")
    truth = [p for p in every if protein_type(p.labels or "") in ("TM", "SP+TM", "BETA")]
    model = BLIND / "members" / "member-1"
    metrics = evaluate(truth, list(predict(truth, model, precision="32")), resamples=10).metrics
    for figure, expected in (
        ("type", {"TM": 75, "SP+TM": 20, "BETA": 15}),
        ("topology", {"TM": 56, "SP+TM": 17, "BETA": 4}),
    ):
        for kind, right in expected.items():
            found = metrics[figure]["accuracy"][kind]
            assert found["value"] * found["n"] == pytest.approx(right, abs=1.01), (figure, kind)
