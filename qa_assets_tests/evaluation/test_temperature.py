"""How much too sure answers are, against closed forms and by its own laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa_assets.evaluation.scores import softmax
from qa_assets.evaluation.temperature import FACTORS, temperature

Drawn = tuple[NDArray[np.float32], NDArray[np.int64]]


def honest(seed: int, n: int = 600, classes: int = 6, spread: float = 2.0) -> Drawn:
    """Logits, and labels drawn from the very probabilities that they state."""
    drawn = np.random.default_rng(seed)
    logits = (spread * drawn.standard_normal((n, classes))).astype(np.float32)
    labels = [drawn.choice(classes, p=p) for p in softmax(logits)]
    return logits, np.array(labels, np.int64)


@pytest.mark.parametrize("margin", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("right", [60, 90, 99])
def test_two_classes_have_a_closed_form(margin: float, right: int) -> None:
    """Every logit says the same, so the best factor makes its probability the share of right."""
    logits = np.tile(np.array([margin, 0], np.float32), (100, 1))
    labels = (np.arange(100) >= right).astype(np.int64)
    found = temperature(logits, labels)
    assert found.value == pytest.approx(margin / np.log(right / (100 - right)), rel=1e-3)
    assert found.low < found.value < found.high
    assert found.n == 100


def test_honest_answers_are_within_their_interval_about_as_often_as_it_says() -> None:
    covered = sum(e.low <= 1 <= e.high for e in (temperature(*honest(s)) for s in range(100)))
    assert 88 <= covered <= 100  # 95 +- 3.2 standard deviations


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 20))
def test_larger_logits_are_as_much_surer(seed: int, factor: float) -> None:
    logits, labels = honest(seed, n=200)
    before, after = temperature(logits, labels), temperature(logits * np.float32(factor), labels)
    ends = [(before.value, after.value), (before.low, after.low), (before.high, after.high)]
    for one, other in ends:
        assert other == pytest.approx(one * factor, rel=0.01)


def test_a_constant_on_every_logit_of_a_sample_changes_nothing() -> None:
    logits, labels = honest(3)
    moved = logits + np.random.default_rng(0).normal(0, 50, (len(labels), 1)).astype(np.float32)
    assert temperature(moved, labels).value == pytest.approx(
        temperature(logits, labels).value, rel=1e-3
    )


def test_where_every_answer_is_right_none_is_too_sure() -> None:
    found = temperature(np.eye(5, dtype=np.float32).repeat(20, 0), np.arange(5).repeat(20))
    assert found.low == pytest.approx(FACTORS[0], rel=0.01)
    assert found.high < 0.5


def test_wrong_answers_shared_by_the_samples_widen_the_interval() -> None:
    """Half of the samples twice as sure as the others: no single factor explains them."""
    logits, labels = honest(1, n=400)
    mixed = np.concatenate([logits, 6 * logits])
    twice = np.concatenate([labels, labels])
    plain = temperature(np.concatenate([logits, logits]), twice)
    found = temperature(mixed, twice)
    assert np.log(found.high / found.low) > 1.2 * np.log(plain.high / plain.low)


@pytest.mark.parametrize(
    "logits", [np.zeros((0, 3)), np.full((4, 3), np.nan), [[np.inf, 0.0, 0.0]]]
)
def test_without_finite_answers_nothing_is_claimed(logits: object) -> None:
    given = np.asarray(logits, np.float32)
    found = temperature(given, np.zeros(len(given), np.int64))
    assert (found.n, found.low, found.high) == (0, 0.0, FACTORS[1])
    assert np.isnan(found.value)
