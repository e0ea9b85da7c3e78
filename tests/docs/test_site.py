"""The documentation site: it builds, needs no network, and its tables agree with the code."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """The hooks of mkdocs."""
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table below a heading, by their first cell."""
    section = ARCHITECTURE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def test_graph_fields_are_those_of_the_code() -> None:
    from topo.config import FeatureConfig, GraphConfig
    from topo.data.dataset import ProteinDataset
    from topo.graph import collate
    from topo.protein import Protein, SoftLabels

    coordinates = np.zeros((3, 3), dtype=np.float32)
    protein = Protein("p", "MKV", labels="III", coordinates=coordinates)
    config = GraphConfig(structure=True, features=FeatureConfig(width=7))
    soft = SoftLabels(np.full((3, 6), 1 / 6, np.float32))
    taught = replace(protein, soft=soft)
    graph = ProteinDataset([taught], np.ones((1, 5), bool), config)[0]
    batch = collate([graph, graph])
    rows = _table("Graph fields")
    assert set(rows) == set(batch.fields())
    sizes = {"R": 6, "E": batch.edge_index.shape[1], "D": batch.x.shape[1], "F": 7, "1": 2}
    for name, (shape, dtype, *_) in rows.items():
        tensor = batch.fields()[name]
        words = [word for word in shape.strip("()").split(", ") if word.strip(",")]
        expected = [sizes.get(word.strip(","), word.strip(",")) for word in words]
        found = list(tensor.shape)
        assert len(found) == len(expected)
        assert found[0] == int(expected[0]), name
        assert str(tensor.dtype) == f"torch.{dtype}", name


def test_tensors_are_those_of_the_code() -> None:
    from topo.nn.tagger import Scores

    assert set(_table("Tensors between the stages")) == set(Scores._fields)


def test_layers_are_those_of_the_import_test(hooks: ModuleType) -> None:
    import test_imports

    text = hooks.layers()
    assert re.findall(r"^\| `(topo[\w.]*)` \|", text, re.MULTILINE) == test_imports.LAYERS


def test_commands_page_has_every_command(hooks: ModuleType) -> None:
    text = hooks.commands()
    for name in ("train", "predict", "data split", "runs compare"):
        assert f"## topo {name}\n" in text
    assert "| `--gcs` |" in text


@pytest.mark.parametrize("measure", ["Qok", "Qnum", "Qtop", "SOV", "legal", "overlap", "ECE", "n"])
def test_glossary_defines(measure: str) -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text()
    assert re.search(rf"^(.*, )?{measure}(,.*)?\n:   ", text, re.MULTILINE)


@pytest.mark.slow
def test_site_builds_and_needs_no_network(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loads = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"?https?:|<link[^>]+rel=\"?stylesheet[^>]+http"
    )
    for page in tmp_path.rglob("*.html"):
        assert not loads.search(page.read_text()), page.name
