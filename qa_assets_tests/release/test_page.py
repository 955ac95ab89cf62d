"""Numbers, gauges and matrices are drawn as they are."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.intervals import share
from qa_assets.core.records.quality import AlikeGroup
from qa_assets.core.verdict import Verdict
from qa_assets.release import page
from qa_assets_tests.release import evidence

FINITE = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1797, "1,797"), (0.95654321, "0.9565"), (47731.4, "47,731"), (3.0, "3"), (True, "True"),
     (None, ""), ("x", "x"), (math.nan, "nan"), (math.inf, "inf"), (1e-7, "1e-07"),
     (999.94, "999.9"), (1000.4, "1,000"), (-1000.4, "-1,000")],
)  # fmt: skip
def test_numbers_are_short(value: object, text: str) -> None:
    assert page.number(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (80_123, "80.1 kB"),
        (2e9, "2 GB"),
        (5e12, "5e+03 GB"),
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("measured", "limit", "interval", "places"),
    [
        (0.25, 0.5, None, (25, 50, 25, 25)),  # from a half on a share lies on [0, 1]
        (0.5, 1.0, (0.4, 0.6), (50, 100, 40, 60)),
        (0.2, 0.4, None, (40, 80, 20 * 2, 40)),  # smaller ones, and larger, end a quarter later
        (1.5, 1.2, None, (80, 64, 80, 80)),
        (1 / 3, None, None, (33.33, None, 33.33, 33.33)),
        (-4, -2, None, (0, 50, 0, 0)),
        (-1, 3, None, (0, 84.21, 0, 0)),
        (0, 0, None, (0, 0, 0, 0)),
    ],
)
def test_where_a_number_and_its_limit_are_drawn(
    measured: float,
    limit: float | None,
    interval: tuple[float, float] | None,
    places: tuple[float | None, ...],
) -> None:
    drawn = page.gauge(measured, limit, interval)
    assert (drawn.measured, drawn.limit, drawn.low, drawn.high) == places


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_is_no_number_is_not_drawn(odd: float) -> None:
    for judged in ((odd, 1.0, None), (1.0, odd, None), (1.0, 2.0, (0.5, odd))):
        measured, limit, interval = judged
        verdict = Verdict(
            outcome="fail", summary="", measured=measured, limit=limit, interval=interval
        )
        assert page.verdict_gauge(verdict) is None
    both = Verdict(outcome="fail", summary="", measured=0.5, limit=0.0, interval=(0.25, 0.75))
    assert page.verdict_gauge(both) == page.Gauge(50, 0, 25, 75)


def test_a_picture_of_a_record_is_its_own_address() -> None:
    trained, taken = evidence.weights(), evidence.snapshot()
    assert page.picture(trained, "loss.svg").startswith("data:image/svg+xml;base64,")
    assert page.picture(taken, "contact_sheet.png").startswith("data:image/png;base64,")
    assert page.picture(trained, "none.svg") == ""


def test_the_matrix_and_its_mistakes() -> None:
    made = evidence.evaluation(("a", "b", "c"), wrong=4)
    rows = page.confusion(made)
    assert [[c.count for c in cells] for _, cells in rows] == [[44, 4, 0], [0, 44, 4], [4, 0, 44]]
    assert [c.right for c in rows[0][1]] == [True, False, False]
    assert [c.level for c in rows[0][1]] == [9, 0, 0]
    assert page.most_confused(made, most=2) == [("a", "b", 4), ("b", "c", 4)]
    many = tuple(f"c{i}" for i in range(31))
    assert page.confusion(evidence.evaluation(many)) == (), "they would be too small to read"
    assert len(page.confusion(evidence.evaluation(many[:30]))) == 30


def test_a_cell_is_as_dark_as_its_share_of_the_row() -> None:
    rows = ((48, 0, 0), (28, 16, 4), (0, 1, 0))
    made = replace(evidence.evaluation(("c", "b", "a")), confusion=rows)
    levels = [[c.level for c in cells] for _, cells in page.confusion(made)]
    assert levels == [[9, 0, 0], [5, 3, 0], [0, 9, 0]]
    empty = replace(made, confusion=((0, 0, 0),) * 3)
    assert {c.level for _, cells in page.confusion(empty) for c in cells} == {0}


def test_the_most_frequent_mistakes_first_then_by_name() -> None:
    made = replace(
        evidence.evaluation(("c", "b", "a")), confusion=((9, 5, 2), (5, 9, 0), (5, 5, 9))
    )
    assert page.most_confused(made) == [
        ("a", "b", 5), ("a", "c", 5), ("b", "c", 5), ("c", "b", 5), ("c", "a", 2),
    ]  # fmt: skip
    many = evidence.evaluation(tuple("abcdefghijkl"))
    assert len(page.most_confused(many)) == 10


def test_bars_rows_and_groups_are_told_as_they_are() -> None:
    assert page.shares({"a": 3, "b": 1, "c": 0}) == [("a", 3, 100), ("b", 1, 33.33), ("c", 0, 0)]
    assert page.shares({"only": 1}) == [("only", 1, 100)]
    assert page.shares({"none": 0}) == [("none", 0, 0)]
    cases = [page.Cell(3, 2, True), page.Cell(1, 0, False)]
    assert page.columns(cases, "right", "count") == [("yes", 3), ("no", 1)]
    group = AlikeGroup(("i", "j", "k"), ("b.png", "a.png", "c.png"), ("8", "3", "8"))
    assert page.groups_named([group]) == [(3, "3, 8", "b.png, a.png, c.png")]


def test_text_is_cut_and_its_hidden_characters_spelled_out() -> None:
    assert page.harmless("a\u202eb\x00") == "a[U+202E]b[U+0000]"
    assert page.harmless("two\nlines") == "two\nlines"
    assert page.harmless("x" * 2000) == "x" * 2000
    assert page.harmless("x" * 2001) == "x" * 2000 + "..."
    assert page.harmless(None) == ""
    assert page.harmless(3) == 3
