"""Drift: what is said of a first version, what counts as moved, and what is shown of it."""

from dataclasses import replace

import pytest

from qa_assets.checks.drift import data_like_released, splits_alike, versions_alike
from qa_assets.core.check import CHECKS as REGISTRY
from qa_assets.core.records.quality import DriftReport, Shift

NOTHING = DriftReport(confidence=0.95, shifts={})
CHECKS = {"versions": versions_alike, "released": data_like_released, "splits": splits_alike}


def shift(column: str, low: float, *, effect: float = 0.3, n: int = 500, m: int = 500) -> Shift:
    return Shift(
        column=column, kind="number", effect=effect, low=low, high=0.5, reference=n, current=m,
        before="1.5", after="2.5",
    )  # fmt: skip


def report(between: str, *shifts: Shift) -> DriftReport:
    return replace(NOTHING, shifts={between: shifts}, references={"released": "release 7"})


def test_the_first_version_passes_only_where_it_is_declared() -> None:
    assert versions_alike(NOTHING).outcome == "cannot tell"
    assert versions_alike(NOTHING, first_version="accepted").passed
    moved = report("versions", shift("width", 0.2))
    assert not versions_alike(moved, first_version="accepted").passed
    declared = REGISTRY["versions_alike"].thresholds
    assert declared(**declared().model_dump()) == declared(), "what holds unsaid may be said"


def test_without_a_release_the_declaration_decides() -> None:
    assert data_like_released(NOTHING).outcome == "cannot tell"
    assert data_like_released(replace(NOTHING, first_release="absolute")).passed
    lost = replace(NOTHING, first_release="absolute", unreadable="gone")
    told = data_like_released(lost)
    assert (told.outcome, "the reference is missing: gone" in told.summary) == ("cannot tell", True)


@pytest.mark.parametrize(
    ("between", "cause"),
    [
        ("versions", "data.drifted"),
        ("released", "data.drifted_from_release"),
        ("splits", "data.splits_differ"),
    ],
)
def test_what_surely_moved_is_named_in_each_comparison(between: str, cause: str) -> None:
    check = CHECKS[between]
    shifts = [shift("a", 0.1), shift("b", 0.11, effect=0.2), shift("c", 0.11, effect=0.4)]
    verdict = check(report(between, *shifts))
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert verdict.where == {"columns": "b, c"}
    assert (verdict.measured, verdict.limit, verdict.interval) == (0.11, 0.1, (0.11, 0.5))
    assert "2 of 3 columns" in verdict.summary
    assert "'c' shifted by 0.400" in verdict.summary, "of equal ends the larger shift"
    shown = verdict.evidence["columns"]
    assert shown.columns == ("column", "shift", "at least", "at most", "before", "now")
    assert shown.rows[0] == ("a", 0.3, 0.1, 0.5, "1.5", "2.5")
    still = check(report(between, *shifts[:1]))
    assert (still.outcome, still.cause, still.where) == ("pass", "", {})
    assert check(report(between)).outcome == "cannot tell", "nothing was compared"


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("few", [{"n": 99}, {"m": 99}])
def test_too_few_values_on_either_side_are_no_judgement(check, few: dict[str, int]) -> None:
    between = next(k for k, v in CHECKS.items() if v is check)
    moved = report(between, shift("a", 0.2, **few), shift("b", 0.0))
    told = check(moved)
    assert (told.outcome, "only 99 values" in told.summary) == ("cannot tell", True)
    assert told.evidence["columns"].rows
    enough = report(between, shift("a", 0.2, **{k: v + 1 for k, v in few.items()}))
    assert check(enough).outcome == "fail"
    assert check(moved, min_samples=99).outcome == "fail"


def test_the_release_is_named_and_few_columns_of_many() -> None:
    many = report("released", *(shift(f"c{i}", 0.2) for i in range(60)))
    verdict = data_like_released(many)
    assert verdict.summary.startswith("against release 7: ")
    assert verdict.where == {"columns": "c0, c1, c2, c3, c4"}
    assert len(verdict.evidence["columns"].rows) == 50
    assert data_like_released(many, max_shift=0.2).passed
    unknown = data_like_released(replace(many, references={}))
    assert unknown.summary.startswith("against : ")


def test_splits_that_nobody_compared_are_no_judgement() -> None:
    assert splits_alike(NOTHING).outcome == "cannot tell"
