"""Each check on good answers, and on answers with the fault planted."""

from collections.abc import Callable
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
    predictions_match_weights,
    slices_hold,
)
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Evaluation, Predictions
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.tables import array_bytes, read_array, read_table, table_bytes
from qa_assets.evaluation.metrics import evaluate
from qa_assets_tests.evaluation.tables import answered, baseline

CLASSES = ("a", "b", "c")
LABELS = [0, 1, 2] * 50
Change = Callable[[pd.DataFrame, np.ndarray], object]


def evaluation(wrong: int = 5, poor: int = 60) -> Evaluation:
    """The first ``wrong`` samples of class c are answered a; a baseline errs ``poor`` times."""
    answers = [0 if i < 3 * wrong and label == 2 else label for i, label in enumerate(LABELS)]
    weak = [(label + 1) % 3 if i >= len(LABELS) - poor else label for i, label in enumerate(LABELS)]
    predictions = answered(CLASSES, LABELS, answers, ["x"] * 75 + ["y"] * 75)
    return evaluate(predictions, baseline(CLASSES, LABELS, linear=weak, majority=[0] * 150))


def changed(change: Change, made: Predictions | None = None) -> Predictions:
    made = made or answered(CLASSES, LABELS, LABELS)
    table, logits = read_table(made, SAMPLES), np.array(read_array(made, LOGITS))
    change(table, logits)
    return replace(made, files={SAMPLES: table_bytes(table), LOGITS: array_bytes(logits)})


def test_good_answers_are_valid() -> None:
    verdict = outputs_valid(changed(lambda table, logits: None))
    assert (verdict.outcome, verdict.cause) == ("pass", "")


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_named_by_sample(lost: float) -> None:
    verdict = outputs_valid(changed(lambda table, logits: logits.__setitem__((7, 1), lost)))
    assert (verdict.outcome, verdict.cause) == ("fail", "predictions.not_finite")
    assert verdict.samples == ("0007",)


@pytest.mark.parametrize(
    ("column", "value", "cause"),
    [
        ("id", "0002", "predictions.id_repeated"),
        ("predicted", "b", "predictions.class_differs"),
        ("predicted", "z", "predictions.class_differs"),
        ("confidence", 0.5, "predictions.confidence_differs"),
        ("confidence", np.nan, "predictions.confidence_differs"),
    ],
)
def test_a_row_that_is_wrong_is_named(column: str, value: object, cause: str) -> None:
    verdict = outputs_valid(
        changed(lambda t, logits: t.__setitem__(column, [*t[column][:5], value, *t[column][6:]]))
    )
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert len(verdict.samples) == 1


def test_confidences_of_a_second_softmax_are_found() -> None:
    def twice(table: pd.DataFrame, logits: np.ndarray) -> None:
        once = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        table["confidence"] = (np.exp(once) / np.exp(once).sum(axis=1, keepdims=True)).max(axis=1)

    assert outputs_valid(changed(twice)).cause == "predictions.confidence_differs"


def test_shapes_that_differ_are_named() -> None:
    made = answered(CLASSES, LABELS, LABELS)
    for logits in (np.zeros((150, 4), np.float32), np.zeros((149, 3), np.float32)):
        files = {**made.files, LOGITS: array_bytes(logits)}
        assert outputs_valid(replace(made, files=files)).cause == "predictions.shape"
    assert outputs_valid(replace(made, samples=151)).cause == "predictions.shape"


def test_one_answer_for_all_is_found_unless_it_is_right() -> None:
    verdict = outputs_valid(answered(CLASSES, LABELS, [1] * 150))
    assert (verdict.outcome, verdict.cause) == ("fail", "predictions.one_class")
    assert verdict.where == {"class": "b"}
    assert outputs_valid(answered(CLASSES, [1] * 20, [1] * 20)).passed


def test_no_answer_is_no_pass() -> None:
    assert outputs_valid(answered(CLASSES, [], [])).outcome == "cannot tell"


