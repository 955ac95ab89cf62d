"""How well a model tells two sets of samples apart: the one number that sees their content."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.quality import Shift
from qa_assets.datasets.drift import CONFIDENCE
from qa_assets.datasets.out_of_fold import FOLDS, MOST_SAMPLES, out_of_fold

MOST = MOST_SAMPLES // 2
"""Samples of each set that are looked at; the time grows with their square."""


def told_apart(
    reference: NDArray[np.floating],
    current: NDArray[np.floating],
    *,
    column: str,
    ids: tuple[Sequence[str], Sequence[str]] | None = None,
    confidence: float = CONFIDENCE,
) -> Shift | None:
    """How well a model tells two sets apart, on samples it has not seen.

    The effect is 2 AUC - 1: 0 where they cannot be told apart, 1 where they always can. None where
    a set has too few samples for the folds.

    Args:
        reference: Features of one set, shape (sample, feature); the first ``MOST`` are looked at.
        current: Features of the other.
        column: What the features are.
        ids: Ids of the samples of both. One that is in both is held out of both at once; otherwise
            the model would learn to call it the other one, and a true shift would look smaller.
        confidence: Coverage of the interval.

    Source: Lopez-Paz, Oquab (2017), Revisiting classifier two-sample tests; interval: Hanley,
    McNeil (1982).
    """
    first, second = reference[:MOST], current[:MOST]
    n, m = len(first), len(second)
    if min(n, m) < FOLDS:
        return None
    labels = np.repeat([0, 1], [n, m])
    same = [*ids[0][:n], *ids[1][:m]] if ids else None
    together = np.unique(same, return_inverse=True)[1] if same else None
    features = np.concatenate([first, second]).astype(np.float64)
    spread = features.std(axis=0)
    features = features[:, spread > 0] / spread[spread > 0]
    if not features.shape[1]:  # nothing varies, so nothing differs
        features = np.zeros((n + m, 1))
    chances = out_of_fold(features, labels, 2, together)[:, 1]
    if together is not None:  # one sample has one chance, whatever was rounded on the way
        chances = (np.bincount(together, chances) / np.bincount(together))[together]
    auc = area(chances[labels == 0], chances[labels == 1])
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (m - 1) * (one - auc**2) + (n - 1) * (two - auc**2)
    error = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0) / (n * m))
    effect, low, high = (2 * v - 1 for v in (auc, auc - error, auc + error))
    bounds = max(0.0, low), min(1.0, max(0.0, high))
    text = "told apart by a model" if low > 0 else "cannot be told apart"
    return Shift(column, "content", max(0.0, effect), *bounds, n, m, "", f"{text} (AUC {auc:.3f})")


def area(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Area under the ROC curve: how often a value of the second set is the larger; ties half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left")
    at_most = np.searchsorted(ordered, high, side="right")
    return float((below + at_most).sum() / 2 / (len(low) * len(high)))
