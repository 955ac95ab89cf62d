"""How much too sure the answers are: the factor by which their logits are too large."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Estimate

FACTORS = (1e-4, 1e4)
"""Range that is searched; where every answer is right, none is too small."""
HALF_CHI2 = 1.920729
"""Half the 95 % quantile of a chi-squared variable with one degree of freedom."""
WORK = 2_000_000
"""Logits that are worth half a second; of more, evenly spaced samples are taken."""


def temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Estimate:
    """By how much logits should be divided for their probabilities to be those of the labels.

    Above 1 the answers are too sure, below 1 too modest; which answer is given does not change.

    Args:
        logits: Shape (sample, class).
        labels: Index of the right class, shape (sample,).

    Returns:
        The factor of largest likelihood and its profile interval; NaN from 0 to the largest factor
        without finite samples.

    Source: Guo et al. (2017), On calibration of modern neural networks (temperature scaling); the
    interval after Kent (1982), which holds where a single factor does not explain everything.
    """
    from scipy.optimize import brentq, minimize_scalar

    n = len(labels)
    chosen = np.linspace(0, n - 1, min(n, max(1, WORK // logits.shape[1]))).astype(int)
    scores, right = logits[chosen].astype(np.float64), labels[chosen]
    if not n or not np.isfinite(scores).all():
        return Estimate(float("nan"), 0.0, FACTORS[1], 0)
    margins = scores - scores[np.arange(len(right)), right][:, None]
    ends = float(np.log(FACTORS[0])), float(np.log(FACTORS[1]))

    def surprise(log_factor: float) -> float:
        """Negative log-likelihood, convex in the inverse of the factor."""
        return float(_surprises(margins, log_factor).sum())

    least: Any = minimize_scalar(surprise, bounds=ends, method="bounded")
    best = float(least.x)
    allowed = surprise(best) + HALF_CHI2 * _spread(margins, best)

    def beyond(log_factor: float) -> float:
        return surprise(log_factor) - allowed

    def crossed(end: float) -> float:
        found: Any = brentq(beyond, best, end, xtol=1e-6) if beyond(end) > 0 else end
        return float(np.exp(found))

    return Estimate(float(np.exp(best)), crossed(ends[0]), crossed(ends[1]), n)


def _surprises(margins: NDArray[np.float64], log_factor: float) -> NDArray[np.float64]:
    scaled = margins * np.exp(-log_factor)
    top = scaled.max(axis=1)
    return top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))


def _spread(margins: NDArray[np.float64], log_factor: float) -> float:
    """How much more the slopes of single samples differ than the curvature says; at least 1."""
    scaled = margins * np.exp(-log_factor)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    slopes = (shares * margins).sum(axis=1)
    curvature = float(((shares * margins**2).sum(axis=1) - slopes**2).sum())
    return max(1.0, float((slopes**2).sum()) / curvature) if curvature > 0 else 1.0
