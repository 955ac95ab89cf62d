"""Sketches against numpy, and the law that the order of merging does not matter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.datasets.sketches import ACCURACY, as_json, from_json, of_numbers, of_words

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64, min_value=None)
COLUMNS = st.lists(st.lists(st.floats(-1e12, 1e12), max_size=20), min_size=2, max_size=5)


@given(COLUMNS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_merging_in_any_order_gives_the_same_as_sketching_the_whole(
    columns: list[list[float]], random: object
) -> None:
    whole = of_numbers(np.array([v for c in columns for v in c]))
    sketches = [of_numbers(np.array(c)) for c in columns]
    random.shuffle(sketches)  # type: ignore[attr-defined]
    merged = sketches[0]
    for other in sketches[1:]:
        merged = merged.merge(other)
    assert as_json(merged) == as_json(whole)
    assert from_json(as_json(whole)) == whole


@pytest.mark.parametrize("draw", ["normal", "lognormal", "uniform"])
def test_moments_quantiles_and_distinct_against_numpy(draw: str) -> None:
    values = getattr(np.random.default_rng(0), draw)(size=20_000)
    values[:5000] = values[5000:10_000]  # a quarter is repeated
    found = of_numbers(values)
    assert (found.count, found.low, found.high) == (20_000, values.min(), values.max())
    assert math.isclose(found.mean, float(np.mean(values)), rel_tol=1e-12)
    assert math.isclose(found.std, float(np.std(values)), rel_tol=1e-9)
    for share in (0.01, 0.25, 0.5, 0.9, 0.999):
        exact = float(np.quantile(values, share, method="lower"))
        assert abs(found.quantile(share) - exact) <= 2 * ACCURACY * abs(exact) + 1e-9
    assert found.distinct == pytest.approx(15_000, rel=0.1)


def test_what_is_not_finite_counts_as_missing() -> None:
    found = of_numbers(np.array([1.0, np.nan, np.inf, -2.0, 0.0]))
    assert (found.count, found.missing, found.mean) == (3, 2, pytest.approx(-1 / 3))
    assert math.isnan(of_numbers(np.array([])).mean)
    assert math.isnan(of_numbers(np.array([])).quantile(0.5))


def test_words_are_counted_and_merge() -> None:
    found = of_words(["NA", None, "a", "a"]).merge(of_words(["a", "b"]))
    assert (found.count, found.missing, dict(found.counts)) == (5, 1, {"NA": 1, "a": 3, "b": 1})
    many = of_words([str(n) for n in range(10_001)])
    assert many.too_many
    assert many.merge(found).too_many
    assert not many.counts
