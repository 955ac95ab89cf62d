"""Confidence intervals in closed form."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Estimate


def share(successes: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """A share with its Wilson score interval.

    Args:
        successes: How many of ``n`` hold, in [0, n].
        n: Number of trials; with none the share is unknown: NaN in [0, 1].
        confidence: Coverage, in (0, 1).

    Source: Wilson, E. B. (1927), Probable inference, JASA 22; reference: statsmodels, scipy's
    ``binomtest(...).proportion_ci(method="wilson")``.
    """
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Estimate(p, low, high, n, confidence)


def paired_difference(better: int, worse: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """Difference of two shares measured on the same samples, ``(better - worse) / n``.

    Args:
        better: Samples only the first gets right.
        worse: Samples only the second gets right.
        n: All samples.
        confidence: Coverage, in (0, 1).

    Source: Agresti & Min (2005), Simple improved confidence intervals for comparing matched
    proportions, Statistics in Medicine 24: Wald's interval after adding half a sample a cell.
    """
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0, confidence)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    b, c, m = better + 0.5, worse + 0.5, n + 2.0
    difference = (b - c) / m
    half = z / m * math.sqrt(b + c - (b - c) ** 2 / m)
    return Estimate(
        (better - worse) / n,
        max(-1.0, difference - half),
        min(1.0, difference + half),
        n,
        confidence,
    )


def theil_sen(values: "NDArray[np.floating]") -> float:
    """Slope of ``values`` over their index: the median of the slopes between any two of them.

    Source: Sen, P. K. (1968), Estimates of the regression coefficient based on Kendall's tau,
    JASA 63; reference: ``scipy.stats.theilslopes``.
    """
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first)))


def bootstrap_median(
    values: "NDArray[np.floating]", *, confidence: float = 0.95, resamples: int = 2000
) -> Estimate:
    """A median with its percentile bootstrap interval; the same values give the same interval.

    Args:
        values: Independent measurements.
        confidence: Coverage, in (0, 1).
        resamples: Draws with replacement.

    Source: Efron, B. (1979), Bootstrap methods, Annals of Statistics 7; reference:
    ``scipy.stats.bootstrap(..., method="percentile")``.
    """
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(values), (resamples, len(values)))
    medians = np.median(np.asarray(values)[drawn], axis=1)
    low, high = np.quantile(medians, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(np.median(values)), float(low), float(high), len(values), confidence)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Difference of two shares measured on different samples, ``one - other``.

    Args:
        one: A share with its Wilson interval.
        other: Likewise, with the same coverage.

    Source: Newcombe (1998), Interval estimation for the difference between independent
    proportions, Statistics in Medicine 17, method 10: the ends of Wilson's intervals, squared.
    """
    value = one.value - other.value
    low = math.hypot(one.value - one.low, other.high - other.value)
    high = math.hypot(one.high - one.value, other.value - other.low)
    n = min(one.n, other.n)
    return Estimate(value, max(-1.0, value - low), min(1.0, value + high), n, one.confidence)


def mcnemar(better: int, worse: int) -> float:
    """Probability of so uneven a count of disagreements if neither side were better.

    Args:
        better: Samples only the first gets right.
        worse: Samples only the second gets right.

    Returns:
        The exact two-sided p-value, in [0, 1].

    Source: McNemar (1947), Psychometrika 12; reference: scipy's ``binomtest``.
    """
    n, k = better + worse, min(better, worse)
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(k + 1)
    )
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))
