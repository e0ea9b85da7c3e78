"""The architectures of the studies, by configuration and by option."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import command
from safetensors.torch import load_file

from topo.cli.config_options import read_settings
from topo.config import load_config
from topo.graph import collate, residue_graph
from topo.nn.tagger import Tagger
from topo.protein import Protein
from topo.runs import Run, run_name
from topo.sweep.file import load_sweep

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "families"
FAMILIES = {
    "lstm": ("--direction=uni",),
    "bilstm": (),
    "conv1-lstm": ("--direction=uni", "--conv1=128x5"),
    "conv1-bilstm": ("--conv1=128x5",),
    "conv1-conv2-bilstm": ("--conv1=128x5", "--conv2=256x3"),
    "gru": ("--cell=gru", "--direction=uni"),
    "bigru": ("--cell=gru", "--direction=bi"),
}


def test_there_is_a_file_for_each_family() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*FAMILIES}


def test_the_sweep_trains_each_family_with_and_without_graph_convolutions() -> None:
    sweep = load_sweep(FOLDER.parent / "sweeps" / "families.yaml")
    trained = {(Path(point["config"]).stem, point["gcs"]) for point in sweep.grid()}
    assert trained == {(family, gcs) for family in FAMILIES for gcs in (64, 0)}


@pytest.mark.parametrize("gcs", [64, 0])
@pytest.mark.parametrize("family", FAMILIES)
def test_file_and_options_give_the_same_architecture_under_the_family_s_name(
    family: str, gcs: int
) -> None:
    config = load_config(FOLDER / f"{family}.yaml", [f"model.encoder.gcs={gcs}"])
    assert read_settings([*FAMILIES[family], f"--gcs={gcs}"]) == config
    assert read_settings([f"--config={FOLDER / family}.yaml", f"--gcs={gcs}"]) == config
    filters = "".join(f"_cv{i + 1}{c.filters}x{c.width}" for i, c in enumerate(config.model.conv))
    graph = f"_gc{gcs}" if gcs else ""
    assert run_name(config) == f"{family}{filters}{graph}_lay4_sz128"


@pytest.mark.parametrize("gcs", [64, 0])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_family_builds_and_scores_every_residue(path: Path, gcs: int) -> None:
    small = ["model.recurrent.size=4", "model.recurrent.layers=1"]
    config = load_config(path, [*small, f"model.encoder.gcs={gcs}"])
    tagger = Tagger(config.model, config.graph).eval()
    graph = collate([residue_graph(Protein("a", "MKVLAA"), config.graph)])
    with torch.no_grad():
        assert tagger(graph).emissions.shape == (6, 6)


def test_order_is_graph_convolutions_then_conv1d_then_recurrence() -> None:
    config = load_config(FOLDER / "conv1-conv2-bilstm.yaml")
    tagger = Tagger(config.model, config.graph)
    seen: list[str] = []
    for name in ("encoder", "conv", "recurrent", "topology_head"):
        module = getattr(tagger if name == "topology_head" else tagger.trunk, name)
        module.register_forward_hook(lambda *_, name=name: seen.append(name))
    tagger(collate([residue_graph(Protein("a", "MKVLAA"), config.graph)]))
    assert seen == ["encoder", "conv", "recurrent", "topology_head"]
    assert (tagger.trunk.encoder.width, tagger.trunk.conv.width, tagger.trunk.recurrent.width) == (
        64,
        256,
        256,
    )


def test_deterministic_training_is_bit_equal_twice(tmp_path: Path) -> None:
    options = ["--gcs=8", "--lstm=8", "--layers=1", "--conv1=8x3", "--threads=1", "--crop=200"]
    options += ["--set", "sampling.minimum=1"]
    for name in ("one", "two"):
        arguments = ["train", *options, "--deterministic", "--epochs=2", "--name", name]
        assert command(*arguments, "-o", tmp_path) == 0
    one, two = (Run(tmp_path / name) for name in ("one", "two"))
    assert one.config().training.deterministic
    rows = [_exact_rows(run) for run in (one, two)]
    assert rows[0] == rows[1]
    assert (one.path / "history.csv").read_text() == (two.path / "history.csv").read_text()
    ours, theirs = (load_file(run.model / "model.safetensors") for run in (one, two))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    torch.use_deterministic_algorithms(False)


def _exact_rows(run: Run) -> list[str]:
    """Rows of the history with all their digits, which its file rounds."""
    state = torch.load(run.resume_file, weights_only=True)["callbacks"]["HistoryWriter"]
    assert len(state["rows"]) == 2
    return [repr(row) for row in state["rows"]]
