"""The model on its target: it answers, it answers right, and within its budgets."""

import math
from dataclasses import replace

import numpy as np

from qa_assets.checks.parity import agreement
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.intervals import paired_difference
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.device import LATENCIES, EdgeBenchmark
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.tables import read_array, read_table
from qa_assets.core.verdict import Verdict, at_most, cannot_tell, none_of, surely_at_least

_MIB = 1 << 20
TENTH, CHANCE = 0.1, 0.025
"""Share of the calls that may be over a 90th percentile; how rarely more are by chance."""


@check
def edge_answers(edge_benchmark: EdgeBenchmark) -> Verdict:
    """The target loads the model and answers every sample."""
    outcome = edge_benchmark.outcome
    failed = [] if outcome == "OK" else [f"{outcome}: {edge_benchmark.message}"]
    cause = f"edge.{outcome.lower().replace('-', '_')}"
    where = {"target": edge_benchmark.target}
    return none_of(failed, "failure of the target", cause=cause, where=where)


@check
def edge_ran_this_model(edge_benchmark: EdgeBenchmark, onnx_model: OnnxModel) -> Verdict:
    """The target ran the very file that was exported."""
    ran = edge_benchmark.model_sha256
    exported = onnx_model.variant_sha256(edge_benchmark.variant)
    found = [] if ran == exported else [f"{ran[:12]} instead of {exported[:12]}"]
    where = {"target": edge_benchmark.target}
    return none_of(found, "other model on the target", cause="edge.other_model", where=where)


@check
def edge_agrees_with_cloud(
    edge_benchmark: EdgeBenchmark,
    onnx_model: OnnxModel,
    *,
    max_disagreement: Share = 0.01,
    max_relative_error: Positive = 0.01,
) -> Verdict:
    """From raw bytes, the target answers the test samples as its file does on the reference.

    What a file of fewer bits lost against the exported one is judged by ``variants_agree``.

    Args:
        edge_benchmark: Answers of the target, its own decoder included.
        onnx_model: Answers of the reference runtime to that file, on pixels decoded here.
        max_disagreement: Largest share of samples with another class, in [0, 1].
        max_relative_error: Largest difference of a sample's logits, in shares of the range of its
            reference logits.

    Source: "A deep learning DevOps pipeline": differences over about one percent go to a person.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    verdict = agreement(
        edge_benchmark,
        onnx_model,
        max_disagreement=max_disagreement,
        max_relative_error=max_relative_error,
        cause="edge.other",
        who=f"{edge_benchmark.target} and the exported model",
        reference_logits=onnx_model.variant_logits(edge_benchmark.variant),
    )
    if not verdict.cause:
        return verdict
    lost = ~np.isfinite(read_array(edge_benchmark, LOGITS)).all(axis=1)
    named = replace(verdict, where={"target": edge_benchmark.target})
    if not lost.any():
        return named
    ids = tuple(read_table(edge_benchmark, SAMPLES)["id"][lost])
    said = f"{len(ids)} answers are not finite; {verdict.summary}"
    return replace(named, cause="edge.not_finite", summary=said, samples=ids)


@check
def latency_within_budget(
    edge_benchmark: EdgeBenchmark, *, max_p90_ms: Positive = 100.0
) -> Verdict:
    """Nine of ten single-sample calls end within the budget.

    Others on the machine can only slow the target down: a busy one may pass, and it fails only
    where even the median call is over the budget.

    Args:
        edge_benchmark: The measurement.
        max_p90_ms: Largest 90th percentile, in milliseconds; generous, since it depends on the
            machine.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    if edge_benchmark.emulated:
        return Verdict(
            outcome="pass", summary=f"{edge_benchmark.target} is not there for its times"
        )
    if "p90" not in edge_benchmark.latency_ms:
        return _slow_in_few(edge_benchmark, max_p90_ms)
    verdict = at_most(
        edge_benchmark.latency_ms["p90"],
        max_p90_ms,
        "the 90th percentile of the latency in ms",
        cause="edge.slow",
        where={"target": edge_benchmark.target},
    )
    median = edge_benchmark.latency_ms.get("p50", math.inf)
    if edge_benchmark.contended and not verdict.passed and median <= max_p90_ms:
        return cannot_tell(f"the machine was busy with other work: {verdict.summary}")
    return verdict


