"""Closed-form intervals agree with independent references and with simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from qa_assets.core.intervals import (
    bootstrap_median,
    difference,
    mcnemar,
    paired_difference,
    share,
    theil_sen,
)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 19), (431, 450)])
def test_a_share_has_wilsons_interval(k: int, n: int, confidence: float) -> None:
    ours = share(k, n, confidence=confidence)
    reference = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert (ours.value, ours.n, ours.confidence) == (k / n, n, confidence)
    assert ours.low == pytest.approx(reference.low, abs=1e-12)
    assert ours.high == pytest.approx(reference.high, abs=1e-12)


def test_without_samples_nothing_is_known() -> None:
    nothing, pairs = share(0, 0), paired_difference(0, 0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, 1)
    assert math.isnan(pairs.value)
    assert (pairs.low, pairs.high) == (-1, 1)


def test_a_paired_difference_has_agresti_and_mins_interval() -> None:
    """Their own formula on the adjusted table: p21 - p12 with z sqrt(...) / (n + 2)."""
    b, c, n, z = 14, 9, 450, stats.norm.ppf(0.975)
    p21, p12, m = (b + 0.5) / (n + 2), (c + 0.5) / (n + 2), n + 2
    half = z * math.sqrt((p21 + p12 - (p21 - p12) ** 2) / m)
    ours = paired_difference(b, c, n)
    assert ours.value == pytest.approx((b - c) / n)
    assert (ours.low, ours.high) == pytest.approx((p21 - p12 - half, p21 - p12 + half))
    turned = paired_difference(c, b, n)
    assert (turned.low, turned.high) == pytest.approx((-ours.high, -ours.low))


@pytest.mark.parametrize("cells", [(0.06, 0.02), (0.02, 0.02), (0.3, 0.1)])
def test_the_paired_interval_covers_as_often_as_it_says(cells: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    n, truth = 100, cells[0] - cells[1]
    drawn = rng.multinomial(n, [*cells, 1 - sum(cells)], size=4000)
    found = [paired_difference(int(b), int(c), n) for b, c, _ in drawn]
    covered = np.mean([e.low <= truth <= e.high for e in found])
    assert 0.94 <= covered <= 0.985


def test_intervals_of_few_samples_end_where_a_share_does() -> None:
    assert (share(0, 3).low, share(3, 3).high) == (0.0, 1.0)
    assert 0.0 < share(1, 3).low < share(1, 3).high < 1.0
    alone = paired_difference(1, 0, 1)
    assert (alone.value, alone.high, alone.n, alone.confidence) == (1.0, 1.0, 1, 0.95)
    assert paired_difference(0, 1, 1).low == -1.0
    for lost in (share(0, 0, confidence=0.8), paired_difference(0, 0, 0, confidence=0.8)):
        assert (lost.n, lost.confidence) == (0, 0.8)
    assert share(1, 3).confidence == 0.95
    one, two = share(1, 1), share(0, 1)
    assert (difference(one, two).high, difference(two, one).low) == (1.0, -1.0)


@pytest.mark.parametrize("n", [2, 3, 30])
def test_a_slope_is_theils_and_sens(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n) + 0.3 * np.arange(n)
    assert theil_sen(values) == pytest.approx(stats.theilslopes(values).slope)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_a_median_has_its_percentile_bootstrap(confidence: float) -> None:
    values = np.random.default_rng(4).lognormal(size=100)
    ours = bootstrap_median(values, confidence=confidence)
    assert (ours.value, ours.n, ours.confidence) == (np.median(values), 100, confidence)
    reference = stats.bootstrap(
        (values,), np.median, method="percentile", n_resamples=2000, confidence_level=confidence,
        rng=np.random.default_rng(0), vectorized=True,
    ).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high))
    assert bootstrap_median(values, confidence=confidence, resamples=50) != ours
    assert bootstrap_median(values).confidence == 0.95


def test_the_difference_of_two_samples_is_newcombes() -> None:
    """Source: Newcombe (1998), table II, method 10: 56/70 and 48/80 give [0.0524, 0.3339]."""
    found = difference(share(56, 70), share(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert (found.n, found.confidence) == (70, 0.95)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (0, 1), (3, 9), (40, 40), (500, 420)])
def test_mcnemar_is_the_exact_binomial_test(better: int, worse: int) -> None:
    n = better + worse
    right = stats.binomtest(better, n, 0.5).pvalue if n else 1.0
    assert mcnemar(better, worse) == pytest.approx(right, rel=1e-9)
