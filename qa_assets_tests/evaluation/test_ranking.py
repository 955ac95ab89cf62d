import numpy as np
import pytest

from qa_assets.evaluation.bootstrap import calibration_error
from qa_assets.evaluation.ranking import auroc, average_precision
from qa_assets.evaluation.slices import slices


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("steps", [5, 1000])
def test_ranking_is_scikit_learns(seed: int, steps: int) -> None:
    """With many ties and with none."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    drawn = np.random.default_rng(seed)
    positive = drawn.random(300) < 0.2
    scores = np.round(drawn.random(300) + 0.4 * positive, 1 if steps == 5 else 9)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), rel=1e-12)
    right = average_precision_score(positive, scores)
    assert average_precision(scores, positive) == pytest.approx(right, rel=1e-12)


def test_ranking_needs_both_sides() -> None:
    nothing = np.zeros(4, dtype=bool)
    assert np.isnan(auroc(np.arange(4.0), nothing))
    assert np.isnan(average_precision(np.arange(4.0), nothing))


def test_calibration_error_in_closed_form() -> None:
    """Half the answers at 0.95 are right half the time, the others at 0.55 always: 0.45."""
    confidence = np.repeat([0.95, 0.55], 100)
    right = np.concatenate([np.arange(100) % 2 == 0, np.ones(100, dtype=bool)])
    found = calibration_error(confidence, right)
    assert found.value == pytest.approx((0.45 + 0.45) / 2)
    assert found.low < found.value < found.high


def test_honest_confidence_has_a_small_error() -> None:
    drawn = np.random.default_rng(0)
    confidence = drawn.uniform(0.1, 1, 20_000)
    honest = calibration_error(confidence, drawn.random(20_000) < confidence)
    assert honest.value < 0.02
    bold = calibration_error(np.sqrt(confidence), drawn.random(20_000) < confidence)
    assert bold.low > 0.1


def test_the_scores_are_probabilities_and_not_squashed_twice() -> None:
    """A softmax taken twice flattens every confidence: the calibration error shows it."""
    from qa_assets.evaluation.scores import softmax

    logits = 4 * np.eye(10, dtype=np.float32)[np.arange(1000) % 10]
    right = np.arange(1000) % 20 != 0
    once = softmax(logits).max(axis=1)
    twice = softmax(softmax(logits).astype(np.float32)).max(axis=1)
    assert calibration_error(once, right).value < 0.15
    assert calibration_error(twice, right).value > 0.6


def planted(
    n: int = 4000,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Wrong half the time where class b meets the darkest quarter; elsewhere one in fifty."""
    drawn = np.random.default_rng(0)
    classes = np.array(["a", "b", "c"], dtype=object)[drawn.integers(0, 3, n)]
    brightness = drawn.random(n)
    weak = (classes == "b") & (brightness < np.quantile(brightness, 0.25))
    right = drawn.random(n) > np.where(weak, 0.5, 0.02)
    ids = np.array([f"{i:05d}" for i in range(n)], dtype=object)
    return {"class": classes}, {"brightness": brightness}, right, ids


def test_a_weak_segment_is_found_where_it_was_planted() -> None:
    worst = slices(*planted())[0]
    assert worst.found
    assert worst.name in ("class b and brightness lowest quarter",)
    assert worst.accuracy.high < 0.7
    names = {s.name for s in slices(*planted())}
    assert {"class a", "class b", "class c", "brightness highest quarter"} <= names


def test_a_slice_is_the_share_of_its_samples() -> None:
    columns, measures, right, ids = planted()
    for found in slices(columns, measures, right, ids):
        if found.name.startswith("class") and not found.found:
            rows = columns["class"] == found.name.removeprefix("class ")
            assert found.accuracy.value == right[rows].mean()
            assert found.accuracy.confidence > 0.99


def test_without_weak_slices_the_correction_keeps_quiet() -> None:
    """Of a model that is equally good everywhere, few slices are surely below its accuracy."""
    alarms = 0
    for seed in range(40):
        drawn = np.random.default_rng(seed)
        columns = {"group": np.array([f"g{i}" for i in drawn.integers(0, 20, 2000)], dtype=object)}
        right = drawn.random(2000) < 0.9
        ids = np.array([f"{i}" for i in range(2000)], dtype=object)
        found = slices(columns, {"contrast": drawn.random(2000)}, right, ids)
        alarms += any(s.accuracy.high < 0.9 for s in found)
    assert alarms <= 4
