"""The ranking of doubtful labels, on real out-of-sample probabilities, beside cleanlab's."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qa_assets.datasets.label_ranking import rank_labels

WORST = 100
Ranking = NDArray[np.intp]


@pytest.fixture(scope="module")
def answers(shared: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (sample, class) and given labels of the CIFAR-10 test set."""
    file = shared / "data" / "cifar10_label_errors" / "label_errors_cifar10.npz"
    with np.load(file, allow_pickle=False) as kept:
        return kept["pyx"].astype(np.float64), kept["y"].astype(np.int64)


def shared_worst(one: Ranking, other: Ranking) -> int:
    return len(set(one[:WORST]) & set(other[:WORST]))


@pytest.mark.slow
def test_the_worst_labels_are_those_of_cleanlab(
    answers: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    """Nearly its ranking by self-confidence, most of its default, few on the joint's diagonal."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    chances, labels = answers
    ours = rank_labels(chances, labels).order
    for method, fewest in (("self_confidence", 90), ("normalized_margin", 60)):
        scores = get_label_quality_scores(labels, chances, method=method)
        found = shared_worst(ours, np.argsort(scores, kind="stable"))
        assert found >= fewest, (method, found)
    how = {"return_indices_ranked_by": "self_confidence", "n_jobs": 1}
    joint = find_label_issues(labels, chances, **how)  # the confident joint, by class
    assert shared_worst(ours, joint) >= 70
    assert len(set(ours[:WORST]) & set(joint)) >= 85  # off the diagonal of the joint


@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_among_real_answers_are_ranked_worst(
    answers: tuple[NDArray[np.float64], NDArray[np.int64]], seed: int
) -> None:
    """Labels of one in fifty are changed; nine in ten of them are in as many worst and half more.

    Labels that were wrong before compete with them, so not all can be.
    """
    chances, labels = answers
    drawn = np.random.default_rng(seed)
    rows = drawn.choice(len(labels), 200, replace=False)
    changed = labels.copy()
    changed[rows] = (labels[rows] + drawn.integers(1, chances.shape[1], len(rows))) % 10
    order = rank_labels(chances, changed).order
    worst = set(order[:300])
    right = [row for row in rows if chances[row].argmax() == labels[row]]
    assert len(worst & set(right)) / len(right) >= 0.9
    by_margin = np.argsort(rank_labels(chances, changed).score, kind="stable")
    assert len(worst & set(rows)) > len(set(by_margin[:300]) & set(rows))
    before = set(rank_labels(chances, labels).order[:300])
    assert len(before & set(right)) / len(right) < 0.2


def test_the_ranking_in_closed_form() -> None:
    """Equal margins, odds of 1 to 2, 1 to 8 and 0 to 1: the least likely label comes first."""
    chances = np.array([[0.3, 0.6, 0.1], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0], [0.9, 0.1, 0.0]])
    assert list(rank_labels(chances, np.array([0, 0, 0, 0])).order) == [2, 1, 0, 3]
