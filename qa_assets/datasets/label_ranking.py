"""Labels in the order in which a person should doubt them; the rule is cleanlab's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every label, judged by chances that its own sample had no part in.

    Attributes:
        order: Rows from the most suspicious to the least, shape (sample,).
        score: Chance of the label minus that of the best other class, in [-1, 1].
        suggested: That best other class, shape (sample,).
    """

    order: NDArray[np.intp]
    score: NDArray[np.float64]
    suggested: NDArray[np.intp]


def rank_labels(chances: NDArray[np.floating], labels: NDArray[np.integer]) -> Ranking:
    """Rank labels by their normalised margin.

    Args:
        chances: Out-of-sample probability of each class, shape (sample, class), two classes or
            more.
        labels: Index of the class that each sample is said to be of, shape (sample,).

    Nothing is counted: how many labels a rule calls wrong depends on the calibration of the model,
    the order hardly does.

    Source: Northcutt, Jiang, Chuang (2021), Confident learning; cleanlab 2.9.
    """
    from cleanlab.rank import get_label_quality_scores  # 0.2 s beside scikit-learn

    given = np.asarray(chances, np.float64)
    quality = get_label_quality_scores(labels, given, method="normalized_margin")
    others = given.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    score = 2 * np.asarray(quality, np.float64) - 1
    return Ranking(np.argsort(score, kind="stable"), score, others.argmax(axis=1))
