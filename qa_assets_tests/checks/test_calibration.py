"""Confidence that is not honest is named."""

from dataclasses import replace

import numpy as np
import pytest

from qa_assets.checks.calibration import calibrated, not_overconfident
from qa_assets.core.record import Estimate
from qa_assets.evaluation.temperature import temperature
from qa_assets_tests.checks.test_evaluation import evaluation


def test_confidence_that_is_not_honest_is_named() -> None:
    made = evaluation(wrong=0)  # confidence 0.787, all right
    assert calibrated(made, max_error=0.3).passed
    verdict = calibrated(made, max_error=0.1)
    assert (verdict.outcome, verdict.cause) == ("fail", "evaluation.uncalibrated")
    assert verdict.measured == pytest.approx(0.213, abs=1e-3)
    assert calibrated(replace(made, calibration=None)).outcome == "cannot tell"


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "pass"), (3.0, "pass"), (10.0, "fail")])
def test_answers_that_are_far_too_sure_are_seen_however_few_are_wrong(
    factor: float, outcome: str
) -> None:
    """Of 450 answers nine are wrong: the calibration error cannot exceed two points."""
    rows = np.arange(450)
    labels = (rows % 3).astype(np.int64)
    logits = np.zeros((450, 3), np.float32)
    logits[rows, np.where(rows < 9, (labels + 1) % 3, labels)] = np.log(2 * 441 / 9) * factor
    made = replace(evaluation(), temperature=temperature(logits, labels))
    verdict = not_overconfident(made)
    assert verdict.outcome == outcome
    assert verdict.measured == pytest.approx(factor, rel=0.01)
    if outcome == "fail":
        assert verdict.cause == "evaluation.overconfident"
        assert not_overconfident(made, max_factor=20).passed
    unmeasured = replace(made, temperature=temperature(logits[:0], labels[:0]))
    assert not_overconfident(unmeasured).outcome == "cannot tell"
    assert not_overconfident(replace(made, temperature=None)).outcome == "cannot tell"


def test_how_far_from_honest_is_too_far() -> None:
    """The error is judged by the upper end of its interval, the factor by the lower one."""
    made = evaluation()
    error = Estimate(0.05, 0.02, 0.1, 90)
    within = calibrated(replace(made, calibration=error))
    assert (within.outcome, within.measured, within.limit) == ("pass", 0.05, 0.1)
    assert within.interval == (0.02, 0.1)
    assert not calibrated(replace(made, calibration=replace(error, high=0.101))).passed
    factor = Estimate(9.0, 3.0, 20.0, 90)
    beyond = not_overconfident(replace(made, temperature=replace(factor, low=3.01)))
    assert (beyond.outcome, beyond.measured, beyond.limit) == ("fail", 9.0, 3.0)
    assert beyond.interval == (3.01, 20.0)
    assert not_overconfident(replace(made, temperature=factor)).passed
    for none in (replace(error, n=0), None):
        assert calibrated(replace(made, calibration=none)).outcome == "cannot tell"
        assert not_overconfident(replace(made, temperature=none)).outcome == "cannot tell"
