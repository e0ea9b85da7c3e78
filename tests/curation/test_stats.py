"""What a set holds, and that the bundled set holds what data/README.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from topo.cli.main import app
from topo.curation.stats import describe_set
from topo.io import read_proteins
from topo.protein import Protein
from topo.resources import bundled

DATA = Path(__file__).resolve().parents[2] / "data"
EMBOSS = Path("/usr/share/EMBOSS/test")


def protein(labels: str | None, fold: str | None = None) -> Protein:
    return Protein("a", "A" * len(labels or "AAAA"), labels, fold=fold)


def test_types_folds_labels_and_segments() -> None:
    helix = "M" * 20
    found = describe_set(
        [
            protein(f"OOO{helix}IIIII", fold="x"),
            protein("IIII", fold="y"),
            protein("S" * 20 + "OO", fold="y"),
            protein("-" * 30 + helix + "IIIIIII", fold="x"),
            protein("OOO", fold="x"),
            protein(None, fold="x"),
        ]
    )
    assert found["proteins"] == 6
    assert found["residues"] == 28 + 4 + 22 + 57 + 3 + 4
    assert found["types"]["y"] == {"SP": 1, "GLOB": 1}
    assert found["types"]["x"] == {"TM": 1, "TM/SP+TM": 1, "no type": 1, "no labels": 1}
    assert list(found["types"]["x"]) == ["TM", "TM/SP+TM", "no labels", "no type"]
    assert found["labels"] == {"I": 16, "O": 8, "S": 20, "M": 40, "-": 30}
    assert found["segments"]["M"]["count"] == 1  # the other one borders on unknown residues
    assert found["segments"]["I"] == {
        "count": 3, "min": 4, "5%": 4, "25%": 4, "50%": 5, "75%": 7, "95%": 7, "max": 7
    }  # fmt: skip


def test_no_proteins_have_no_quantiles() -> None:
    assert describe_set([])["length"] == {}


@pytest.mark.data
def test_published_set_against_counts_made_otherwise(data_dir: Path) -> None:
    path = data_dir / "topology" / "deeptmhmm.partitions.json"
    content = json.loads(path.read_text())
    found = describe_set(read_proteins(path))
    for fold, records in content.items():
        types = found["types"][fold]
        assert sum(types.values()) == len(records)
        assert types["SP"] == 200
        assert types["GLOB"] == 400
        assert types["BETA"] == sum("B" in r["labels"] for r in records)
    labels = Counter("".join(r["labels"] for f in content.values() for r in f))
    assert found["labels"] == dict(labels)
    helices = [
        len(run) for f in content.values() for r in f for run in re.findall("M+", r["labels"])
    ]
    assert found["segments"]["M"]["count"] == len(helices)
    assert found["segments"]["M"]["50%"] == np.median(helices)


def test_command_prints_tables_and_json() -> None:
    path = str(bundled("example") / "example.partitions.json")
    text = CliRunner().invoke(app, ["data", "stats", path])
    assert text.exit_code == 0
    assert "63 proteins, 34,048 residues" in text.output
    assert "membrane helix" in text.output
    found = CliRunner().invoke(app, ["data", "stats", path + ":test", "--json"])
    assert json.loads(found.output)["types"] == {"test": {"TM": 1, "SP": 2, "GLOB": 6}}


def test_unlabelled_files_have_lengths_only() -> None:
    path = str(bundled("example") / "proteins.fasta")
    result = CliRunner().invoke(app, ["data", "stats", path])
    assert "no labels" in result.output
    assert "Residue labels" not in result.output


def test_the_bundled_set_is_what_the_readme_says() -> None:
    found = describe_set(read_proteins(bundled("example") / "example.partitions.json"))
    readme = (DATA / "README.md").read_text()
    rows = re.findall(r"^\| (\S+) \| (\d+) \| (\d+) \| (\d+) \|$", readme, re.M)
    stated = {
        name: dict(zip(("train", "validation", "test"), map(int, n), strict=True))
        for name, *n in rows
    }
    everything = stated.pop("all")
    assert stated == {
        name: {fold: types.get(name, 0) for fold, types in found["types"].items()}
        for name in ("TM", "SP+TM", "SP", "GLOB")
    }
    assert everything == {fold: sum(types.values()) for fold, types in found["types"].items()}
    counts = {
        letter: int(n.replace(",", "")) for n, letter in re.findall(r"(\d[\d,]*) `(.)`", readme)
    }
    assert counts == found["labels"]
    assert f"{found['residues']:,} residues" in readme


def test_each_bundled_protein_has_a_source() -> None:
    folder = bundled("example")
    header, *rows = [line.split("\t") for line in (folder / "sources.tsv").read_text().splitlines()]
    sources = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    proteins = list(read_proteins(folder / "example.partitions.json"))
    assert len(proteins) == len(sources) == len({p.sequence for p in proteins})
    for found in proteins:
        assert sources[found.id]["fold"] == found.fold
        assert sources[found.id]["file"] in ("seq.dat", "uniprotft.sw")


@pytest.mark.slow
@pytest.mark.skipif(not EMBOSS.exists(), reason="no emboss-test package here")
def test_the_script_builds_the_same_files(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(DATA / "build_example.py"),
        str(EMBOSS / "swiss" / "seq.dat"),
        str(EMBOSS / "data" / "uniprotft.sw"),
        "-o",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (DATA / "example" / path.name).read_bytes()
    assert len(list(tmp_path.iterdir())) == 4
