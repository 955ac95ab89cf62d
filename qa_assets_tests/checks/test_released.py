"""A candidate against the release: limits, what cannot be excluded, and what is shown of it."""

from dataclasses import replace

import pandas as pd
import pytest

from qa_assets.checks.released import (
    negative_flips_few,
    not_worse_than_released,
    slices_not_worse_than_released,
)
from qa_assets.core.record import Estimate
from qa_assets.core.records.comparison import FLIPS, ReleaseComparison, SliceChange
from qa_assets.core.tables import table_bytes


def flipped(count: int) -> bytes:
    rows = [(f"sample-{i:03}-of-many", "a", "a", "b", 1 - i / 1000) for i in range(count)]
    return table_bytes(pd.DataFrame(rows, columns=["id", "label", "before", "now", "confidence"]))


SAME = ReleaseComparison(
    version="v", first_release="absolute", before=Estimate(0.97, 0.95, 0.98, 400),
    now=Estimate(0.96, 0.94, 0.98, 400), change=Estimate(-0.01, -0.019, 0.0, 400),
    p_value=0.25, negative_flips=6, positive_flips=2, files={FLIPS: flipped(6)},
)  # fmt: skip


def change(low: float, value: float, high: float) -> ReleaseComparison:
    return replace(SAME, change=Estimate(value, low, high, 400))


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (change(-0.019, -0.01, 0.0), "pass"),  # nothing was surely lost
        (change(-0.019, -0.01, -0.001), "fail"),  # a little was, surely
        (change(-0.02, -0.01, 0.001), "pass"),  # the limit itself may be lost
        (change(-0.021, -0.01, 0.001), "cannot tell"),
        (change(-0.03, -0.02, 0.001), "cannot tell"),  # what is likely is within the limit
        (change(-0.03, -0.021, 0.001), "fail"),
    ],
)
def test_what_may_be_lost(found: ReleaseComparison, outcome: str) -> None:
    verdict = not_worse_than_released(found)
    assert verdict.outcome == outcome
    assert verdict.cause == ("evaluation.worse_than_released" if outcome == "fail" else "")


def test_both_models_are_shown_beside_one_another() -> None:
    for found in (SAME, change(-0.03, -0.02, 0.001), change(-0.03, -0.021, 0.001)):
        shown = not_worse_than_released(found).evidence["against the release"]
        assert shown.columns == ("what", "value")
        assert [row[1] for row in shown.rows] == [str(SAME.before), str(SAME.now), 6, 2, 0.25]
    verdict = not_worse_than_released(SAME)
    assert (verdict.measured, verdict.limit, verdict.interval) == (-0.01, -0.02, (-0.019, 0.0))
    assert verdict.cause == ""


@pytest.mark.parametrize(("flips", "passes"), [(8, True), (9, False)])
def test_a_fiftieth_of_the_samples_may_flip(flips: int, passes: bool) -> None:
    verdict = negative_flips_few(replace(SAME, negative_flips=flips, files={FLIPS: flipped(flips)}))
    assert (verdict.passed, verdict.measured) == (passes, flips / 400)
    assert verdict.cause == ("" if passes else "evaluation.negative_flips")


def test_of_many_flips_the_first_are_shown() -> None:
    verdict = negative_flips_few(replace(SAME, negative_flips=60, files={FLIPS: flipped(60)}))
    shown = verdict.evidence["negative flips"]
    assert shown.columns == ("id", "label", "before", "now", "confidence")
    assert shown.rows[0] == ("sample-000-o", "a", "a", "b", 1.0)
    assert (len(shown.rows), len(verdict.samples)) == (20, 50)
    assert verdict.samples[-1] == "sample-049-of-many"


def test_flips_that_are_counted_and_not_there_are_no_pass() -> None:
    lost = replace(SAME, negative_flips=60, files={FLIPS: flipped(0)})
    assert negative_flips_few(lost).outcome == "cannot tell"
    few = replace(SAME, negative_flips=1, files={FLIPS: flipped(0)})
    assert negative_flips_few(few).passed


def test_one_sample_is_a_whole() -> None:
    alone = replace(SAME, change=Estimate(-1.0, -1.0, 0.0, 1), negative_flips=1)
    assert negative_flips_few(alone).measured == 1.0


def part(name: str, value: float, high: float) -> SliceChange:
    return SliceChange(name, 0.9, 0.8, Estimate(value, value - 0.1, high, 50))


def test_a_slice_fails_where_it_surely_lost_more_than_allowed() -> None:
    found = replace(SAME, slices=(part("class a", -0.2, -0.05), part("class b", -0.01, 0.0)))
    verdict = slices_not_worse_than_released(found)
    assert (verdict.outcome, verdict.where) == ("fail", {"slice": "class a"})
    assert verdict.cause == "evaluation.slice_regression"
    assert slices_not_worse_than_released(found, max_loss=0.05).passed
    passed = slices_not_worse_than_released(found, max_loss=0.05)
    assert "largest change class a -0.200" in passed.summary
    for shown in (verdict.evidence["slices"], passed.evidence["slices"]):
        assert shown.columns == ("slice", "samples", "before", "now", "low", "high")
        assert shown.rows[0] == ("class a", 50, 0.9, 0.8, pytest.approx(-0.3), -0.05)


def test_of_many_slices_the_worst_are_shown() -> None:
    found = replace(SAME, slices=tuple(part(f"group {i}", -i / 100, 0.5) for i in range(30)))
    shown = slices_not_worse_than_released(found).evidence["slices"].rows
    assert [row[0] for row in shown] == [f"group {i}" for i in range(29, 9, -1)]


def test_without_a_slice_nothing_can_be_told() -> None:
    assert slices_not_worse_than_released(SAME).outcome == "cannot tell"


@pytest.mark.parametrize(
    "check", [not_worse_than_released, negative_flips_few, slices_not_worse_than_released]
)
def test_nothing_to_compare_with(check) -> None:
    first = ReleaseComparison(first_release="absolute")
    assert check(first).passed
    for other in (
        replace(first, first_release="undecided"),
        replace(first, version="v"),
        replace(first, unreadable="gone"),
    ):
        assert check(other).outcome == "cannot tell"
    assert "gone" in check(replace(first, unreadable="gone")).summary
