"""The sheet of samples that a person looks at, and what was decided before."""

import csv
import io
from datetime import date

import pytest

from qa_assets.checks.review import decisions_carried_out, findings_decided
from qa_assets.core.records.quality import QUALITY, LabelAudit, SampleQuality
from qa_assets.core.records.review import OPEN_QUESTIONS, SHEET, SpotCheck
from qa_assets.core.tables import read_table
from qa_assets.datasets.label_audit import label_audit
from qa_assets.datasets.ledger import COLUMNS, Adjudication, Ledger
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import SpotCheckSettings
from qa_assets.datasets.spot_check import spot_check
from qa_assets_tests.datasets.samples import DIGITS_INPUT, digits


@pytest.fixture(scope="module")
def measured() -> tuple[SampleQuality, LabelAudit]:
    return quality(digits()[0]), label_audit(digits()[0], DIGITS_INPUT)


Measured = tuple[SampleQuality, LabelAudit]


def sheet(measured: Measured, ledger: Ledger | None = None, **settings: int) -> SpotCheck:
    return spot_check(digits()[0], *measured, SpotCheckSettings(**settings), ledger or {})


def decision(found: SpotCheck, decided: str, right: str = "", place: int = 0) -> Ledger:
    first = [s for s in found.asked if s.question == "label"][place]
    entry = Adjudication(
        first.id, "label", first.label, decided, right, "ann", date(2026, 1, 2), ""
    )  # type: ignore[arg-type]
    return {(first.id, "label", first.label): entry}


def test_the_same_seed_gives_the_same_sheet_and_another_one_another(measured: Measured) -> None:
    one, again, other = sheet(measured), sheet(measured), sheet(measured, seed=1)
    assert one == again
    assert one.read(SHEET) == again.read(SHEET)
    assert one.read(SHEET) != other.read(SHEET)
    assert one.read(SHEET).startswith(b"\x89PNG")


def test_what_is_random_is_of_every_class_and_the_rest_as_measured(measured: Measured) -> None:
    found = sheet(measured, random=20, suspicious=5, rare=3)
    by = {q: [s for s in found.asked if s.question == q] for q in ("random", "label", "rare")}
    labels = [s.label for s in by["random"]]
    assert {label: labels.count(label) for label in labels} == dict.fromkeys("0123456789", 2)
    assert [s.id for s in by["label"]] == [s.id for s in measured[1].suspects[:5]]
    assert len(by["rare"]) == 3
    assert found.undecided["label"] == len(measured[1].suspects), "those not on the sheet too"
    written = list(csv.reader(io.StringIO(found.read(OPEN_QUESTIONS).decode())))
    assert tuple(written[0]) == COLUMNS
    assert [r[0] for r in written[1:]] == [s.id for s in found.asked if s.question != "random"
                                           and s.question != "rare"]  # fmt: skip


def test_what_is_decided_is_shown_and_not_asked_again(measured: Measured) -> None:
    before = sheet(measured, suspicious=5)
    kept = decision(before, "keep")
    after = sheet(measured, kept, suspicious=5)
    (shown,) = after.decided
    assert (shown.decision, shown.by, shown.done) == ("keep", "ann", True)
    asked = [s.id for s in after.asked if s.question == "label"]
    assert shown.id not in asked
    assert len(asked) == 5  # the next one is asked instead
    assert "decided before" in after.metadata()
    assert decisions_carried_out(after).outcome == "pass"


def test_under_another_label_it_is_asked_again(measured: Measured) -> None:
    before = sheet(measured)
    (((sample, question, label), entry),) = decision(before, "keep").items()
    other = {(sample, question, f"not {label}"): entry}
    assert sheet(measured, other).undecided == before.undecided


def test_a_decision_that_the_data_do_not_follow_is_named(measured: Measured) -> None:
    first = next(s for s in sheet(measured).asked if s.question == "label")
    for decided, right in (("remove", ""), ("relabel", "x")):
        ledger = decision(sheet(measured), decided, right)
        for limit in (28, 0):  # on the list of suspects, or no longer
            verdict = decisions_carried_out(sheet(measured, ledger, suspicious=limit))
            assert (verdict.outcome, verdict.cause) == ("fail", "data.decision_ignored")
            assert verdict.samples == (first.id,)
            assert first.name in verdict.summary


def test_undecided_findings_are_counted_and_named(measured: Measured) -> None:
    found = sheet(measured, suspicious=5, worst=0)
    verdict = findings_decided(found)
    waiting = len(measured[1].suspects)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.undecided")
    assert verdict.measured == waiting
    assert len(verdict.samples) == 5
    assert findings_decided(found, max_undecided=waiting).outcome == "pass"
    ledger: Ledger = {}
    for place in range(5):
        ledger = {**ledger, **decision(found, "keep", place=place)}
    after = findings_decided(sheet(measured, ledger, suspicious=5, worst=0))
    assert after.measured == waiting - 5
    assert findings_decided(sheet(measured, suspicious=0, worst=0)).outcome == "pass", "none asked"


def test_all_odd_samples_wait_however_few_are_asked_about(measured: Measured) -> None:
    found = sheet(measured, suspicious=0, worst=1)
    table = read_table(measured[0], QUALITY)
    assert sum(s.question == "quality" for s in found.asked) == 1
    assert found.undecided["quality"] == (table["oddness"] > 6).sum() > 1
