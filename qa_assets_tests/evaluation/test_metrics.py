import math

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import paired_difference, share
from qa_assets.core.record import INLINE_PICTURE_BYTES
from qa_assets.evaluation.metrics import evaluate, f1, picture
from qa_assets_tests.evaluation.tables import answered, baseline

CLASSES = ("a", "b", "c", "d")


def some(n: int = 400, seed: int = 0) -> tuple[list[int], list[int], list[int]]:
    """Labels, answers that are mostly right, answers that are often wrong."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, n, p=[0.5, 0.3, 0.15, 0.05])
    good = np.where(rng.random(n) < 0.8, labels, rng.integers(0, 4, n))
    poor = np.where(rng.random(n) < 0.5, labels, rng.integers(0, 4, n))
    return labels.tolist(), good.tolist(), poor.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_scikit_learns(seed: int) -> None:
    from sklearn import metrics

    labels, good, poor = some(seed=seed)
    made = evaluate(answered(CLASSES, labels, good), baseline(CLASSES, labels, poor=poor))
    assert made.accuracy.value == metrics.accuracy_score(labels, good)
    np.testing.assert_array_equal(made.confusion, metrics.confusion_matrix(labels, good))
    precision, recall, f, support = metrics.precision_recall_fscore_support(labels, good)
    for i, found in enumerate(made.per_class):
        assert found.label == CLASSES[i]
        assert found.samples == support[i]
        right = (precision[i], recall[i], f[i])
        assert (found.precision.value, found.recall.value, found.f1.value) == pytest.approx(right)


def test_intervals_are_the_closed_forms() -> None:
    from scipy.stats import binomtest

    labels, good, poor = (np.array(a) for a in some())
    made = evaluate(
        answered(CLASSES, labels.tolist(), good.tolist()),
        baseline(CLASSES, labels.tolist(), poor=poor.tolist()),
    )
    wilson = binomtest(int((labels == good).sum()), 400).proportion_ci(method="wilson")
    assert (made.accuracy.low, made.accuracy.high) == pytest.approx((wilson.low, wilson.high))
    hits = int(((labels == 1) & (good == 1)).sum())
    assert made.per_class[1].recall == share(hits, int((labels == 1).sum()))
    assert made.per_class[1].precision == share(hits, int((good == 1).sum()))
    better = int(((good == labels) & (poor != labels)).sum())
    worse = int(((good != labels) & (poor == labels)).sum())
    assert made.gains == {"poor": paired_difference(better, worse, 400)}


def test_the_interval_of_f1_is_that_of_a_multinomial_bootstrap() -> None:
    hits, either, n = 160, 205, 600
    rng = np.random.default_rng(0)
    shares = np.array([hits, either - hits, n - either]) / n
    counts = rng.multinomial(n, shares, size=20_000)
    drawn = 2 * counts[:, 0] / (2 * counts[:, 0] + counts[:, 1])
    found = f1(hits, either)
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.006)


def test_the_interval_of_f1_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    rates: list[float] = []
    for jaccard in np.linspace(0.5, 0.95, 10):  # at one value coverage swings with the lattice
        truth = 2 * jaccard / (1 + jaccard)
        shares = 0.2 * jaccard, 0.2 * (1 - jaccard), 0.8
        drawn = rng.multinomial(300, shares, size=1000)
        found = [f1(int(hits), int(hits + errors)) for hits, errors, _ in drawn]
        rates.append(float(np.mean([e.low <= truth <= e.high for e in found])))
    assert np.mean(rates) == pytest.approx(0.95, abs=0.01)


def test_no_error_leaves_room_for_doubt_and_no_sample_for_anything() -> None:
    made = evaluate(answered(("a", "b"), [0] * 5, [0] * 5), baseline(("a", "b"), [0] * 5))
    assert made.accuracy.value == 1
    assert made.per_class[0].f1.low < 0.8
    empty = made.per_class[1]
    assert (empty.samples, empty.recall.low, empty.recall.high) == (0, 0, 1)
    assert all(math.isnan(e.value) for e in (empty.precision, empty.recall, empty.f1))
    assert made.gains == {}


def test_groups_are_measured_each_for_itself() -> None:
    predictions = answered(("a", "b"), [0, 0, 1, 1, 1], [0, 1, 1, 1, 1], ["x", "x", "y", "y", ""])
    made = evaluate(predictions, baseline(("a", "b"), [0, 0, 1, 1, 1]))
    assert made.by_group == {"x": share(1, 2), "y": share(2, 2)}


def test_rows_are_true_and_columns_predicted() -> None:
    made = evaluate(answered(("a", "b"), [0, 0, 1], [1, 1, 1]), baseline(("a", "b"), [0, 0, 1]))
    assert made.confusion == ((0, 2), (0, 1))


def test_other_samples_and_other_labels_are_refused() -> None:
    predictions = answered(("a", "b"), [0, 1, 1], [0, 1, 1])
    with pytest.raises(InputRefused, match=r"SAMPLES_DIFFER .*other samples"):
        evaluate(predictions, baseline(("a", "b"), [0, 1]))
    with pytest.raises(InputRefused, match=r"SAMPLES_DIFFER .*other labels"):
        evaluate(predictions, baseline(("a", "b"), [0, 1, 0]))


@pytest.mark.parametrize("classes", [2, 10, 20, 21, 200])
def test_the_picture_stays_small_and_shows_the_worst(classes: int) -> None:
    counts = np.random.default_rng(0).integers(1, 50, (classes, classes))
    counts[classes - 1] = 900
    names = [f"c{i}" for i in range(classes)]
    drawn = picture(names, counts)
    assert drawn.startswith(b"<svg")
    assert len(drawn) <= INLINE_PICTURE_BYTES
    assert f">c{classes - 1}<".encode() in drawn


def test_accuracy_with_and_without_doubted_labels() -> None:
    """Of four samples one is wrong; where its label is doubted, the other three count."""
    import pandas as pd

    from qa_assets.core.records.quality import SUSPECTS, LabelAudit
    from qa_assets.core.tables import table_bytes

    made, simple = (
        answered(("a", "b"), [0, 1, 0, 1], [0, 1, 0, 0]),
        baseline(("a", "b"), [0, 1, 0, 1]),
    )
    frame = pd.DataFrame({"id": ["0003", "0001"], "score": [-0.9, -0.4]})
    audit = LabelAudit(samples=4, agreement=0.5, files={SUSPECTS: table_bytes(frame)})
    found = evaluate(made, simple, audit)
    assert found.accuracy.value == 0.75
    assert found.undoubted is not None
    assert (found.undoubted.value, found.undoubted.n) == (1.0, 3)
    assert evaluate(made, simple).undoubted is None