def test_answers_of_other_weights_are_found() -> None:
    weights = TrainedWeights(
        weights_digest="ab" * 32, parameters=1, initial_loss=1.0, history=(), moved={},
        settings={}, environment={},
    )  # fmt: skip
    made = answered(CLASSES, LABELS, LABELS)
    assert predictions_match_weights(made, weights).passed
    verdict = predictions_match_weights(made, replace(weights, weights_digest="cd" * 32))
    assert (verdict.outcome, verdict.cause) == ("fail", "predictions.other_weights")
    assert "abababababab instead of cdcdcdcdcdcd" in verdict.summary


def test_accuracy_is_judged_by_the_lower_end() -> None:
    made = evaluation(wrong=10)
    low, value = share(140, 150).low, 140 / 150
    assert accuracy_sufficient(made, min_accuracy=low).passed
    verdict = accuracy_sufficient(made, min_accuracy=(low + value) / 2)
    assert (verdict.outcome, verdict.cause) == ("fail", "evaluation.accuracy_low")
    assert verdict.measured == value
    assert verdict.interval == (low, made.accuracy.high)
    assert verdict.where == {"class": "c", "group": "x"}
    assert verdict.summary.startswith("the lower end of accuracy is ")


def test_accuracy_of_no_sample_is_no_pass() -> None:
    made = replace(evaluation(), accuracy=share(0, 0))
    assert not accuracy_sufficient(made, min_accuracy=0.0001).passed


def test_every_baseline_must_be_beaten_beyond_chance() -> None:
    made = evaluation(wrong=5, poor=60)
    assert beats_baselines(made).passed
    near = beats_baselines(evaluation(wrong=5, poor=7))  # better, but by two samples only
    assert (near.outcome, near.cause) == ("fail", "evaluation.baseline_not_beaten")
    assert near.where == {"baseline": "linear"}
    assert near.measured == pytest.approx(2 / 150)
    assert not beats_baselines(made, min_gain=0.5).passed
    assert beats_baselines(replace(made, gains={})).outcome == "cannot tell"


def test_a_class_that_is_left_behind_is_named() -> None:
    assert class_recall_floor(evaluation(wrong=0)).passed
    verdict = class_recall_floor(evaluation(wrong=30))
    assert (verdict.outcome, verdict.cause) == ("fail", "evaluation.class_recall_low")
    assert verdict.where == {"class": "c"}
    assert verdict.measured == pytest.approx(0.4)
    unseen = evaluate(answered(CLASSES, [0, 1], [0, 1]), baseline(CLASSES, [0, 1]))
    assert class_recall_floor(unseen).outcome == "cannot tell"


def moved(step: int, share: float = 1.0) -> Evaluation:
    answers = [(y + step) % 3 if i < share * 150 else y for i, y in enumerate(LABELS)]
    predictions = answered(CLASSES, LABELS, answers)
    return evaluate(predictions, baseline(CLASSES, LABELS, majority=[0] * 150))


def test_labels_that_moved_are_named() -> None:
    assert labels_unpermuted(evaluation()).passed
    assert labels_unpermuted(moved(1)).cause == "data.labels_shifted"
    swapped = [{0: 1, 1: 0, 2: 2}[y] for y in LABELS]
    made = answered(CLASSES, LABELS, swapped)
    verdict = labels_unpermuted(evaluate(made, baseline(CLASSES, LABELS, majority=[0] * 150)))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.labels_permuted")
    assert labels_unpermuted(moved(1, 0.2)).passed, "a poor model is not a renaming"


def test_a_weak_slice_is_named() -> None:
    assert slices_hold(evaluation()).passed
    verdict = slices_hold(evaluation(wrong=45))
    assert verdict.cause == "evaluation.weak_slice"
    assert "class c" in verdict.where["slice"]
    assert slices_hold(replace(evaluation(), slices=())).outcome == "cannot tell"
