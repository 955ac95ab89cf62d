"""The bootstrap of metrics: against scikit-learn on each draw, scipy's intervals, and coverage."""

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from qa_assets.core.intervals import share
from qa_assets.evaluation.bootstrap import (
    calibration_error,
    macro_f1,
    of_confusion,
    ranking,
    weights,
)


def drawn(
    n: int, seed: int, *, ties: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores of two classes that overlap."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    scores = rng.normal(size=n) + positive
    scores = np.round(scores) if ties else scores
    return np.stack([scores, -scores], axis=1), np.stack([positive, ~positive], axis=1)


def test_weights_are_multinomial() -> None:
    found = np.concatenate(list(weights(50, 4000)))
    assert found.shape == (4000, 50)
    assert (found.sum(axis=1) == 50).all()
    assert found.mean() == 1
    assert found.var() == pytest.approx(1 - 1 / 50, rel=0.02)


@pytest.mark.parametrize("ties", [False, True])
def test_each_draw_is_what_scikit_learn_makes_of_it(ties: bool) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    from qa_assets.evaluation.bootstrap import _Sorted

    scores, truth = drawn(120, 3, ties=ties)
    w = next(weights(120, 20))
    areas, precisions = _Sorted(scores[:, 0], truth[:, 0]).measure(w)
    for row in range(20):
        pair = {"y_true": truth[:, 0], "y_score": scores[:, 0], "sample_weight": w[row]}
        assert areas[row] == pytest.approx(roc_auc_score(**pair), abs=1e-12)
        assert precisions[row] == pytest.approx(average_precision_score(**pair), abs=1e-12)


@pytest.mark.slow
def test_the_interval_is_scipys() -> None:
    from scipy.stats import bootstrap
    from sklearn.metrics import roc_auc_score

    scores, truth = drawn(200, 1)
    ((area, _), _) = ranking(scores, truth)
    right = bootstrap(
        (truth[:, 0], scores[:, 0]), roc_auc_score, paired=True, vectorized=False,
        n_resamples=1000, method="percentile", rng=np.random.default_rng(5),
    ).confidence_interval  # fmt: skip
    assert (area.low, area.high) == pytest.approx((right.low, right.high), abs=0.01)
    assert area.value == pytest.approx(roc_auc_score(truth[:, 0], scores[:, 0]))


@pytest.mark.slow
def test_the_interval_of_the_area_covers_what_it_promises() -> None:
    """Two normal distributions one deviation apart: the area is Phi(1 / sqrt 2)."""
    true = 0.5 * (1 + math.erf(0.5))
    held = 0
    for seed in range(200):
        ((area, _), _) = ranking(*drawn(150, seed))
        held += area.low <= true <= area.high
    assert 0.90 <= held / 200 <= 0.99


def test_without_a_mistake_the_interval_is_not_nothing() -> None:
    labels = np.arange(40) % 2 == 0
    truth = np.stack([labels, ~labels], axis=1)
    ((area, precision), _) = ranking(truth.astype(float), truth)
    assert (area.value, area.high) == (1.0, 1.0)
    assert area.low == precision.low == share(20, 20).low


def test_a_class_without_samples_has_no_area() -> None:
    truth = np.zeros((10, 2), dtype=bool)
    truth[:, 0] = True
    for area, _ in ranking(np.random.default_rng(0).random((10, 2)), truth):
        assert math.isnan(area.value)
        assert (area.low, area.high, area.n) == (0.0, 1.0, 0)


def test_macro_f1_is_scikit_learns_and_its_interval_is_sane() -> None:
    from sklearn.metrics import confusion_matrix, f1_score

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 600)
    said = np.where(rng.random(600) < 0.8, labels, rng.integers(0, 5, 600))
    counts = confusion_matrix(labels, said)
    found = of_confusion(counts, macro_f1)
    assert found.value == pytest.approx(f1_score(labels, said, average="macro"))
    deviation = math.sqrt(found.value * (1 - found.value) / 600)  # near that of a plain share
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.25)
    swapped = of_confusion(counts.T, macro_f1)
    assert swapped.value == pytest.approx(found.value), "F1 is the same from either side"
    assert macro_f1(np.diag([3.0, 4.0])[None])[0] == 1.0


def test_the_mean_over_samples_is_not_the_mean_over_classes() -> None:
    """A wrong averaging would give the share of right answers, 0.95."""
    counts = np.array([[95, 0], [5, 0]])
    found = of_confusion(counts, macro_f1)
    assert found.value == pytest.approx((2 * 95 / 195 + 0) / 2)
    assert found.high < 0.6


@pytest.mark.slow
def test_thousands_of_samples_take_seconds() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((10_000, 10))
    truth = np.eye(10, dtype=bool)[rng.integers(0, 10, 10_000)]
    begun = time.process_time()
    ranking(scores, truth)
    calibration_error(scores[:, 0], truth[:, 0])
    assert time.process_time() - begun < 30
