"""The target stage by stage: decode, preprocess, model, postprocess; the first that departs."""

from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.edge import (
    EdgeComparison,
    Finding,
    LatencyDuel,
    Stage,
    StageDifference,
)
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell

_OVERFLOW = "edge.int8_overflow"
_ROUNDED = ("int8", "fp16")
_UNEXPLAINED = {
    "decode": "preprocessing.decode_departs",
    "preprocess": "preprocessing.departs",
    "model": "edge.model_departs",
    "postprocess": "postprocessing.departs",
}


@check
def edge_stages_agree(
    edge_comparison: EdgeComparison,
    *,
    max_pixel_error: Share = 0.005,
    max_relative_error: Positive = 0.01,
    max_rounding_error: Positive = 0.1,
    max_flip_margin: Share = 0.15,
) -> Verdict:
    """From raw bytes to answer, every stage on the target does what the reference does.

    The first stage that departs is named, with the layer and the cause where one explains it.

    Args:
        edge_comparison: The target against the reference on the golden samples.
        max_pixel_error: Largest mean difference of a decoded sample, in shares of 255.
        max_relative_error: Largest difference of a sample after any other stage, in shares of the
            reference's range; of an int8 or fp16 file to that very file run by the reference.
        max_rounding_error: The same of an int8 or fp16 file to the exported model.
        max_flip_margin: Largest margin of the reference, in shares of its range, at which another
            class is put down to rounding.

    Source: of 354 faults put into two networks a relative logit error over 1 % finds all but
    reduced precision; healthy int8 files flip samples of a margin below 0.15 only.
    """
    if edge_comparison.faults:
        return _named(edge_comparison, edge_comparison.faults[0])
    if edge_comparison.outcome != "OK" or not edge_comparison.stages:
        outcome = f"{edge_comparison.outcome}: {edge_comparison.message}"
        return cannot_tell(f"{edge_comparison.target} gave nothing to compare: {outcome}")
    limits = {"decode": max_pixel_error}
    passed: list[Verdict] = []
    for entry in edge_comparison.stages:
        if entry.stage == "model" and edge_comparison.variant in _ROUNDED:
            verdict = _rounded(
                edge_comparison, max_relative_error, max_rounding_error, max_flip_margin
            )
        else:
            limit = limits.get(entry.stage, max_relative_error)
            verdict = _judged(edge_comparison, entry, entry.error, limit)
        if not verdict.passed:
            return verdict
        passed.append(verdict)
    return max(passed, key=lambda v: (v.measured or 0.0) / (v.limit or 1.0))


@check
def edge_keeps_precision(
    edge_comparison: EdgeComparison, *, max_relative_error: Positive = 1e-4
) -> Verdict:
    """A target that is given full precision computes in full precision.

    Args:
        edge_comparison: The target against the reference on the golden samples.
        max_relative_error: Largest difference of a sample's logits, in shares of the reference's
            range; bfloat16 makes about a hundred times as much.
    """
    found = next((s for s in edge_comparison.stages if s.stage == "model"), None)
    if found is None:
        return cannot_tell(f"{edge_comparison.target} gave nothing to compare")
    rounded = edge_comparison.variant in _ROUNDED
    error = edge_comparison.runtime_error if rounded else found.error
    return _judged(edge_comparison, found, error, max_relative_error)


@check
def not_slower(latency_duel: LatencyDuel, *, max_slowdown: Share = 0.05) -> Verdict:
    """The model is not slower than the released one on the same target, timed in turns.

    Fails only where it is surely slower than allowed, passes only where it surely is not.

    Args:
        latency_duel: The two in turns.
        max_slowdown: Largest share by which it may take longer, such as 0.05.
    """
    if latency_duel.excused:
        return Verdict(outcome="pass", summary=latency_duel.excused)
    if latency_duel.missing:
        return cannot_tell(latency_duel.missing)
    if latency_duel.outcome != "OK":
        outcome = f"{latency_duel.outcome}: {latency_duel.message}"
        return cannot_tell(f"{latency_duel.target} gave no times: {outcome}")
    ratio, limit = latency_duel.ratio, 1 + max_slowdown
    what = "the time of a call, in times of the released model's"
    interval = (ratio.low, ratio.high)
    if ratio.low <= limit < ratio.high:  # neither surely slower nor surely not
        return cannot_tell(f"{what} is {ratio}: too noisy for a limit of {limit:.3g}")
    return at_most(
        ratio.value,
        limit,
        what,
        cause="edge.slower",
        interval=interval,
        where={"target": latency_duel.target},
    )


