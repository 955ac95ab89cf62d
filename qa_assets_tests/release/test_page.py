"""Numbers, gauges and matrices are drawn as they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.intervals import share
from qa_assets.core.verdict import Verdict
from qa_assets.release import page
from qa_assets_tests.release import evidence

FINITE = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1797, "1,797"), (0.95654321, "0.9565"), (47731.4, "47,731"), (3.0, "3"), (True, "True"),
     (None, ""), ("x", "x"), (math.nan, "nan"), (math.inf, "inf"), (1e-7, "1e-07")],
)  # fmt: skip
def test_numbers_are_short(value: object, text: str) -> None:
    assert page.number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (80_123, "80.1 kB"), (2e9, "2 GB")]
)
def test_sizes_have_a_unit(count: float, text: str) -> None:
    assert page.size(count) == text


@given(FINITE, FINITE | st.none(), st.none() | st.tuples(FINITE, FINITE).map(sorted).map(tuple))
def test_a_gauge_stays_on_its_line_and_keeps_the_order(
    measured: float, limit: float | None, interval: tuple[float, float] | None
) -> None:
    shares = limit is None and max(measured, *(interval or (0,))) > 1
    if shares:
        return  # without a limit only shares are drawn
    drawn = page.gauge(measured, limit, interval)
    places = [drawn.measured, drawn.low, drawn.high, *([] if limit is None else [drawn.limit])]
    assert all(p is not None and 0 <= p <= 100 for p in places)
    assert drawn.low <= drawn.high
    if limit is not None and drawn.limit is not None and drawn.measured != drawn.limit:
        assert (drawn.measured < drawn.limit) == (measured < limit)


def test_shares_share_a_scale_and_small_ones_are_seen() -> None:
    drawn = page.estimate_gauge(share(50, 100))
    assert drawn is not None
    assert drawn.measured == 50
    small = page.verdict_gauge(Verdict(outcome="pass", summary="", measured=0.004, limit=0.01))
    assert small is not None
    assert (small.measured, small.limit) == (32, 80)
    assert page.verdict_gauge(Verdict(outcome="pass", summary="", measured=0.0, limit=0.0)) is None
    assert page.verdict_gauge(Verdict(outcome="pass", summary="")) is None
    assert page.estimate_gauge(share(0, 0)) is None


def test_the_matrix_and_its_mistakes() -> None:
    made = evidence.evaluation(("a", "b", "c"), wrong=4)
    rows = page.confusion(made)
    assert [[c.count for c in cells] for _, cells in rows] == [[44, 4, 0], [0, 44, 4], [4, 0, 44]]
    assert [c.right for c in rows[0][1]] == [True, False, False]
    assert [c.level for c in rows[0][1]] == [9, 0, 0]
    assert page.most_confused(made, most=2) == [("a", "b", 4), ("b", "c", 4)]
    many = tuple(f"c{i}" for i in range(page.MAX_CLASSES_DRAWN + 1))
    assert page.confusion(evidence.evaluation(many)) == ()


def test_text_is_cut_and_its_hidden_characters_spelled_out() -> None:
    assert page.harmless("a\u202eb\x00") == "a[U+202E]b[U+0000]"
    assert len(str(page.harmless("x" * 10_000))) < page.MAX_TEXT + 10
    assert page.harmless(None) == ""
    assert page.harmless(3) == 3
