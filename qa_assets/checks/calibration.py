"""Is the model as sure as it may be?"""

from dataclasses import replace

from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.verdict import Verdict, at_most, cannot_tell


@check
def calibrated(evaluation: Evaluation, *, max_error: Share = 0.1) -> Verdict:
    """Confidence is honest: it is near the share of right answers, even at the interval's end.

    Args:
        evaluation: Its expected calibration error.
        max_error: Largest mean distance, in [0, 1].
    """
    error = evaluation.calibration
    if error is None or not error.n:
        return cannot_tell("no answer was measured")
    verdict = at_most(
        error.high,
        max_error,
        "the upper end of the calibration error",
        cause="evaluation.uncalibrated",
    )
    return replace(verdict, measured=error.value, interval=(error.low, error.high))


@check
def not_overconfident(evaluation: Evaluation, *, max_factor: Positive = 3.0) -> Verdict:
    """Answers are not surely a factor too sure of themselves, however few of them are wrong.

    The calibration error of a model that is seldom wrong is small whatever its confidence says;
    this looks at how sure it is of the answers that are wrong.

    Args:
        evaluation: By how much its logits should be divided, with the interval.
        max_factor: Largest lower end of that, above 0; 1 is honest.
    """
    factor = evaluation.temperature
    if factor is None or not factor.n:
        return cannot_tell("no answer was measured")
    verdict = at_most(
        factor.low,
        max_factor,
        "the lower end of the factor by which the answers are too sure",
        cause="evaluation.overconfident",
    )
    return replace(verdict, measured=factor.value, interval=(factor.low, factor.high))
