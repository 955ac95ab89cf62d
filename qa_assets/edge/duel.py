"""Whether a model is slower than another on the same target: both in turns, in the same minutes.

A stored time is no reference: at a tolerance of 5 % it alarms in 17 to 30 % of runs on a busy
machine. What disturbs one of two models that run in turns disturbs the other too.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qa_assets.core.config import InputSpec
from qa_assets.core.intervals import bootstrap_median
from qa_assets.core.record import Estimate
from qa_assets.core.records import MODEL, TargetOutcome
from qa_assets.core.records_edge import LatencyDuel
from qa_assets.edge.job import missing, run_job
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget

_RIVAL, _TIMES = "rival.onnx", "duel.npy"


def duel(
    device: EdgeTarget,
    model: bytes,
    rival: bytes,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    *,
    settings: EdgeSettings,
    scratch: Path,
    name: str,
) -> LatencyDuel:
    """Time ``model`` against ``rival`` on one target, in one process, in turns.

    Args:
        device: Where.
        model: The file in question.
        rival: The file that it must not be slower than, such as the released one.
        payloads: Raw bytes of each sample by id.
        spec: Size and channels that the target's decoder must deliver.
        settings: Blocks, how long each lasts, and limits.
        scratch: Where a folder for the worker is made, and removed again.
        name: The target's.

    Returns:
        The median over the blocks of how many times as long ``model`` takes, with its interval.
    """
    job = {"model": MODEL, "rival": _RIVAL, "blocks": settings.duel_blocks,
           "block_seconds": settings.duel_block_seconds, "seed": 0}  # fmt: skip
    answered = run_job(
        device, {MODEL: model, _RIVAL: rival}, payloads, job,
        spec=spec, settings=settings, scratch=scratch,
    )  # fmt: skip
    nothing = Estimate(float("nan"), 0.0, float("inf"), 0)
    outcome: TargetOutcome = answered.outcome
    message = answered.message
    if outcome == "OK" and (lacking := missing(answered.arrays, (_TIMES,))):
        outcome, message = "NO-RESULT", lacking
    if outcome != "OK":
        return LatencyDuel(target=name, outcome=outcome, message=message, ratio=nothing)
    times = np.asarray(answered.arrays[_TIMES], np.float64)
    ratios = times[:, 0] / times[:, 1]
    return LatencyDuel(
        target=name,
        outcome="OK",
        ratio=bootstrap_median(ratios),
        model_ms=float(np.median(times[:, 0])),
        rival_ms=float(np.median(times[:, 1])),
    )