def _slow_in_few(edge_benchmark: EdgeBenchmark, max_p90_ms: float) -> Verdict:
    """Of too few calls for a percentile: whether surely more than a tenth are over the budget."""
    few = cannot_tell("too few calls were timed for a 90th percentile: raise edge.calls")
    if LATENCIES not in edge_benchmark.files:
        return few
    over = read_array(edge_benchmark, LATENCIES).astype(np.float64) > max_p90_ms
    n, slow = len(over), int(over.sum())
    if edge_benchmark.contended and 2 * slow <= n:
        return few
    by_chance = sum(math.comb(n, k) * TENTH**k * (1 - TENTH) ** (n - k) for k in range(slow, n + 1))
    said = f"the share of calls over {max_p90_ms:.4g} ms ({slow} of {n})"
    where = {"target": edge_benchmark.target}
    found = at_most(slow / max(n, 1), TENTH, said, cause="edge.slow", where=where)
    return few if by_chance > CHANCE else found


@check
def memory_within_budget(
    edge_benchmark: EdgeBenchmark, *, max_rss_mib: Positive = 1024.0
) -> Verdict:
    """The target's resident memory stays within the budget.

    Args:
        edge_benchmark: The measurement.
        max_rss_mib: Largest resident memory, in MiB: the runtime and all samples included.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    if edge_benchmark.emulated:
        return Verdict(
            outcome="pass", summary=f"{edge_benchmark.target} is not there for its memory"
        )
    return at_most(
        edge_benchmark.peak_rss_mib,
        max_rss_mib,
        "the peak of the resident memory in MiB",
        cause="edge.memory",
        where={"target": edge_benchmark.target},
    )


@check
def memory_does_not_grow(
    edge_benchmark: EdgeBenchmark,
    *,
    max_growth_mib: Positive = 8.0,
    max_slope_kib: Positive = 4.0,
) -> Verdict:
    """The target keeps no memory from call to call.

    A leak is both a growth worth speaking of and a slope that holds throughout: a runtime that
    makes room once has the first without the second.

    Args:
        edge_benchmark: The measurement, over calls of varied batch sizes.
        max_growth_mib: Largest growth, in MiB.
        max_slope_kib: Largest growth a call by a robust slope, in KiB.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    if edge_benchmark.emulated:
        return Verdict(
            outcome="pass", summary=f"{edge_benchmark.target} is not there for its memory"
        )
    growth, slope = edge_benchmark.rss_growth_mib, edge_benchmark.rss_slope_kib
    if growth <= max_growth_mib or slope > max_slope_kib:
        what = f"the growth of the memory in MiB, at {slope:.3g} KiB a call,"
        return at_most(
            growth, max_growth_mib, what, cause="edge.leak",
            where={"target": edge_benchmark.target},
        )  # fmt: skip
    what = "the growth of the memory a call in KiB"
    where = {"target": edge_benchmark.target}
    return at_most(slope, max_slope_kib, what, cause="edge.leak", where=where)


@check
def accuracy_kept_on_edge(
    edge_benchmark: EdgeBenchmark, predictions: Predictions, *, max_loss: Share = 0.02
) -> Verdict:
    """The target is as often right as the trained network, on the same samples.

    Args:
        edge_benchmark: Answers of the target.
        predictions: Answers of the trained network, and the labels.
        max_loss: Largest loss in accuracy that even the unfavourable end of its interval may have.

    Source: paired difference, see ``core.intervals.paired_difference``.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    told = read_table(predictions, SAMPLES)
    if tuple(told["id"]) != tuple(read_table(edge_benchmark, SAMPLES)["id"]):
        return cannot_tell("the target and the network did not answer the same samples")
    answers = read_array(edge_benchmark, LOGITS).argmax(axis=1)
    there = np.array([predictions.classes[i] for i in answers]) == told["label"].to_numpy()
    here = (told["predicted"] == told["label"]).to_numpy()
    gain = paired_difference(int((there & ~here).sum()), int((here & ~there).sum()), len(here))
    lost = tuple(told["id"][here & ~there])
    return surely_at_least(
        gain, -max_loss, "the gain in accuracy on the target", cause="edge.accuracy_lost",
        where={"target": edge_benchmark.target}, samples=lost,
    )  # fmt: skip


@check
def size_within_budget(edge_benchmark: EdgeBenchmark, *, max_size_mib: Positive = 100.0) -> Verdict:
    """The model file fits the target.

    Args:
        edge_benchmark: The measurement.
        max_size_mib: Largest file, in MiB.
    """
    return at_most(
        edge_benchmark.size / _MIB,
        max_size_mib,
        "the size of the model file in MiB",
        cause="edge.size",
        where={"target": edge_benchmark.target},
    )


def _silent(edge_benchmark: EdgeBenchmark) -> Verdict:
    return cannot_tell(f"{edge_benchmark.target} gave no answers: {edge_benchmark.outcome}")
