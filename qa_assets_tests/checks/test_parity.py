"""Two implementations of one model: differences in closed form, and what is said of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.checks.parity import agreement, disagreements, margins, relative_errors
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.core.verdict import Verdict

REFERENCE = np.array([[0.0, 10.0, 4.0], [-3.0, -1.0, -2.0], [5.0, 5.0, 5.0]])


def test_relative_errors_in_closed_form() -> None:
    answers = REFERENCE + np.array([[0, 0, 0.5], [-0.2, 0.1, 0], [0, 0, 0]])
    assert relative_errors(answers, REFERENCE) == pytest.approx([0.05, 0.1, 0.0])


def test_a_constant_reference_has_no_scale_and_a_nan_no_distance() -> None:
    answers = REFERENCE.copy()
    answers[0, 1], answers[1, 0], answers[2, 0] = np.nan, np.inf, 5.1
    assert relative_errors(answers, REFERENCE).tolist() == [np.inf] * 3
    assert disagreements(answers, REFERENCE).tolist() == [True, True, False]


@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 1000))
def test_unit_and_offset_of_the_logits_do_not_matter(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, answers = rng.normal(size=(2, 8, 4))
    changed = relative_errors(answers * scale + shift, reference * scale + shift)
    assert changed == pytest.approx(relative_errors(answers, reference), rel=1e-5)


@given(seed=st.integers(0, 1000), size=st.floats(0.01, 2.0))
def test_no_class_changes_whose_margin_is_twice_the_error(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(50, 4))
    answers = reference + rng.uniform(-size, size, reference.shape)
    top = np.sort(reference, axis=1)
    margins = (top[:, -1] - top[:, -2]) / np.ptp(reference, axis=1)
    safe = margins > 2 * relative_errors(answers, reference)
    assert not (disagreements(answers, reference) & safe).any()


def test_the_margin_is_the_lead_of_the_best_in_shares_of_the_range() -> None:
    assert margins(REFERENCE) == pytest.approx([0.6, 0.5, 0.0])
    assert margins(np.array([[7.0], [-2.0]])).tolist() == [0.0, 0.0]
    two = np.array([[0.0, 4.0], [1.0, 1.0]])
    assert margins(two).tolist() == [1.0, 0.0]


def answered(logits: np.ndarray) -> Predictions:
    ids = [f"s{i:02}" for i in range(len(logits))]
    files = {SAMPLES: table_bytes(pd.DataFrame({"id": ids})), LOGITS: array_bytes(logits)}
    return Predictions(samples=len(ids), classes=("a", "b", "c"), weights_digest="w", files=files)


RIGHT = np.tile([[0.0, 1.0, 0.5]], (40, 1))


def held(answers: np.ndarray, right: np.ndarray = RIGHT, *, flips: float = 0.05) -> Verdict:
    return agreement(
        answered(answers), answered(right), max_disagreement=flips, max_relative_error=0.125,
        cause="test.differs", who="the one and the other",
    )  # fmt: skip


def shifted(*changes: tuple[int, int, float]) -> np.ndarray:
    """The right answers with ``by`` added to one logit of a sample."""
    found = RIGHT.copy()
    for row, column, by in changes:
        found[row, column] += by
    return found


def test_the_same_answers_agree() -> None:
    verdict = held(RIGHT)
    estimate = share(0, 40)
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("pass", 0.0, 0.05)
    assert verdict.interval == (estimate.low, estimate.high)


def test_the_limits_themselves_are_allowed() -> None:
    both = shifted((3, 2, 0.75), (7, 2, 0.75))
    assert held(both, flips=0.05).cause == "test.differs_logits", "two of forty, far apart"
    assert held(shifted((3, 0, 0.125))).passed
    assert held(shifted((3, 0, 0.126))).cause == "test.differs_logits"


def test_other_classes_are_named_before_other_numbers() -> None:
    verdict = held(shifted((3, 2, 0.75), (7, 2, 1.0), (9, 2, 0.75)))
    assert (verdict.cause, verdict.measured) == ("test.differs_decisions", 3 / 40)
    assert verdict.samples == ("s07", "s03", "s09"), "the furthest apart first, then in order"
    shown = verdict.evidence["the samples furthest apart"]
    assert shown.columns == (
        "sample", "reference class", "class", "reference margin", "relative logit error",
    )  # fmt: skip
    assert shown.rows == (
        ("s07", 1, 2, 0.5, 1.0), ("s03", 1, 2, 0.5, 0.75), ("s09", 1, 2, 0.5, 0.75),
    )  # fmt: skip


def test_numbers_that_are_apart_are_named_with_their_samples() -> None:
    verdict = held(shifted((3, 0, 0.25), (7, 0, -0.5), (9, 0, 0.125)))
    assert (verdict.cause, verdict.measured) == ("test.differs_logits", 0.5)
    assert verdict.samples == ("s07", "s03")
    shown = verdict.evidence["the samples furthest apart"].rows
    assert len(shown) == 20
    assert [row[0] for row in shown[:4]] == ["s07", "s03", "s09", "s00"]


def test_one_logit_is_its_own_margin() -> None:
    alone = held(RIGHT[:, :1] + 1.0, RIGHT[:, :1] + 1.0)
    assert alone.passed
    assert alone.evidence["the samples furthest apart"].rows[0] == ("s00", 0, 0, 1.0, 0.0)


def test_of_two_classes_the_lead_of_the_one_over_the_other_is_shown() -> None:
    two = held(RIGHT[:, 1:], RIGHT[:, 1:])
    assert two.evidence["the samples furthest apart"].rows[0] == ("s00", 0, 0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("answers", "right", "said"),
    [
        (RIGHT[:39], RIGHT, "the same samples in the same order"),
        (RIGHT[:0], RIGHT[:0], "there are no samples"),
        (RIGHT[:, :2], RIGHT, "shapes (40, 2) and (40, 3)"),
        (RIGHT, shifted((1, 0, np.nan), (1, 1, np.inf), (5, 2, np.inf)), "2 of the reference"),
    ],
)
def test_what_cannot_be_compared_is_not_judged(
    answers: np.ndarray, right: np.ndarray, said: str
) -> None:
    verdict = held(answers, right)
    assert verdict.outcome == "cannot tell"
    assert said in verdict.summary
    assert "the one and the other" in verdict.summary


def test_samples_in_another_order_are_not_compared() -> None:
    turned = answered(RIGHT)
    ids = pd.DataFrame({"id": [f"s{i:02}" for i in reversed(range(40))]})
    turned = replace(turned, files={**turned.files, SAMPLES: table_bytes(ids)})
    verdict = agreement(
        turned, answered(RIGHT), max_disagreement=1.0, max_relative_error=1.0, cause="c", who="w"
    )
    assert verdict.outcome == "cannot tell"
