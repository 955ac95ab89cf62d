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
from qa_assets.core.records.comparison import ReleaseBaseline
from qa_assets.core.records.device import TargetOutcome
from qa_assets.core.records.edge import LatencyDuel
from qa_assets.core.records.export import GOLDEN, MODEL, OnnxModel
from qa_assets.core.records.release import Release
from qa_assets.core.tables import read_table
from qa_assets.edge.job import missing, run_job
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find

_RIVAL, _TIMES = "rival.onnx", "duel.npy"


NOTHING = Estimate(float("nan"), 0.0, float("inf"), 0)
"""The ratio where nothing was timed."""


def duel_with_release(
    target: str,
    onnx_model: OnnxModel,
    baseline: ReleaseBaseline,
    release: Release | None,
    spec: InputSpec,
    *,
    settings: EdgeSettings,
    scratch: Path,
) -> LatencyDuel:
    """Time the exported model in turns with the released one, on the golden samples.

    Where there is no earlier release, or the target is emulated, the record says so.
    """
    device = find(target, settings)
    name = MODEL if device.variant == "float" else f"model.{device.variant}.onnx"
    excused = missing_one = ""
    if device.emulated:
        excused = f"{target} is emulated: its times mean nothing"
    elif release is None and baseline.first_release == "absolute":
        excused = "there is no earlier release, and the pipeline declares that to be right"
    elif release is None:
        missing_one = baseline.unreadable or "there is no release to be timed against"
    elif name not in release.files:
        missing_one = f"the release has no {name} to be timed against"
    if excused or missing_one or release is None:
        return LatencyDuel(
            target=target, outcome="OK", ratio=NOTHING, excused=excused, missing=missing_one
        )
    golden = read_table(onnx_model, GOLDEN)
    payloads = dict(zip(golden["id"], golden["payload"], strict=True))
    bodies = (onnx_model.variant_body(device.variant), release.read(name))
    model, rival = (device.convert(b) if device.convert else b for b in bodies)
    return duel(
        device, model, rival, payloads, spec, settings=settings, scratch=scratch, name=target
    )


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
    outcome: TargetOutcome = answered.outcome
    message = answered.message
    if outcome == "OK" and (lacking := missing(answered.arrays, (_TIMES,))):
        outcome, message = "NO-RESULT", lacking
    if outcome != "OK":
        return LatencyDuel(target=name, outcome=outcome, message=message, ratio=NOTHING)
    times = np.asarray(answered.arrays[_TIMES], np.float64)
    ratios = times[:, 0] / times[:, 1]
    return LatencyDuel(
        target=name,
        outcome="OK",
        ratio=bootstrap_median(ratios),
        model_ms=float(np.median(times[:, 0])),
        rival_ms=float(np.median(times[:, 1])),
    )
