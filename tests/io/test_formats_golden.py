"""Every format byte by byte against files that were checked by hand.

``TOPO_UPDATE_GOLDEN=1 pytest tests/test_formats_golden.py`` rewrites them: look at the difference.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden_proteins import TIMESTAMP, proteins

from topo import __version__
from topo.io.compact import open_compact
from topo.io.output_formats import PREDICTION_FORMATS
from topo.io.writers import open_writers

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TEXT_FORMATS = [name for name in PREDICTION_FORMATS if name not in ("html", "parquet", "deeptmhmm")]


def check(path: Path, golden: Path) -> None:
    text = path.read_text("utf-8").replace(f"topo-{__version__}", "topo-VERSION")
    if os.environ.get("TOPO_UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8"), f"{path.name} differs from {golden}"


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_format_is_as_checked(name: str, tmp_path: Path) -> None:
    with open_writers(tmp_path, [name], timestamp=TIMESTAMP) as writers:
        for protein in proteins():
            writers.write(protein)
    assert writers.files
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*writers.files, "ids.tsv"])
    for file in writers.files:
        check(tmp_path / file, GOLDEN / file)


def test_deeptmhmm_folder_is_as_checked(tmp_path: Path) -> None:
    with open_writers(tmp_path, ["deeptmhmm"]) as writers:
        for protein in proteins():
            writers.write(protein)
    names = {p.name for p in tmp_path.iterdir()}
    assert {"predicted_topologies.3line", "TMRs.gff3", "deeptmhmm_results.md"} < names
    assert "bare_probs.csv" not in names, "a protein without probabilities gets no table"
    for file in ("deeptmhmm_results.md", "sp_P1_TM2_probs.csv", "one_probs.csv", "ids.tsv"):
        check(tmp_path / file, GOLDEN / "deeptmhmm" / file)


def test_compact_table_is_as_checked(tmp_path: Path) -> None:
    with open_compact(tmp_path / "compact.tsv", "tsv") as writer:
        for protein in proteins():
            writer.write(protein)
    check(tmp_path / "compact.tsv", GOLDEN / "compact.tsv")


def test_npz_holds_the_values_as_they_are(tmp_path: Path) -> None:
    with open_writers(tmp_path, ["summary"], probabilities="npz") as writers:
        for protein in [*proteins(), proteins()[0]]:
            writers.write(protein)
    with np.load(tmp_path / "probabilities.npz") as archive:
        assert "bare" not in archive
        assert "sp|P1|TM2-2" in archive, "a second record of one id is kept"
        for protein in proteins()[:7]:
            assert archive[protein.id].dtype == np.float32
            np.testing.assert_array_equal(archive[protein.id], protein.probabilities)


def test_npz_names_are_safe_and_in_the_map_of_ids(tmp_path: Path) -> None:
    first, second = proteins()[:2]
    names = ["dup", "dup", "sp|P1|x", "../../etc/passwd", "C:\\x"]
    with open_writers(tmp_path, ["gff3"], probabilities="npz") as writers:
        for name, record in zip(names, [first, *[second] * 4], strict=True):
            writers.write(replace(record, id=name))
    with np.load(tmp_path / "probabilities.npz") as archive:
        assert archive.files == ["dup", "dup-2", "sp|P1|x", "_._.._etc_passwd", "C__x"]
        np.testing.assert_array_equal(archive["dup-2"], second.probabilities)
    assert (tmp_path / "ids.tsv").read_text() == (
        "id\twritten_as\ndup\tdup-2.npy\n../../etc/passwd\t_._.._etc_passwd.npy\nC:\\x\tC__x.npy\n"
    )


def test_parquet_holds_everything(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    with open_writers(tmp_path, ["parquet"], probabilities="parquet") as writers:
        for protein in proteins():
            writers.write(protein)
    rows = parquet.read_table(tmp_path / "predictions.parquet").to_pylist()
    for row, protein in zip(rows, proteins(), strict=True):
        for column in ("id", "sequence", "labels", "type", "confidence"):
            assert row[column] == getattr(protein, column)
        if protein.probabilities is None:
            assert row["probabilities"] is None
        else:
            np.testing.assert_array_equal(
                np.array(row["probabilities"], np.float32), protein.probabilities
            )
            assert row["p_TM"] == pytest.approx(protein.type_probabilities[0])
    residues = parquet.read_table(tmp_path / "probabilities.parquet").to_pydict()
    known = [p for p in proteins() if p.probabilities is not None]
    assert residues["id"] == [p.id for p in known for _ in range(len(p))]
    assert residues["position"] == [n for p in known for n in range(1, len(p) + 1)]
    assert "".join(residues["label"]) == "".join(p.labels for p in known)
    np.testing.assert_array_equal(
        np.array(residues["M"], np.float32), np.concatenate([p.probabilities[:, 4] for p in known])
    )
