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
