"""Behaviour: which cases count, which mix-up explains them, what a change may cost."""

from dataclasses import replace

import pytest

from qa_assets.checks.behavior import (
    as_robust_as_released,
    critical_cases_right,
    directions_hold,
    invariances_hold,
    ordinary_cases_right,
    unsure_where_it_should_be,
)
from qa_assets.core.record import Estimate
from qa_assets.core.records.behavior import BehaviorReport, EdgeCase, EdgeCases, Expectation

LABELS = ("a", "b", "c")
SHOWN = ("case", "expected", "answer", "confidence", "what it is")


def case(name: str, label: str, answer: str, *, critical: bool = True) -> EdgeCase:
    return EdgeCase(name, "class", label, critical, f"note {name}", answer, 0.75)


def cases(*found: EdgeCase, **turned: float) -> EdgeCases:
    named = {k.replace("_", " "): v for k, v in turned.items()}
    return EdgeCases(model_sha256="m", labels=LABELS, cases=found, turned=named)


RIGHT = tuple(case(f"{i}.png", label, label) for i, label in enumerate("abcabcabca"))
REFUSED = EdgeCase("r.png", "refused", "", True, "no picture", refused="it is no picture")
UNSURE = EdgeCase("u.png", "unsure", "", False, "nothing", "a", 0.95)


def test_cases_that_are_answered_and_refused_as_they_must_pass() -> None:
    verdict = critical_cases_right(cases(*RIGHT, REFUSED))
    assert (verdict.outcome, verdict.cause) == ("pass", "")
    assert verdict.evidence["critical cases"].columns == SHOWN
    assert verdict.evidence["critical cases"].rows == ()


@pytest.mark.parametrize(
    "wrong",
    [
        case("x.png", "a", "b"),
        replace(REFUSED, refused="", answer="a"),
        replace(case("x.png", "a", ""), refused="it is too large"),
        replace(case("x.png", "a", "a"), refused="it is too large"),
    ],
)
def test_a_critical_case_that_is_wrong_is_named(wrong: EdgeCase) -> None:
    verdict = critical_cases_right(cases(*RIGHT, wrong, as_they_are=0.9))
    assert (verdict.outcome, verdict.cause) == ("fail", "behavior.critical_case_wrong")
    assert (verdict.measured, verdict.where) == (1, {})
    assert verdict.summary.startswith(f"1 of 11 critical cases are wrong: {wrong.name}")
    expected = wrong.label or "refused"
    assert verdict.evidence["critical cases"].rows == (
        (wrong.name, expected, wrong.answer or "refused", wrong.confidence, wrong.note),
    )


def test_cases_that_nobody_calls_critical_or_that_ask_for_doubt_are_not_judged() -> None:
    loose = case("x.png", "a", "b", critical=False)
    doubt = replace(UNSURE, critical=True)
    assert critical_cases_right(cases(*RIGHT, loose, doubt)).passed
    assert critical_cases_right(cases(loose, doubt)).outcome == "cannot tell"


def moved(times: int, step: int) -> EdgeCases:
    """Ten critical cases, of which so many are answered as the class ``step`` further."""
    found = [
        replace(c, answer=LABELS[(LABELS.index(c.label) + step) % 3]) if i < times else c
        for i, c in enumerate(RIGHT)
    ]
    return cases(*found, as_they_are=0.1)


@pytest.mark.parametrize(
    ("found", "cause", "where"),
    [
        (moved(6, 1), "data.labels_shifted", {"shift": "1"}),
        (moved(10, 2), "data.labels_shifted", {"shift": "2"}),
        (moved(5, 1), "behavior.critical_case_wrong", {}),
    ],
)
def test_labels_that_moved_explain_most_cases(
    found: EdgeCases, cause: str, where: dict[str, str]
) -> None:
    verdict = critical_cases_right(found)
    assert (verdict.cause, verdict.where) == (cause, where)


def test_cases_that_do_not_count_do_not_move_either() -> None:
    loose = tuple(replace(c, critical=False) for c in moved(10, 1).cases)
    refused = tuple(replace(c, answer="", refused="no") for c in RIGHT)
    doubt = tuple(replace(UNSURE, critical=True, name=f"{i}") for i in range(10))
    found = cases(*loose, *doubt, *RIGHT[:1], *refused, as_they_are=0.1)
    verdict = critical_cases_right(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "behavior.critical_case_wrong")
    alone = critical_cases_right(cases(*refused, transposed=0.9, as_they_are=0.0))
    assert alone.cause == "preprocessing.images_transposed", "none of them was answered"


@pytest.mark.parametrize(
    ("turned", "cause"),
    [
        ({"transposed": 0.6, "as_they_are": 0.3}, "preprocessing.images_transposed"),
        ({"inverted": 0.9, "as_they_are": 0.1}, "preprocessing.images_inverted"),
        ({"channels_swapped": 0.9, "as_they_are": 0.1}, "preprocessing.channels_swapped"),
        ({"flipped": 0.9, "as_they_are": 0.1}, "preprocessing.images_turned"),
        ({"flipped": 0.59, "as_they_are": 0.1}, "behavior.critical_case_wrong"),
        ({"flipped": 0.79, "as_they_are": 0.4}, "behavior.critical_case_wrong"),
        ({"flipped": 0.8, "as_they_are": 0.4}, "preprocessing.images_turned"),
        ({"flipped": 0.1, "as_they_are": 0.9}, "behavior.critical_case_wrong"),
    ],
)
def test_pictures_that_are_turned_explain_most_cases(turned: dict[str, float], cause: str) -> None:
    verdict = critical_cases_right(cases(*RIGHT, case("x.png", "a", "b"), **turned))
    assert verdict.cause == cause
    found = max(turned, key=lambda n: turned[n]).replace("_", " ")
    assert verdict.where == ({"found": found} if cause.startswith("pre") else {})


