"""Findings that wait, and decisions that the data do not follow: counted, named and shown."""

from qa_assets.checks.review import decisions_carried_out, findings_decided
from qa_assets.core.records.review import Shown, SpotCheck

QUESTIONS = ("random", "quality", "label", "rare")


def asked(i: int, question: str) -> Shown:
    return Shown(f"id{i}", f"{i}.png", "7", question, f"said {i}")  # pyright: ignore[reportArgumentType]


def decided(i: int, decision: str, right: str = "", *, done: bool = False) -> Shown:
    return Shown(f"id{i}", f"{i}.png", "7", "label", "", decision, "ann", right, done)  # pyright: ignore[reportArgumentType]


def test_only_what_a_measure_raised_waits_for_a_decision() -> None:
    found = SpotCheck(
        seed=0, asked=tuple(asked(i, q) for i, q in enumerate(QUESTIONS)),
        undecided={"quality": 1, "label": 1},
    )  # fmt: skip
    verdict = findings_decided(found)
    assert (verdict.outcome, verdict.cause, verdict.measured) == ("fail", "data.undecided", 2)
    assert verdict.samples == ("id1", "id2")
    shown = verdict.evidence["undecided findings"]
    assert shown.columns == ("why", "name", "label", "measured", "sample")
    assert shown.rows[0] == ("quality", "1.png", "7", "said 1", "id1")
    assert findings_decided(found, max_undecided=2).passed
    assert not findings_decided(found, max_undecided=1).passed


def test_none_may_wait_where_nothing_else_is_said() -> None:
    one = SpotCheck(seed=0, asked=(asked(0, "label"),), undecided={"label": 1})
    assert not findings_decided(one).passed
    clean = findings_decided(SpotCheck(seed=0))
    assert (clean.outcome, clean.evidence, clean.limit) == ("pass", {}, 0)


def test_a_decision_that_is_not_done_says_what_is_to_do() -> None:
    removed, renamed = decided(1, "remove"), decided(2, "relabel", "1")
    done = decided(3, "relabel", "1", done=True)
    verdict = decisions_carried_out(SpotCheck(seed=0, decided=(removed, renamed, done)))
    assert (verdict.outcome, verdict.cause, verdict.measured) == (
        "fail", "data.decision_ignored", 2,
    )  # fmt: skip
    assert "1.png (to remove), 2.png (to be 1)" in verdict.summary
    assert verdict.samples == ("id1", "id2")
    shown = verdict.evidence["decisions"]
    assert shown.columns == ("name", "label", "decision", "right", "by")
    assert shown.rows == (
        ("1.png", "7", "remove", "", "ann"), ("2.png", "7", "relabel", "1", "ann"),
    )  # fmt: skip
    clean = decisions_carried_out(SpotCheck(seed=0, decided=(done,)))
    assert (clean.outcome, clean.evidence) == ("pass", {})


def test_fifty_are_shown_and_all_are_counted() -> None:
    many = SpotCheck(
        seed=0,
        asked=tuple(asked(i, "label") for i in range(60)),
        undecided={"label": 60},
        decided=tuple(decided(i, "remove") for i in range(60)),
    )
    for verdict in (findings_decided(many), decisions_carried_out(many)):
        (shown,) = verdict.evidence.values()
        assert (verdict.measured, len(verdict.samples), len(shown.rows)) == (60, 50, 50)
