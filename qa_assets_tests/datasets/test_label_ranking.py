"""The ranking of labels: in closed form, and with labels of real digits that were changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.datasets.label_ranking import rank_labels
from qa_assets.datasets.out_of_fold import out_of_fold


def test_the_ranking_in_closed_form() -> None:
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
    found = rank_labels(chances, np.array([0, 1, 0]))
    np.testing.assert_allclose(found.score, [0.5, -0.3, -0.3])
    assert found.suggested.tolist() == [1, 2, 1]
    assert found.order.tolist() == [2, 1, 0]  # odds of 2 to 5 before 3 to 6


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 40))
def test_the_score_is_the_margin_and_the_order_that_of_the_odds(
    seed: int, classes: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.ones(classes), count)
    labels = random.integers(0, classes, count)
    found = rank_labels(chances, labels)
    odds = np.empty(count)
    for row, label in enumerate(labels):
        rest = np.delete(chances[row], label)
        odds[row] = chances[row, label] / rest.max()
        assert found.score[row] == pytest.approx(chances[row, label] - rest.max(), abs=1e-12)
        assert chances[row, found.suggested[row]] == rest.max()
        assert found.suggested[row] != label
    assert (np.diff(odds[found.order]) >= -1e-12).all()
    shuffled = random.permutation(count)
    again = rank_labels(chances[shuffled], labels[shuffled])
    np.testing.assert_array_equal(again.score, found.score[shuffled])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_are_all_among_the_worst_four_percent(seed: int) -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    flipped = random.choice(len(labels), 36, replace=False)
    wrong = labels.copy()
    wrong[flipped] = (labels[flipped] + random.integers(1, 10, 36)) % 10
    found = rank_labels(out_of_fold(pixels / 16, wrong, 10), wrong)
    assert set(flipped) <= set(found.order[: int(0.04 * len(labels))])
    assert (found.suggested[flipped] == labels[flipped]).mean() > 0.9
