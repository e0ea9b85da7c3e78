"""The answer in words, accessions, and the colours that it is drawn in."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from golden_proteins import proteins

from topo.labels import LABELS, protein_type
from topo.report.answer import accession, answer, description, ends
from topo.report.palette import LABEL_COLORS, letter_color
from topo.segments import to_segments


@pytest.mark.parametrize(
    ("labels", "sentence", "sides"),
    [
        ("O" * 9 + ("M" * 20 + "I" * 9 + "M" * 20 + "O" * 9) * 3 + "M" * 20 + "I" * 9,
         "Helical membrane protein, 7 helices, N-terminus outside", ("outside", "inside")),
        ("S" * 22 + "O" * 9 + "M" * 20 + "I" * 9,
         "Helical membrane protein, 1 helix, N-terminus outside; signal peptide 1-22",
         ("outside", "inside")),
        ("M" * 20 + "O" * 9, "Helical membrane protein, 1 helix, N-terminus inside",
         ("inside", "outside")),
        ("S" * 21 + "P" * 5 + ("B" * 9 + "OOO" + "B" * 9 + "PPP") * 4,
         "Outer-membrane barrel, 8 strands, N-terminus in the periplasm; signal peptide 1-21",
         ("periplasm", "periplasm")),
        ("P" + "B" * 9 + "O", "Outer-membrane barrel, 1 strand, N-terminus in the periplasm",
         ("periplasm", "outside")),
        ("S" * 18 + "O" * 9, "Secreted protein, no membrane segment; signal peptide 1-18",
         ("outside", "outside")),
        ("I" * 9, "Soluble protein, no membrane segment and no signal peptide",
         ("inside", "inside")),
        ("O" * 9, "No type, because the labels are not those of a legal topology",
         ("outside", "outside")),
        ("---", "No type, because the labels are not those of a legal topology",
         ("unknown", "unknown")),
        ("", "No type, because the labels are not those of a legal topology",
         ("unknown", "unknown")),
    ],
)  # fmt: skip
def test_sentence_and_ends(labels: str, sentence: str, sides: tuple[str, str]) -> None:
    assert answer(labels, protein_type(labels)) == sentence
    assert ends(to_segments(labels)) == sides


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("P08100", "P08100"),
        ("A0A024R1R8", "A0A024R1R8"),
        ("sp|P08100|OPSD_HUMAN", "P08100"),
        ("tr|A0A024R1R8|X", "A0A024R1R8"),
        ("P05067-4", "P05067"),
        ("AF-P08100-F1-model_v4", "P08100"),
        ("UniRef90_P08100", "P08100"),
        ("OPSD_HUMAN", None),
        ("P0810", None),
        ("gene_P08100", None),
        ("7AHL_A", None),
        ("P08100/../x", None),
        ("", None),
    ],
)
def test_accessions(name: str, found: str | None) -> None:
    assert accession(name) == found


def test_description_leaves_the_id_out() -> None:
    record = replace(proteins()[0], metadata={"description": "sp|P1|TM2  Some\tprotein"})
    assert description(record) == "Some protein"
    assert description(replace(record, metadata={"description": "no id here"})) == "no id here"
    assert description(replace(record, metadata={})) == ""


# Machado et al. 2009, IEEE Trans. Vis. Comput. Graph. 15:1291, severity 1, on linear RGB
SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                        [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                        [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


def linear(color: str) -> np.ndarray:
    parts = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear RGB."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    ratio = to_xyz @ rgb.clip(0, 1) / np.array([0.9505, 1.0, 1.089])
    cube = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_differ_for_every_sight(sight: str) -> None:
    seen = {label: lab(SIGHTS[sight] @ linear(LABEL_COLORS[label])) for label in LABELS}
    distances = {
        a + b: float(np.linalg.norm(seen[a] - seen[b])) for a, b in combinations(LABELS, 2)
    }
    assert min(distances.values()) > 15, distances


@pytest.mark.parametrize("label", LABEL_COLORS)
def test_letters_contrast_with_their_colour(label: str) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    light, dark = sorted(
        float(weights @ linear(color)) for color in (LABEL_COLORS[label], letter_color(label))
    )[::-1]
    assert (light + 0.05) / (dark + 0.05) >= 4.5, "WCAG 2.1, level AA"
