"""What a target may cost, keep and lose: every limit, and what is said beyond it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qa_assets.checks.edge import (
    accuracy_kept_on_edge,
    edge_agrees_with_cloud,
    edge_ran_this_model,
    latency_within_budget,
    memory_does_not_grow,
    memory_within_budget,
    size_within_budget,
)
from qa_assets.core.intervals import paired_difference
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table, table_bytes
from qa_assets_tests.checks.test_edge import CLOUD_LOGITS, GONE, GOOD, IDS, MODEL, files, timed

WHERE = {"target": "ort-cpu"}
GROWS = replace(GOOD, rss_growth_mib=9.0, rss_slope_kib=5.0)


def test_the_limits_where_nothing_else_is_said() -> None:
    slow = replace(GOOD, latency_ms={"p50": 1.0, "p90": 100.5})
    verdict = latency_within_budget(slow)
    assert (verdict.outcome, verdict.limit, verdict.where) == ("fail", 100.0, WHERE)
    large = memory_within_budget(replace(GOOD, peak_rss_mib=1024.5))
    assert (large.outcome, large.limit, large.where) == ("fail", 1024.0, WHERE)
    heavy = size_within_budget(replace(GOOD, size=(100 << 20) + 2**19))
    assert (heavy.measured, heavy.limit, heavy.where) == (100.5, 100.0, WHERE)
    for flips in (2, 3):  # of two hundred
        logits = CLOUD_LOGITS.copy()
        logits[:flips] = -logits[:flips]
        edge = replace(GOOD, files=files(logits))
        assert edge_agrees_with_cloud(edge, MODEL, max_relative_error=9.0).passed is (flips == 2)
    apart = CLOUD_LOGITS.copy()
    apart[7] += 0.011 * np.ptp(apart[7]) * (apart[7] == apart[7].max())
    assert not edge_agrees_with_cloud(replace(GOOD, files=files(apart)), MODEL).passed


def test_a_busy_machine_excuses_a_tail_and_no_median() -> None:
    busy = replace(GOOD, contended=True, latency_ms={"p50": 1.5, "p90": 2.0})
    assert latency_within_budget(busy, max_p90_ms=1.5).outcome == "cannot tell"
    assert latency_within_budget(busy, max_p90_ms=1.4).outcome == "fail"
    unknown = replace(busy, latency_ms={"p90": 2.0})
    assert latency_within_budget(unknown, max_p90_ms=1.9).outcome == "fail"


@pytest.mark.parametrize(
    "check", [latency_within_budget, memory_within_budget, memory_does_not_grow]
)
def test_an_emulated_target_is_not_there_for_its_costs(check) -> None:
    dear = replace(GROWS, latency_ms={"p50": 1e6, "p90": 1e6}, peak_rss_mib=1e6, emulated=True)
    assert check(dear).passed
    assert not check(replace(dear, emulated=False)).passed
    assert check(replace(GONE, emulated=True)).outcome == "cannot tell"


def test_the_target_that_gave_no_answers_is_named() -> None:
    for check in (latency_within_budget, memory_within_budget, memory_does_not_grow):
        assert check(GONE).summary == "ort-cpu gave no answers: TIMEOUT"
    assert accuracy_kept_on_edge(GONE, right(IDS)).outcome == "cannot tell"


def test_a_leak_is_a_growth_and_a_slope() -> None:
    verdict = memory_does_not_grow(GROWS)
    assert (verdict.outcome, verdict.cause, verdict.where) == ("fail", "edge.leak", WHERE)
    assert (verdict.measured, verdict.limit) == (9.0, 8.0)
    level = memory_does_not_grow(replace(GROWS, rss_slope_kib=4.0))
    assert (level.outcome, level.measured, level.limit) == ("pass", 4.0, 4.0)
    assert "a call in KiB" in level.summary
    small = memory_does_not_grow(replace(GROWS, rss_growth_mib=8.0))
    assert (small.outcome, small.measured, small.limit) == ("pass", 8.0, 8.0)
    both = memory_does_not_grow(replace(GROWS, rss_growth_mib=8.0, rss_slope_kib=1.0))
    assert both.measured == 8.0


def test_answers_that_are_no_numbers_are_named_before_other_classes() -> None:
    logits = CLOUD_LOGITS.copy()
    logits[4, 1], logits[:3] = np.nan, -logits[:3]
    verdict = edge_agrees_with_cloud(replace(GOOD, files=files(logits)), MODEL)
    assert (verdict.cause, verdict.samples, verdict.where) == (
        "edge.not_finite", (IDS[4],), WHERE,
    )  # fmt: skip
    assert verdict.summary.startswith("1 answers are not finite; ")


def test_another_model_and_its_target_are_told() -> None:
    verdict = edge_ran_this_model(replace(GOOD, model_sha256="2" * 64), MODEL)
    assert verdict.where == WHERE


def right(ids: list[str], labels: np.ndarray | None = None) -> Predictions:
    """A network that is always right on these samples, of classes as the cloud answers them."""
    names = np.array(["a", "b", "c", "d"], dtype=object)
    labels = CLOUD_LOGITS.argmax(axis=1) if labels is None else labels
    frame = pd.DataFrame({"id": ids, "label": names[labels[: len(ids)]], "group": ""})
    frame["predicted"] = frame["label"]
    return Predictions(
        samples=len(ids), classes=tuple(names), weights_digest="w",
        files={SAMPLES: table_bytes(frame)},
    )  # fmt: skip


def test_accuracy_on_the_target_is_compared_sample_by_sample() -> None:
    same = accuracy_kept_on_edge(GOOD, right(IDS))
    assert same.passed
    assert same.measured == 0.0
    flipped = CLOUD_LOGITS.copy()
    flipped[:20] = -flipped[:20]
    worse = accuracy_kept_on_edge(replace(GOOD, files=files(flipped)), right(IDS))
    assert (worse.outcome, worse.cause, worse.where) == ("fail", "edge.accuracy_lost", WHERE)
    assert (worse.measured, worse.samples) == (pytest.approx(-0.1), tuple(IDS[:20]))
    low = paired_difference(0, 20, 200).low
    assert worse.interval is not None
    assert worse.interval[0] == low
    assert accuracy_kept_on_edge(
        replace(GOOD, files=files(flipped)), right(IDS), max_loss=-low
    ).passed
    assert accuracy_kept_on_edge(GOOD, right(IDS[::-1])).outcome == "cannot tell"


def test_what_the_target_gains_is_no_loss() -> None:
    network = right(IDS)
    table = read_table(network, SAMPLES)
    table["predicted"] = "none"  # wrong about everything, and the target right
    weak = replace(network, files={SAMPLES: table_bytes(table)})
    assert accuracy_kept_on_edge(GOOD, weak).measured == 1.0
    few = paired_difference(0, 1, 200).low
    one = CLOUD_LOGITS.copy()
    one[0] = -one[0]
    lost = accuracy_kept_on_edge(replace(GOOD, files=files(one)), network)
    assert lost.passed is (few >= -0.02)


@pytest.mark.parametrize("calls", range(1, 10))
def test_few_calls_fail_where_so_many_are_rarely_too_slow(calls: int) -> None:
    """As often as scipy says, were a tenth of all calls over the budget: one run in forty."""
    for slow in range(calls + 1):
        run = timed(*[40.0] * (calls - slow), *[90.0] * slow)
        verdict = latency_within_budget(run, max_p90_ms=50.0)
        rare = stats.binom.sf(slow - 1, calls, 0.1) <= 0.025
        assert verdict.outcome == ("fail" if rare else "cannot tell")
        if rare:
            assert (verdict.measured, verdict.limit) == (slow / calls, 0.1)
