"""How well scores rank and how honest they are: AUROC, average precision, calibration error."""

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Estimate

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


def calibration_error(
    confidence: Scores, right: Truth, *, bins: int = 10, resamples: int = 1000
) -> Estimate:
    """Mean distance between confidence and accuracy over bins of equal width (ECE).

    Args:
        confidence: Of the answered class, in [0, 1], shape (sample,).
        right: Whether the answer is right, shape (sample,).
        bins: Of equal width.
        resamples: Bootstrap samples for the interval.

    Source: Guo et al. (2017), On calibration of modern neural networks.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    drawn = np.random.default_rng(0)
    n = len(right)
    cells = np.stack([confidence, right.astype(np.float64)])

    def error(rows: NDArray[np.int64]) -> float:
        sums = [np.bincount(place[rows], c[rows], minlength=bins) for c in cells]
        return float(np.abs(sums[0] - sums[1]).sum() / max(n, 1))

    found = error(np.arange(n))
    again = [error(drawn.integers(0, n, n)) for _ in range(resamples)] if n else [float("nan")]
    low, high = np.percentile(again, [2.5, 97.5])
    return Estimate(found, float(min(low, found)), float(max(high, found)), n)
