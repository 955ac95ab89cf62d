"""Limits of what answers are worth: the defaults, the edges, and what is shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.evaluation import (
    accuracy_sufficient,
    beats_baselines,
    class_recall_floor,
    labels_unpermuted,
    outputs_valid,
    slices_hold,
)
from qa_assets.core.record import Estimate
from qa_assets.core.records.evaluation import ClassMetrics, Evaluation, Slice
from qa_assets_tests.checks.test_evaluation import CLASSES, LABELS, changed, evaluation
from qa_assets_tests.evaluation.tables import answered


def of(value: float, low: float, high: float, n: int = 50) -> Estimate:
    return Estimate(value, low, high, n)


def measured(label: str, low: float, samples: int = 9) -> ClassMetrics:
    found = of(low + 0.1, low, 1.0, samples)
    return ClassMetrics(label=label, samples=samples, precision=found, recall=found, f1=found)


def confused(*rows: tuple[int, ...]) -> Evaluation:
    names = tuple("abcdefgh"[: len(rows)])
    return replace(evaluation(), classes=names, confusion=rows)


@pytest.mark.parametrize(("by", "passes"), [(0.9e-4, True), (1.1e-4, False)])
def test_how_far_a_confidence_may_be_from_its_logits(by: float, passes: bool) -> None:
    def move(table: pd.DataFrame, logits: np.ndarray) -> None:
        table["confidence"] += by

    assert outputs_valid(changed(move)).passed is passes


def test_large_logits_have_a_softmax_too() -> None:
    def enlarge(table: pd.DataFrame, logits: np.ndarray) -> None:
        logits *= 450
        table["confidence"] = 1.0

    assert outputs_valid(changed(enlarge)).passed


def test_what_is_found_in_the_answers_is_said() -> None:
    said = [
        outputs_valid(answered(CLASSES, LABELS, [1] * 150)).summary,
        outputs_valid(replace(answered(CLASSES, LABELS, LABELS), samples=9)).summary,
        outputs_valid(answered(CLASSES, LABELS, LABELS)).summary,
    ]
    assert said == [
        "1 class is all that is answered: b",
        "1 shapes that differ: logits (150, 3) for 9 samples instead of (150, 3)",
        "no invalid answers",
    ]


def test_two_answers_among_two_labels_are_not_one() -> None:
    assert outputs_valid(answered(("a", "b"), [0, 1], [1, 0])).passed
    assert outputs_valid(answered(("a", "b"), [0, 0], [1, 1])).passed, "one label has no other"


def test_accuracy_without_a_limit_is_nine_tenths_and_shows_every_group() -> None:
    groups = {"x": of(0.8, 0.7, 0.9, 40), "y": of(0.7, 0.6, 0.8, 30)}
    classes = (measured("a", 0.2, samples=0), measured("b", 0.5), measured("c", 0.6))
    good = replace(evaluation(), by_group=groups, per_class=classes, accuracy=of(0.95, 0.9, 1.0))
    shown = accuracy_sufficient(good)
    assert (shown.outcome, shown.limit) == ("pass", 0.9)
    table = shown.evidence["groups"]
    assert table.columns == ("group", "accuracy", "low", "high", "samples")
    assert table.rows == (("x", 0.8, 0.7, 0.9, 40), ("y", 0.7, 0.6, 0.8, 30))
    poor = accuracy_sufficient(replace(good, accuracy=of(0.95, 0.89, 1.0)))
    assert poor.where == {"class": "b", "group": "y"}, "a class without samples is not the worst"
    plain = replace(good, by_group={}, accuracy=of(0.95, 0.89, 1.0))
    assert accuracy_sufficient(plain).where == {"class": "b"}


def test_the_hardest_baseline_is_the_one_with_the_lowest_end() -> None:
    gains = {"majority": of(0.5, 0.4, 0.6), "linear": of(0.6, 0.1, 0.9), "small": of(0.3, 0.2, 0.4)}
    made = replace(evaluation(), gains=gains)
    verdict = beats_baselines(made, min_gain=0.1)
    assert verdict.passed
    table = verdict.evidence["gains"]
    assert table.columns == ("baseline", "gain", "low", "high", "samples")
    assert table.rows[1] == ("linear", 0.6, 0.1, 0.9, 50)
    assert beats_baselines(made, min_gain=0.15).where == {"baseline": "linear"}
    even = replace(made, gains={"linear": of(0.1, 0.0, 0.2)})
    assert beats_baselines(even).passed
    assert not beats_baselines(replace(made, gains={"linear": of(0.1, -0.01, 0.2)})).passed
    missing = beats_baselines(replace(made, gains={}))
    assert missing.cause == "evaluation.baseline_missing"


def test_every_class_below_the_floor_is_named() -> None:
    classes = (measured("a", 0.6), measured("b", 0.59), measured("c", 0.3))
    verdict = class_recall_floor(replace(evaluation(), per_class=classes))
    assert (verdict.outcome, verdict.where) == ("fail", {"class": "b, c"})
    assert "the recall of class c" in verdict.summary
    table = verdict.evidence["classes"]
    assert table.columns == ("class", "recall", "low", "samples")
    assert table.rows[0] == ("a", 0.7, 0.6, 9)
    assert class_recall_floor(replace(evaluation(), per_class=classes[:1])).passed
    unseen = (*classes, measured("d", 0.9, samples=0), measured("e", 0.9, samples=0))
    told = class_recall_floor(replace(evaluation(), per_class=unseen))
    assert (told.outcome, told.summary) == ("cannot tell", "no test sample of class d, e")
    nothing = class_recall_floor(replace(evaluation(), per_class=()))
    assert (nothing.outcome, nothing.summary) == ("cannot tell", "no test sample of class any")


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (((5, 5), (10, 0)), ""),  # both are answered as the first: no renaming
        (((0, 9), (9, 0)), "data.labels_shifted"),
        (((0, 5, 5), (9, 0, 0), (0, 0, 9)), "data.labels_permuted"),
        (((9, 0, 0), (0, 0, 9), (0, 9, 0)), "data.labels_permuted"),
        (((4, 5, 2), (5, 4, 2), (0, 0, 9)), ""),  # less than half of what moved
        (((4, 5, 1), (5, 4, 1), (0, 0, 9)), "data.labels_permuted"),  # half of it
        (((0, 0, 0), (0, 9, 0), (0, 0, 9)), ""),  # a class without samples has not moved
        (((0, 0, 9), (9, 0, 0), (0, 9, 0)), "data.labels_shifted"),
    ],
)
def test_what_counts_as_a_renaming(rows: tuple[tuple[int, ...], ...], cause: str) -> None:
    assert labels_unpermuted(confused(*rows)).cause == cause


def test_a_renaming_says_which_class_is_answered_as_which() -> None:
    verdict = labels_unpermuted(confused((9, 0, 0), (0, 0, 9), (0, 9, 0)))
    said = "b answered as c, c answered as b"
    assert verdict.where == {"class": said}
    assert verdict.summary == f"2 classes answered as another: {said}"
    assert labels_unpermuted(confused((9,))).outcome == "cannot tell"
    assert labels_unpermuted(confused((0, 0), (0, 0))).outcome == "cannot tell"
    assert labels_unpermuted(confused((1, 0), (0, 0))).passed


def test_a_slice_fails_where_even_its_upper_end_is_below() -> None:
    slices = (
        Slice("class a", of(0.5, 0.4, 0.6)), Slice("class b", of(0.6, 0.5, 0.69)),
        Slice("group x", of(0.6, 0.1, 0.7)),
    )  # fmt: skip
    verdict = slices_hold(replace(evaluation(), slices=slices))
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("fail", 0.6, 0.7)
    assert verdict.where == {"slice": "class a, class b"}
    assert "(class a)" in verdict.summary
    table = verdict.evidence["slices"]
    assert table.columns == ("slice", "accuracy", "low", "high", "samples")
    assert table.rows[0] == ("class a", 0.5, 0.4, 0.6, 50)
    assert slices_hold(replace(evaluation(), slices=slices[2:])).passed
    many = replace(evaluation(), slices=slices * 10)
    assert len(slices_hold(many).evidence["slices"].rows) == 20
