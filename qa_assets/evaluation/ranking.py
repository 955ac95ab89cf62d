"""How well scores rank: area under the ROC curve and average precision; bins of confidence."""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]


def auroc(scores: Scores, positive: Truth) -> float:
    """Chance that a positive sample scores higher than a negative one; ties count half.

    Args:
        scores: Shape (sample,).
        positive: Which samples are of the class, shape (sample,).

    Returns:
        In [0, 1]; NaN without a sample on either side.

    Source: Mann & Whitney (1947); reference: ``sklearn.metrics.roc_auc_score``.
    """
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def average_precision(scores: Scores, positive: Truth) -> float:
    """Mean precision over the positive samples, from the highest score down.

    Source: reference: ``sklearn.metrics.average_precision_score``.
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # ties fall together
    hits = np.cumsum(positive[order])[ends]
    precision = hits / (ends + 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / positive.sum())


def calibration_bins(confidence: Scores, bins: int) -> NDArray[np.intp]:
    """The bin of equal width that each confidence in [0, 1] falls into; 1 into the last."""
    return np.minimum((confidence * bins).astype(np.intp), bins - 1)
