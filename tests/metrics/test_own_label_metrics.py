"""Metrics in a scheme's own labels against plain counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from topo.labels.scheme import Label, LabelScheme, TypeRule
from topo.metrics.evaluation import evaluate
from topo.metrics.own_labels import own_metrics, own_statistics
from topo.protein import Prediction, Protein

SCHEME = LabelScheme(
    tuple(Label(letter, letter) for letter in "HEC"),
    (TypeRule("ALPHA", frozenset("H"), frozenset("E")), TypeRule("REST")),
)
WORDS = st.text("HEC-", min_size=1, max_size=40)


@given(truth=WORDS, seed=st.integers(0, 99))
def test_residues_equal_scikit_learn(truth: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    guess = "".join(random.choice(list("HEC"), len(truth)))
    counts = own_statistics(truth, guess, SCHEME)
    known = [(a, b) for a, b in zip(truth, guess, strict=True) if a != "-"]
    if not known:
        assert counts["residue"].sum() == 0
        return
    true, predicted = zip(*known, strict=True)
    wanted = confusion_matrix(true, predicted, labels=list("HEC"))
    np.testing.assert_array_equal(counts["residue"][:, :3], wanted)
    found = own_metrics(counts, SCHEME)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=list("HEC"), zero_division=np.nan
    )
    for k, letter in enumerate("HEC"):
        for name, value in (("precision", precision[k]), ("recall", recall[k])):
            assert found["residue", name, letter].value == pytest.approx(value, nan_ok=True)
        if not np.isnan(f1[k]):
            assert found["residue", "f1", letter].value == pytest.approx(f1[k])


def test_segments_match_where_they_share_five_residues_or_the_shorter_one() -> None:
    truth = "CCC" + "H" * 10 + "CCCC" + "EE" + "CCC"
    shifted = "C" * 8 + "H" * 10 + "C" + "E" + "CC"
    found = own_metrics(own_statistics(truth, shifted, SCHEME), SCHEME)
    assert found["segments", "recall", "H"].value == 1
    assert found["segments", "recall", "E"].value == 0
    apart = "C" * 9 + "H" * 8 + "EE" + "CCC"
    found = own_metrics(own_statistics(truth, apart, SCHEME), SCHEME)
    assert found["segments", "recall", "H"].value == 0
    assert found["segments", "recall", "E"].value == 1
    assert found["segments", "precision", "C"].value == pytest.approx(2 / 2)


def test_an_evaluation_has_the_types_of_the_scheme() -> None:
    truth = [Protein("a", "MKT", "HHC"), Protein("b", "MKTA", "EECC")]
    guesses = [
        Prediction("a", "MKT", "HHC", "ALPHA", scheme=SCHEME),
        Prediction("b", "MKTA", "HHCC", "ALPHA", scheme=SCHEME),
    ]
    found = evaluate(truth, guesses, resamples=0).metrics
    assert found["labels"]["type"]["accuracy"]["ALPHA"]["value"] == 1
    assert found["labels"]["type"]["accuracy"]["REST"]["value"] == 0
    assert found["labels"]["residue"]["accuracy"]["value"] == pytest.approx(5 / 7)
    assert "topology" not in found
