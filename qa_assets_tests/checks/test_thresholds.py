"""Thresholds may be tightened freely; what is loosened waits for a person."""

import pytest

from qa_assets.checks.thresholds import thresholds_reviewed
from qa_assets.core.records.release import GateSettings

BEFORE = {
    "accurate": {"min_accuracy": "0.9"},
    "alike": {"max_shift": "0.1", "first": '"undecided"', "suite": "suite.json 0123456789ab"},
}


def now(**changes: dict[str, str] | None) -> GateSettings:
    gates = {gate: {**was, **(changes.get(gate) or {})} for gate, was in BEFORE.items()}
    gone = [gate for gate, change in changes.items() if change is None]
    kept = {gate: values for gate, values in gates.items() if gate not in gone}
    return GateSettings(gates=kept, release="r", released=BEFORE)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accurate": {"min_accuracy": "0.95"}},
        {"alike": {"max_shift": "0.05"}},
        {"accurate": {"min_gain": "0.0"}},
    ],
)
def test_what_stayed_or_became_stricter_or_is_new_needs_nobody(changes) -> None:
    assert thresholds_reviewed(now(**changes)).passed


LOOSENED = {
    "accurate.min_accuracy": ({"accurate": {"min_accuracy": "0.85"}}, 0.85),
    "alike.max_shift": ({"alike": {"max_shift": "0.2"}}, 0.2),
    "alike.first": ({"alike": {"first": '"accepted"'}}, "accepted"),
    "alike.suite": ({"alike": {"suite": "suite.json ffff"}}, "suite.json ffff"),
    "accurate": ({"accurate": None}, "removed"),
}


@pytest.mark.parametrize("gate", LOOSENED)
def test_what_was_loosened_waits_until_that_very_value_is_accepted(gate: str) -> None:
    changes, value = LOOSENED[gate]
    verdict = thresholds_reviewed(now(**changes))
    assert (verdict.outcome, verdict.cause) == ("fail", "release.threshold_loosened")
    assert verdict.where == {"gate": gate}
    assert thresholds_reviewed(now(**changes), accepted={gate: value}).passed
    assert not thresholds_reviewed(now(**changes), accepted={gate: "another"}).passed
    assert not thresholds_reviewed(now(**changes), accepted={"other": value}).passed


def test_before_any_release_there_is_nothing_to_review() -> None:
    assert thresholds_reviewed(GateSettings(gates=BEFORE)).passed


def test_what_was_loosened_is_shown_with_its_values_and_whether_it_was_accepted() -> None:
    changes = {"accurate": {"min_accuracy": "0.85"}, "alike": {"max_shift": "0.2"}}
    verdict = thresholds_reviewed(now(**changes), accepted={"alike.max_shift": 0.2})
    evidence = verdict.evidence["loosened"]
    assert evidence.columns == ("gate", "at the release before", "now", "accepted")
    assert evidence.rows == (
        ("accurate.min_accuracy", "0.9", "0.85", False),
        ("alike.max_shift", "0.1", "0.2", True),
    )
    assert "accurate.min_accuracy: 0.9 became 0.85" in verdict.summary
    both = thresholds_reviewed(now(**changes))
    assert both.where == {"gate": "accurate.min_accuracy, alike.max_shift"}
    assert not thresholds_reviewed(now()).evidence
    (row,) = thresholds_reviewed(now(accurate=None)).evidence["loosened"].rows
    assert row == ("accurate", "a gate", "removed", False)
