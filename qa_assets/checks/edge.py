"""The model on its target: it answers, it answers right, and within its budgets."""

from dataclasses import replace

from qa_assets.checks.parity import agreement
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records import EdgeBenchmark, OnnxModel
from qa_assets.core.verdict import Verdict, at_most, cannot_tell, none_of

_MIB = 1 << 20


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
    ran, exported = edge_benchmark.model_sha256, onnx_model.sha256
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
    """From raw bytes, the target answers the test samples as the exported model does.

    Args:
        edge_benchmark: Answers of the target, its own decoder included.
        onnx_model: Answers of the reference runtime on pixels decoded here.
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
    )
    return replace(verdict, where={"target": edge_benchmark.target} if verdict.cause else {})


@check
def latency_within_budget(
    edge_benchmark: EdgeBenchmark, *, max_p90_ms: Positive = 100.0
) -> Verdict:
    """Nine of ten single-sample calls end within the budget.

    Others on the machine can only slow the target down: a busy one may pass, it cannot fail.

    Args:
        edge_benchmark: The measurement.
        max_p90_ms: Largest 90th percentile, in milliseconds; generous, since it depends on the
            machine.
    """
    if edge_benchmark.outcome != "OK":
        return _silent(edge_benchmark)
    if "p90" not in edge_benchmark.latency_ms:
        return cannot_tell("too few calls were timed for a 90th percentile: raise edge.calls")
    verdict = at_most(
        edge_benchmark.latency_ms["p90"],
        max_p90_ms,
        "the 90th percentile of the latency in ms",
        cause="edge.slow",
        where={"target": edge_benchmark.target},
    )
    if edge_benchmark.contended and not verdict.passed:
        return cannot_tell(f"the machine was busy with other work: {verdict.summary}")
    return verdict


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
    return at_most(
        edge_benchmark.peak_rss_mib,
        max_rss_mib,
        "the peak of the resident memory in MiB",
        cause="edge.memory",
        where={"target": edge_benchmark.target},
    )


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