def _rounded(
    compared: EdgeComparison, max_error: float, max_rounding: float, max_margin: float
) -> Verdict:
    """A file of fewer bits: exact on its own terms, near the exported model, sure where it is."""
    entry = next(s for s in compared.stages if s.stage == "model")
    wrapped = next((f for f in compared.findings if f.cause == _OVERFLOW), None)
    if wrapped:  # products that overflow are wrong on other inputs too, however little on these
        return _named(compared, wrapped)
    on_target = _judged(compared, entry, compared.runtime_error, max_error)
    if not on_target.passed:
        return on_target
    in_file = _judged(compared, entry, compared.file_error, max_rounding)
    if not in_file.passed:
        return in_file
    what = "the largest margin of a sample that rounding gave another class"
    return at_most(
        compared.flip_margin,
        max_margin,
        what,
        cause="edge.sure_answers_change",
        where={"target": compared.target, "stage": "model"},
        evidence=_evidence(compared),
    )


def _judged(
    compared: EdgeComparison, entry: StageDifference, error: float, limit: float
) -> Verdict:
    finding = _explaining(compared, entry.stage)
    told = f": {finding.what}" if finding and error > limit else ""
    return at_most(
        error,
        limit,
        f"the difference of {compared.target} after the stage {entry.stage}{told}",
        cause=finding.cause if finding else _UNEXPLAINED[entry.stage],
        where=_where(compared, finding, finding.stage if finding else entry.stage),
        samples=(entry.worst,) if entry.worst else (),
        evidence=_evidence(compared),
    )


def _explaining(compared: EdgeComparison, stage: Stage) -> Finding | None:
    """What explains a stage; a last layer whose answers are exchanged belongs to the model."""
    stages = (stage, "postprocess") if stage == "model" else (stage,)
    return next((f for f in compared.findings if f.stage in stages), None)


def _where(compared: EdgeComparison, finding: Finding | None, stage: str) -> dict[str, str]:
    layer = (finding.layer if finding else "") or (
        compared.first_layer if stage in ("model", "postprocess") else ""
    )
    found = {"target": compared.target, "stage": stage}
    return {**found, "layer": layer} if layer else found


def _named(compared: EdgeComparison, fault: Finding) -> Verdict:
    return Verdict(
        outcome="fail",
        summary=f"{compared.target}, stage {fault.stage}: {fault.what}",
        cause=fault.cause,
        where=_where(compared, fault, fault.stage),
        evidence=_evidence(compared),
    )


def _evidence(compared: EdgeComparison) -> dict[str, Evidence]:
    tables = {
        "stages": Evidence(
            ("stage", "largest error", "worst sample"),
            tuple((s.stage, s.error, s.worst) for s in compared.stages),
        ),
        "causes": Evidence(
            ("stage", "layer", "cause", "what", "explained"),
            tuple(
                (f.stage, f.layer, f.cause, f.what, f.explained)
                for f in (*compared.faults, *compared.findings)
            ),
        ),
        "layers": Evidence(
            ("layer", "relative error"), tuple((x.layer, x.error) for x in compared.layers)
        ),
        "quantised ranges that are too small": Evidence(
            ("tensor", "low", "high", "seen low", "seen high", "share outside"),
            tuple(
                (s.tensor, s.low, s.high, s.seen_low, s.seen_high, s.share)
                for s in compared.saturations
            ),
        ),
    }
    return {title: entry for title, entry in tables.items() if entry.rows}
