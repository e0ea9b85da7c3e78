"""Residue, type and calibration scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from topo.labels import LABELS
from topo.metrics.calibration import bin_edges, bin_sums, calibration_error, residue_calibration
from topo.metrics.residue import accuracy, confusion_matrix, label_scores, macro_f1

PAIRS = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.text("IOPSMB", min_size=n, max_size=n), st.text("IOPSMB", min_size=n, max_size=n)
    )
)


@given(PAIRS)
def test_scores_equal_scikit_learn(pair):
    truth, guess = map(list, pair)
    confusion = confusion_matrix(*pair)
    scores = label_scores(confusion)
    assert accuracy(confusion).value == pytest.approx(accuracy_score(truth, guess))
    assert macro_f1(confusion).value == pytest.approx(f1_score(truth, guess, average="macro"))
    for k, label in enumerate(LABELS):
        for name, oracle in (("precision", precision_score), ("recall", recall_score)):
            value = getattr(scores, name).value[k]
            expected = oracle(truth, guess, labels=[label], average=None, zero_division=np.nan)[0]
            assert value == pytest.approx(expected, nan_ok=True)
        is_true = [x == label for x in truth]
        if 0 < sum(is_true) < len(truth):
            expected = matthews_corrcoef(is_true, [x == label for x in guess])
            assert scores.mcc.value[k] == pytest.approx(expected)
        else:
            assert np.isnan(scores.mcc.value[k])


@given(PAIRS)
def test_mcc_and_f1_are_symmetric(pair):
    forward, back = (label_scores(confusion_matrix(*p)) for p in (pair, pair[::-1]))
    np.testing.assert_allclose(forward.f1.value, back.f1.value)
    both = ~np.isnan(forward.mcc.value) & ~np.isnan(back.mcc.value)
    np.testing.assert_allclose(forward.mcc.value[both], back.mcc.value[both])


def test_unknown_truth_is_left_out_and_foreign_letters_are_wrong():
    confusion = confusion_matrix("II--MM", "IxMM-é")
    assert confusion.sum() == 4
    assert confusion[:, 6].sum() == 3
    assert accuracy(confusion).value == 0.25


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="2 predicted labels for 3"):
        confusion_matrix("III", "II")


def _random_probabilities(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(6) / 2, size)


def test_log_loss_and_brier_equal_scikit_learn():
    truth = "".join(np.random.default_rng(1).choice(list(LABELS), 300))
    table = _random_probabilities(300)
    count, loss, brier = residue_calibration([truth], [table])["scores"][0]
    codes = [LABELS.index(letter) for letter in truth]
    assert loss / count == pytest.approx(log_loss(codes, table, labels=range(6)))
    by_class = [brier_score_loss(np.array(codes) == k, table[:, k]) for k in range(6)]
    assert brier / count == pytest.approx(sum(by_class))


def test_calibration_error_by_hand():
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    correct = np.array([True, False, True, True])
    sums = bin_sums(confidence, correct, bin_edges(confidence, 2))
    assert sums[:, 0].tolist() == [2, 2]
    assert calibration_error(sums).value == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)


def test_calibration_bins_have_equal_mass_and_do_not_depend_on_order():
    confidence = np.random.default_rng(0).random(1500)
    correct = confidence > 0.5
    edges = bin_edges(confidence)
    sums = bin_sums(confidence, correct, edges)
    assert abs(sums[:, 0] - 100).max() <= 1
    turned = bin_sums(confidence[::-1], correct[::-1], bin_edges(confidence[::-1]))
    np.testing.assert_allclose(sums, turned)


def test_calibrated_probabilities_have_no_error():
    generator = np.random.default_rng(0)
    table = _random_probabilities(40_000)
    drawn = (table.cumsum(1) < generator.random((len(table), 1))).sum(1).clip(0, 5)
    truth = "".join(LABELS[k] for k in drawn)
    parts = residue_calibration([truth], [table])
    assert calibration_error(parts["bins"].sum(0)).value < 0.01


def test_probabilities_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="expected \\(4, 6\\)"):
        residue_calibration(["IIII"], [np.ones((3, 6)) / 6])
