"""Closed-form intervals agree with independent references and with simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from qa_assets.core.intervals import paired_difference, share


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
