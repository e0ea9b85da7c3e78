"""Models saved for the Hub and loaded from a local folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from topo.inference import predict
from topo.protein import Protein

pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")


def test_a_saved_model_is_loaded_and_predicts_the_same(model: Path, tmp_path: Path) -> None:
    from topo.inference.hub import HubModel

    HubModel(model).save_pretrained(tmp_path / "saved")
    files = {path.name for path in (tmp_path / "saved").iterdir()}
    assert files >= {"config.json", "config.yaml", "model.safetensors", "README.md"}
    document = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert document["labels"] == [*"IOPSMB"]
    assert document["config"]["model"]["encoder"]["gcs"] == 8
    loaded = HubModel.from_pretrained(tmp_path / "saved")
    proteins = [Protein("a", "MKVLAAGIVGLLLAA" * 3)]
    (expected,), (found,) = predict(proteins, model), loaded.predict(proteins)
    assert found.labels == expected.labels
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    from topo.errors import CheckpointError
    from topo.inference.hub import HubModel

    with pytest.raises(CheckpointError, match="no checkpoint here"):
        HubModel.from_pretrained(tmp_path)
