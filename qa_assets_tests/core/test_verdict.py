"""Three answers; what is not a number is never a pass, and only a failure names a cause."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.intervals import share
from qa_assets.core.record import Estimate, Markdown
from qa_assets.core.verdict import (
    Evidence,
    Verdict,
    at_least,
    at_most,
    cannot_tell,
    none_of,
    surely_at_least,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
CAUSE = "data.something"


@given(FINITE, FINITE)
def test_limits_are_inclusive_and_opposite(measured: float, limit: float) -> None:
    below = at_most(measured, limit, "x", cause=CAUSE)
    above = at_least(measured, limit, "x", cause=CAUSE)
    assert below.passed == (measured <= limit)
    assert above.passed == (measured >= limit)
    assert (below.measured, below.limit) == (measured, limit)
    for verdict in (below, above):
        assert verdict.cause == ("" if verdict.passed else CAUSE)


def test_what_is_not_a_number_cannot_be_judged() -> None:
    for verdict in (
        at_most(math.nan, 1, "x", cause=CAUSE),
        at_least(math.nan, 1, "x", cause=CAUSE),
        surely_at_least(Estimate(math.nan, math.nan, math.nan, 5), 0.5, "x", cause=CAUSE),
        surely_at_least(share(0, 0), 0.0, "x", cause=CAUSE),
    ):
        assert (verdict.outcome, verdict.passed, verdict.cause) == ("cannot tell", False, "")
    assert at_most(math.inf, 1, "x", cause=CAUSE).outcome == "fail"


def test_surely_judges_the_lower_end_and_shows_the_value() -> None:
    good = surely_at_least(share(950, 1000), 0.9, "accuracy", cause=CAUSE)
    few = surely_at_least(share(19, 20), 0.9, "accuracy", cause=CAUSE)
    assert (good.outcome, few.outcome) == ("pass", "fail")
    assert good.measured == few.measured == 0.95
    assert few.interval is not None
    assert few.interval[0] < 0.9 < few.interval[1]
    assert "lower end of accuracy" in few.summary


def test_a_pass_names_no_culprit_but_keeps_its_evidence() -> None:
    rows = {"t": Evidence(("a",), ((1,),))}
    more = {"samples": ("s",), "where": {"class": "3"}, "evidence": rows}
    good = at_most(1, 2, "x", cause=CAUSE, **more)
    bad = at_most(3, 2, "x", cause=CAUSE, **more)
    assert (good.samples, dict(good.where), good.evidence) == ((), {}, rows)
    assert (bad.samples, bad.where, bad.evidence) == (("s",), {"class": "3"}, rows)


@pytest.mark.parametrize(("n", "named"), [(1, "c0"), (5, "c4"), (7, "and 2 more")])
def test_findings_are_named_and_counted(n: int, named: str) -> None:
    found = [f"c{i}" for i in range(n)]
    verdict = none_of(found, "classes are missing", cause=CAUSE)
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("fail", n, 0)
    assert named in verdict.summary
    assert none_of([], "classes are missing", cause=CAUSE).passed


def test_only_pass_opens_a_gate() -> None:
    assert Verdict(outcome="pass", summary="").passed
    assert not Verdict(outcome="fail", summary="").passed
    assert not cannot_tell("no baseline").passed
    assert cannot_tell("no baseline").summary == "no baseline"


def test_metadata_shows_what_a_person_needs() -> None:
    verdict = Verdict(
        outcome="fail",
        summary="<b>too low</b>",
        measured=0.8,
        limit=0.9,
        interval=(0.75, 0.85),
        cause=CAUSE,
        where={"class": "3"},
        samples=("a" * 64,),
        evidence={"rows": Evidence(("id",), (("<i>",),))},
    )
    shown = verdict.metadata()
    assert shown["measured"] == 0.8
    assert shown["interval"] == "[0.75, 0.85]"
    assert shown["where: class"] == "3"
    assert shown["samples"] == f"`{'a' * 12}`"
    assert isinstance(shown["rows"], Markdown)
    assert shown["summary"] == "<b>too low</b>"  # plain text, which no page takes for markup
    assert not isinstance(shown["summary"], Markdown)
    assert not any("<" in v for v in shown.values() if isinstance(v, Markdown))


def test_nothing_found_is_a_pass_of_zero_without_culprits() -> None:
    evidence = {"t": Evidence(("a",), ((1,),))}
    clean = none_of(
        [], "faults", cause=CAUSE, where={"class": "3"}, samples=("x",), evidence=evidence
    )
    assert (clean.outcome, clean.measured, clean.limit, clean.cause) == ("pass", 0.0, 0.0, "")
    assert (dict(clean.where), clean.samples, clean.evidence) == ({}, (), evidence)
    five, six = (none_of([str(i) for i in range(n)], "faults", cause=CAUSE) for n in (5, 6))
    assert five.summary == "5 faults: 0, 1, 2, 3, 4"
    assert six.summary == "6 faults: 0, 1, 2, 3, 4 and 1 more"


def test_an_unknown_lower_end_is_passed_on_as_no_judgement() -> None:
    unknown = surely_at_least(Estimate(0.9, math.nan, 1.0, 5), 0.5, "x", cause=CAUSE)
    assert unknown.outcome == "cannot tell"


def test_metadata_has_outcome_cause_and_the_first_fifty_samples() -> None:
    ids = tuple(f"{i:012d}" for i in range(60))
    shown = Verdict(outcome="fail", summary="s", cause=CAUSE, samples=ids).metadata()
    assert (shown["outcome"], shown["cause"]) == ("fail", CAUSE)
    assert str(shown["samples"]) == ", ".join(f"`{i}`" for i in ids[:50])
