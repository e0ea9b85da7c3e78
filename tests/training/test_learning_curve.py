"""`checkpoints/training/learning_curve.py`: each point is trained once; table and figure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from topo.resources import bundled

ROOT = Path(__file__).resolve().parents[2]
SET = bundled("example") / "example.partitions.json"
SMALL = """
model: {encoder: {gcs: 4}, recurrent: {size: 4, layers: 1}}
data: {crop: 50}
sampling: {samples: 8}
training: {epochs: 1, batch: 4, threads: 1}
"""


@pytest.fixture
def curve(tmp_path: Path):
    (tmp_path / "small.yaml").write_text(SMALL)

    def run(*options: str) -> list[str]:
        arguments = [tmp_path / "small.yaml", "-o", tmp_path / "out", "--data", SET]
        folds = ["--train", "train", "--val", "validation", "--test", "test"]
        script = ROOT / "checkpoints" / "training" / "learning_curve.py"
        done = subprocess.run(
            [sys.executable, script, *arguments, *folds, *options],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    return run


def test_points_are_trained_once_and_gathered(curve, tmp_path: Path) -> None:
    first = curve("--proteins", "10")
    weights = tmp_path / "out" / "proteins-10-0" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    both = curve("--proteins", "10,all")
    assert weights.stat().st_mtime_ns == before
    assert both[:2] == first[:2]
    assert both[2] == first[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in both]
    names, points = rows[0], rows[2:]
    assert [row[:2] for row in points] == [["10", "0"], ["43", "0"]]
    for row in points:
        assert 0 <= float(row[names.index("residues")]) <= 1
        assert row[names.index("type BETA")] == "-"  # there is none in the example
    assert (tmp_path / "out" / "table.md").read_text().splitlines() == both
    assert (tmp_path / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")