def test_of_the_ordinary_cases_most_are_right() -> None:
    ordinary = [replace(c, critical=False) for c in RIGHT]
    for wrong, passes in ((3, True), (4, False)):
        found = [replace(c, answer="z") if i < wrong else c for i, c in enumerate(ordinary)]
        verdict = ordinary_cases_right(cases(*found, case("k.png", "a", "b"), UNSURE))
        assert (verdict.passed, verdict.measured) == (passes, pytest.approx(1 - wrong / 10))
        assert verdict.cause == ("" if passes else "behavior.cases_wrong")
        shown = verdict.evidence["wrong"]
        assert shown.columns == SHOWN
        assert shown.rows[0] == ("0.png", "a", "z", 0.75, "note 0.png")
        assert len(shown.rows) == wrong
    assert ordinary_cases_right(cases(*RIGHT, UNSURE)).outcome == "cannot tell"


def test_where_there_is_nothing_to_see_nothing_is_sure() -> None:
    unsure = [
        replace(UNSURE, name=f"u{i}", confidence=c) for i, c in enumerate((0.9, 0.91, 0.99, 0.1))
    ]
    verdict = unsure_where_it_should_be(cases(*RIGHT, *unsure), max_share=0.25)
    assert (verdict.outcome, verdict.cause) == ("fail", "behavior.overconfident")
    assert (verdict.measured, verdict.where) == (0.5, {"case": "u2, u1"})
    shown = verdict.evidence["sure"]
    assert shown.columns == ("case", "answer", "confidence", "what it is")
    assert shown.rows[0] == ("u2", "a", 0.99, "nothing")
    assert unsure_where_it_should_be(cases(*unsure), max_share=0.5).passed
    assert unsure_where_it_should_be(cases(unsure[0])).passed
    assert not unsure_where_it_should_be(cases(*unsure[:2])).passed, "none, where nothing is said"
    many = [replace(UNSURE, name=f"u{i}") for i in range(6)]
    assert unsure_where_it_should_be(cases(*many)).where == {"case": "u0, u1, u2, u3, u4"}
    assert unsure_where_it_should_be(cases(*RIGHT)).outcome == "cannot tell"


def report(*expectations: Expectation, **more: object) -> BehaviorReport:
    return BehaviorReport(
        model_sha256="m", samples=100, clean=Estimate(0.9, 0.8, 1.0, 100),
        expectations=expectations, robustness={}, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def held(kind: str, name: str, low: float, severity: int = 1) -> Expectation:
    found = Estimate(low + 0.05, low, 1.0, 80)
    return Expectation(kind, name, severity, found, (f"{name}-sample",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "kind", "other", "limit", "cause"),
    [
        (invariances_hold, "INV", "DIR", 0.9, "behavior.not_invariant"),
        (directions_hold, "DIR", "INV", 0.7, "behavior.wrong_direction"),
    ],
)
def test_the_weakest_expectation_decides(check, kind, other, limit, cause) -> None:
    foreign = held(other, "fog", 0.1)
    good = held(kind, "blur", limit)
    assert check(report(foreign, good)).passed
    verdict = check(report(foreign, good, held(kind, "noise", limit - 0.01, 3)))
    assert (verdict.outcome, verdict.cause, verdict.limit) == ("fail", cause, limit)
    assert (verdict.measured, verdict.where) == (limit - 0.01, {"change": "noise"})
    assert verdict.samples == ("noise-sample",)
    assert "noise 3" in verdict.summary
    shown = verdict.evidence[kind]
    assert shown.columns == ("change", "severity", "held", "low", "samples")
    assert shown.rows[1] == ("noise", 3, limit - 0.01 + 0.05, limit - 0.01, 80)
    told = check(report(foreign))
    assert (told.outcome, f"no {kind} expectation" in told.summary) == ("cannot tell", True)


def test_robustness_is_compared_corruption_by_corruption() -> None:
    found = replace(
        report(released={"light": (1.0,), "fog": (0.75, 0.75), "blur": (0.5, 0.75), "snow": ()}),
        robustness={"light": (1.0,), "fog": (0.5, 0.75), "blur": (0.5, 0.625), "snow": (0.1,),
                    "rain": (0.1,)},
    )  # fmt: skip
    verdict = as_robust_as_released(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "behavior.less_robust")
    assert (verdict.measured, verdict.limit) == (0.125, 0.1)
    assert verdict.where == {"corruption": "fog"}
    assert "(fog)" in verdict.summary
    shown = verdict.evidence["robustness"]
    assert shown.columns == ("corruption", "release", "now")
    assert shown.rows == (("light", 1, 1), ("fog", 0.75, 0.625), ("blur", 0.625, 0.5625))
    assert as_robust_as_released(found, max_loss=0.125).passed
    assert as_robust_as_released(report()).passed
    lost = as_robust_as_released(replace(found, unreadable="gone"))
    assert (lost.outcome, "gone" in lost.summary) == ("cannot tell", True)
