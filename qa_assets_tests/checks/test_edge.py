import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.edge import (
    edge_agrees_with_cloud,
    edge_answers,
    edge_ran_this_model,
    latency_within_budget,
    memory_within_budget,
    size_within_budget,
)
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.tables import array_bytes, table_bytes

CLOUD_LOGITS = np.random.default_rng(5).normal(size=(200, 4)).astype(np.float32) * 5
IDS = [f"{i:03d}" for i in range(200)]


def files(logits: np.ndarray, ids: list[str] = IDS) -> dict[str, bytes]:
    return {SAMPLES: table_bytes(pd.DataFrame({"id": ids})), LOGITS: array_bytes(logits)}


MODEL = OnnxModel(
    sha256="1" * 64,
    size=3 << 20,
    opset=18,
    ir_version=8,
    operators={},
    inputs={},
    outputs={},
    properties={},
    weights_digest="",
    files=files(CLOUD_LOGITS),
)
GOOD = EdgeBenchmark(
    target="ort-cpu",
    outcome="OK",
    model_sha256="1" * 64,
    samples=200,
    latency_ms={"p50": 1.0, "p90": 2.0, "p99": 3.0},
    peak_rss_mib=60.0,
    size=3 << 20,
    files=files(CLOUD_LOGITS),
)
GONE = EdgeBenchmark(
    target="ort-cpu", outcome="TIMEOUT", message="60 s", model_sha256="1" * 64, size=3 << 20
)


def test_a_good_benchmark_passes_every_check() -> None:
    assert edge_answers(GOOD).passed
    assert edge_ran_this_model(GOOD, MODEL).passed
    assert edge_agrees_with_cloud(GOOD, MODEL).passed
    assert latency_within_budget(GOOD).passed
    assert memory_within_budget(GOOD).passed
    assert size_within_budget(GOOD).passed


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        ("REFUSED", "edge.refused"),
        ("CRASH", "edge.crash"),
        ("TIMEOUT", "edge.timeout"),
        ("NO-RESULT", "edge.no_result"),
    ],
)
def test_a_target_that_does_not_answer_fails_with_its_own_cause(outcome: str, cause: str) -> None:
    verdict = edge_answers(replace(GONE, outcome=outcome, message="why"))
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert verdict.where == {"target": "ort-cpu"}
    assert f"{outcome}: why" in verdict.summary


def test_without_answers_nothing_else_can_be_told() -> None:
    assert edge_agrees_with_cloud(GONE, MODEL).outcome == "cannot tell"
    assert latency_within_budget(GONE).outcome == "cannot tell"
    assert memory_within_budget(GONE).outcome == "cannot tell"


def test_another_model_on_the_target_is_named() -> None:
    verdict = edge_ran_this_model(replace(GOOD, model_sha256="2" * 64), MODEL)
    assert verdict.cause == "edge.other_model"
    assert "222222222222 instead of 111111111111" in verdict.summary


def test_flipped_answers_are_counted_and_named_by_sample() -> None:
    flipped = CLOUD_LOGITS.copy()
    flipped[:3] = -flipped[:3]
    edge = replace(GOOD, files=files(flipped))
    verdict = edge_agrees_with_cloud(edge, MODEL)
    assert verdict.cause == "edge.other_decisions"
    assert verdict.measured == 3 / 200
    assert sorted(verdict.samples) == IDS[:3]
    assert verdict.where == {"target": "ort-cpu"}
    relaxed = edge_agrees_with_cloud(edge, MODEL, max_disagreement=0.02, max_relative_error=3.0)
    assert relaxed.passed


def test_small_departures_without_flips_are_seen_in_the_logits() -> None:
    apart = CLOUD_LOGITS.copy()
    apart[7] += 0.02 * np.ptp(apart[7]) * (apart[7] == apart[7].max())
    verdict = edge_agrees_with_cloud(replace(GOOD, files=files(apart)), MODEL)
    assert verdict.cause == "edge.other_logits"
    assert verdict.samples == (IDS[7],)
    assert verdict.measured == pytest.approx(0.02, rel=1e-4)


def test_fewer_samples_or_other_classes_cannot_be_told() -> None:
    fewer = replace(GOOD, files=files(CLOUD_LOGITS[:9], IDS[:9]))
    wider = replace(GOOD, files=files(CLOUD_LOGITS[:, :3]))
    none = replace(GOOD, files=files(CLOUD_LOGITS[:0], []))
    for edge, model in ((fewer, MODEL), (wider, MODEL), (none, replace(MODEL, files=none.files))):
        assert edge_agrees_with_cloud(edge, model).outcome == "cannot tell"


def test_latency_beyond_the_budget_fails_unless_others_used_the_machine() -> None:
    verdict = latency_within_budget(GOOD, max_p90_ms=1.5)
    assert (verdict.outcome, verdict.cause, verdict.measured) == ("fail", "edge.slow", 2.0)
    busy = replace(GOOD, contended=True)
    assert latency_within_budget(busy, max_p90_ms=1.5).outcome == "cannot tell"
    assert latency_within_budget(busy).passed


def test_too_few_calls_are_no_percentile() -> None:
    few = replace(GOOD, latency_ms={"p50": 1.0})
    assert latency_within_budget(few).outcome == "cannot tell"


def timed(*ms: float, contended: bool = False) -> EdgeBenchmark:
    times = {"latencies.npy": array_bytes(np.array(ms))}
    return replace(GOOD, latency_ms={"p50": 1.0}, files=times, contended=contended)


def test_few_calls_are_enough_where_most_are_too_slow() -> None:
    """Six of ten over the budget: were it the 90th percentile, one in 7,000 such runs."""
    assert latency_within_budget(timed(*[40.0] * 6, *[90.0] * 4), max_p90_ms=50.0).measured == 0.4
    verdict = latency_within_budget(timed(*[40.0] * 4, *[90.0] * 6), max_p90_ms=50.0)
    assert (verdict.outcome, verdict.cause, verdict.measured) == ("fail", "edge.slow", 0.6)
    assert verdict.where == {"target": "ort-cpu"}
    assert "calls over 50 ms (6 of 10)" in verdict.summary
    busy = timed(*[40.0] * 4, *[90.0] * 6, contended=True)
    assert latency_within_budget(busy, max_p90_ms=50.0).cause == "edge.slow", "the median is over"
    for unsure in (
        timed(*[40.0] * 7, *[90.0] * 3),  # one run in fourteen
        timed(),
        timed(*[40.0] * 5, *[90.0] * 5, contended=True),
        timed(*[50.0] * 10),
        timed(90.0),
    ):
        assert latency_within_budget(unsure, max_p90_ms=50.0).outcome == "cannot tell"


def test_memory_and_size_beyond_their_budgets_fail() -> None:
    assert memory_within_budget(GOOD, max_rss_mib=59.0).cause == "edge.memory"
    assert size_within_budget(GOOD, max_size_mib=2.9).cause == "edge.size"
    unknown = replace(GOOD, peak_rss_mib=math.nan)
    assert memory_within_budget(unknown).outcome == "cannot tell"
