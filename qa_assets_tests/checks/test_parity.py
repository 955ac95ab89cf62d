import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.checks.parity import disagreements, relative_errors

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
