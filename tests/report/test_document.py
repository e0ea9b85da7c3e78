"""The JSON object per protein that the page draws, and the parts that pages are made of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from golden_proteins import proteins
from structure_files import pdb_text

from topo.io.structure import read_structure
from topo.labels import LABELS, encode_labels
from topo.protein import Alternatives, Prediction, Protein, Topology
from topo.report.document import protein_document
from topo.report.orientation import membrane_normal, turn_up, upright
from topo.report.panel import color_key, color_style, panel_html, panel_script, panel_style
from topo.report.template import fill_page
from topo.segments import to_segments

GOLDEN = ROOT / "tests" / "golden" / "protein_document.json"


def example() -> Prediction:
    record = proteins()[1]
    others = Alternatives(
        (Topology(record.labels, 0.75), Topology("I" * len(record), 0.2)), 0.05, 0.0,
        (0.2, 0.76, 0.04), 0.25,
    )  # fmt: skip
    return replace(
        record,
        id="sp|P08100|TEST",
        metadata={"description": "sp|P08100|TEST Receptor <x> & ü"},
        alternatives=others,
        constraint_log_probability=float(np.log(0.03)),
    )


def test_golden_document() -> None:
    text = json.dumps(protein_document(example()), indent=1, ensure_ascii=True) + "\n"
    assert text == GOLDEN.read_text()


def test_probabilities_are_runs_of_whole_per_cent() -> None:
    rng = np.random.default_rng(0)
    for length in (1, 2, 70):
        known = rng.dirichlet(np.full(len(LABELS), 0.05), size=length).astype(np.float32)
        record = Prediction("x", "A" * length, "I" * length, "GLOB", known)
        found = protein_document(record)["probabilities"]
        for k, label in enumerate(LABELS):
            runs = found.get(label, [0, length])
            pairs = zip(runs[::2], runs[1::2], strict=True)
            values = [value for value, count in pairs for _ in range(count)]
            np.testing.assert_allclose(np.array(values) / 100, known[:, k], atol=0.005001)


def test_what_is_left_out_is_null() -> None:
    record = replace(example(), alternatives=None, constraint_log_probability=None)
    document = protein_document(record, probabilities=False, diagram=False)
    empty = {key for key, value in document.items() if value is None}
    assert empty == {
        "alternatives",
        "constraints",
        "diagram",
        "probabilities",
        "relatives",
        "structure",
    }
    assert document["segments"][0]["probability"] == pytest.approx(0.9), "of the prediction"


def test_any_protein_has_a_document() -> None:
    for record in [*proteins(), Prediction("", "", "", None)]:
        document = json.loads(json.dumps(protein_document(record), allow_nan=False))
        assert document["sequence"] == record.sequence
        assert bool(document["diagram"]["membrane"]) == bool(set(record.labels) & set("MB"))


def helices(count: int) -> tuple[np.ndarray, str]:
    """Antiparallel rods along z, the first one from inside to outside, and their labels."""
    labels, places = "II", [(0.0, 0.0, -20.0), (0.0, 0.0, -18.0)]
    for k in range(count):
        way = 1 if k % 2 == 0 else -1
        places += [(10.0 * k, 0.0, way * (1.5 * n - 14.25)) for n in range(20)]
        places += [(10.0 * k + 5, 0.0, way * 20.0)] * 2
        labels += "M" * 20 + ("OO" if way > 0 else "II")
    return np.array(places), labels


@pytest.mark.parametrize("count", [1, 2, 7])
def test_structures_stand_with_the_outside_up(count: int) -> None:
    places, labels = helices(count)
    rng = np.random.default_rng(count)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    tilted = places @ turn.T + 50
    tilted[5] = np.nan
    standing, known = upright(tilted, to_segments(labels))
    assert known
    outside = np.array([label == "O" for label in labels])
    inside = np.array([label == "I" for label in labels])
    assert np.nanmean(standing[outside, 1]) > 15
    assert np.nanmean(standing[inside, 1]) < -15
    distances = np.linalg.norm(np.diff(places, axis=0), axis=1)
    found = np.linalg.norm(np.diff(standing, axis=0), axis=1)
    np.testing.assert_allclose(found[6:], distances[6:], atol=1e-6, err_msg="only turned")


@pytest.mark.parametrize("labels", ["I" * 44, "-" * 44, "S" * 20 + "O" * 24])
def test_structures_without_sides_are_not_turned(labels: str) -> None:
    places, _ = helices(2)
    places = places[:44]
    assert membrane_normal(places, to_segments(labels)) is None
    standing, known = upright(places, to_segments(labels))
    assert not known
    np.testing.assert_allclose(standing - standing[0], places - places[0])


@pytest.mark.parametrize("normal", [[0, 1, 0], [0, -1, 0], [1, 0, 0], [0.6, 0, -0.8]])
def test_rotations_are_proper(normal: list[float]) -> None:
    turn = turn_up(np.array(normal, dtype=float))
    np.testing.assert_allclose(turn @ normal, [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_coordinates_are_in_tenths_of_an_angstrom(tmp_path: Path) -> None:
    (tmp_path / "in.pdb").write_text(pdb_text("MKTAYIAKQR"))
    protein: Protein = read_structure(tmp_path / "in.pdb", sequence="MKTAYIAKQRW")
    labels = "IMMMMMMMMOO"
    record = Prediction("x", protein.sequence, labels, "TM", np.eye(6)[encode_labels(labels)],
                        structure=protein.structure)  # fmt: skip
    structure: dict[str, Any] = protein_document(record)["structure"]
    assert structure["outside_up"]
    assert structure["coordinates"][-3:] == [None, None, None]
    assert len(structure["coordinates"]) == 33


def test_parts_of_the_panel_obey_a_strict_policy() -> None:
    html = panel_html() + color_key()
    assert not re.search(r"\son\w+\s*=|\sstyle\s*=|javascript:", html)
    script = panel_script()
    assert 'setAttribute("style"' not in script
    assert not re.search(r"\beval\(|new Function|innerHTML", script)
    assert "https://" not in panel_style() + color_style()


def test_the_policy_names_scripts_and_style_by_their_hashes() -> None:
    page = fill_page("t", "{{scripts}}", style="b{}", scripts=["one();", "two();"])
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    texts = re.findall(r"(?s)<(?:script|style)>(.*?)</", page)
    assert len(texts) == 3
    for text in texts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_the_documentation_lists_every_key() -> None:
    text = (ROOT / "docs" / "report.md").read_text()
    sections = re.split(r"\| key(?: of `diagram`)? \| value \|\n", text)[1:]
    document = protein_document(example())
    for section, keys in zip(sections, (document, document["diagram"]), strict=True):
        rows = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \|", section.split("\n\n")[0])
        assert {key for row in rows for key in re.findall(r"\w+", row)} == set(keys)
