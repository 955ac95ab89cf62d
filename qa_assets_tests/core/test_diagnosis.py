"""Which of several gates names the fault."""

import pytest

from qa_assets.core.diagnosis import (
    BROAD,
    OVERALL,
    SYMPTOMS,
    VAGUE,
    Finding,
    diagnose,
    is_symptom,
)
from qa_assets.core.verdict import Verdict


def found(gate: str, stage: str, cause: str, **where: str) -> Finding:
    return Finding(gate, stage, Verdict(outcome="fail", summary="s", cause=cause, where=where))


def named(*findings: Finding) -> str:
    diagnosis = diagnose(findings)
    return diagnosis.gate if diagnosis else ""


def test_nothing_failed_and_nothing_is_named() -> None:
    assert diagnose([]) is None


def test_the_first_specific_cause_is_taken() -> None:
    one = found("a", "training", "training.layer_frozen")
    assert named(one, found("b", "training", "training.zero_init")) == "a"


@pytest.mark.parametrize(
    "cause", ["evaluation.accuracy_low", "behavior.not_invariant", "training.cannot_overfit"]
)
def test_a_symptom_gives_way_to_whatever_explains_it_even_downstream(cause: str) -> None:
    symptom = found("a", "evaluation", cause)
    assert is_symptom(symptom)
    assert named(symptom, found("b", "export", "export.layer_departs")) == "b"
    assert named(symptom, found("b", "edge", "evaluation.negative_flips")) == "a"


def test_of_symptoms_one_of_a_part_says_more_than_one_of_the_whole() -> None:
    whole = found("a", "evaluation", "evaluation.accuracy_low")
    assert named(whole, found("b", "evaluation", "evaluation.class_recall_low")) == "b"
    assert named(whole, found("b", "evaluation", "evaluation.negative_flips")) == "a"


def test_a_broad_cause_gives_way_within_its_stage_only() -> None:
    broad = found("a", "datasets", "data.label_noise")
    assert named(broad, found("b", "datasets", "data.blank_samples")) == "b"
    assert named(broad, found("b", "edge", "edge.crash")) == "a"


def test_copies_explain_a_value_that_moved_and_a_leak_explains_the_copies() -> None:
    value = found("a", "datasets", "data.expectation_failed")
    copies = found("b", "datasets", "data.near_duplicates")
    assert named(value, copies) == "b"
    assert named(value, copies, found("c", "datasets", "data.leaked")) == "c"
    assert named(value, found("c", "datasets", "data.label_noise")) == "a", "else the first"


def test_a_count_gives_way_to_everything_and_the_most_telling_count_is_taken() -> None:
    rows = found("a", "datasets", "data.counts", column="")
    by_class = found("b", "datasets", "data.counts", column="samples", **{"class": "3"})
    assert named(rows, by_class) == "b"
    assert named(rows, by_class, found("c", "datasets", "data.drifted")) == "c"
    assert named(rows, found("c", "edge", "edge.crash")) == "a"


def test_a_verdict_without_a_cause_is_named_where_nothing_else_is() -> None:
    silent = Finding("a", "edge", Verdict(outcome="cannot tell", summary="no answers"))
    assert named(silent) == "a"
    for cause in ("edge.crash", "evaluation.class_recall_low", "evaluation.accuracy_low"):
        assert named(silent, found("b", "edge", cause)) == "b"


def test_which_causes_are_consequences_is_decided_here_and_nowhere_else() -> None:
    """A cause that is added is thought about: does another gate explain it better?"""
    assert SYMPTOMS == (
        "behavior.*", "edge.accuracy_lost", "evaluation.*", "predictions.one_class",
        "training.cannot_overfit", "training.initial_loss_*", "training.loss_not_falling",
    )  # fmt: skip
    assert OVERALL == (
        "edge.accuracy_lost", "evaluation.accuracy_low", "evaluation.baseline_not_beaten",
        "evaluation.negative_flips", "evaluation.worse_than_released",
    )  # fmt: skip
    assert BROAD == (
        "data.class_imbalance", "data.drifted*", "data.expectation_failed", "data.label_noise",
        "data.near_duplicates", "edge.model_departs", "edge.other_decisions", "edge.other_logits",
        "model.part_wrong", "training.learning_rate_*",
    )  # fmt: skip
    assert VAGUE == ("data.counts", "data.file_sizes", "data.too_few_in_split")


def test_of_broad_causes_the_first_is_taken_however_telling() -> None:
    first = found("a", "datasets", "data.drifted")
    assert named(first, found("b", "datasets", "data.label_noise", **{"class": "3"})) == "a"
