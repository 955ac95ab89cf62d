"""The stage verdict follows the record alone: limits, order of the stages, precedence of faults."""

from dataclasses import replace

import pytest

from qa_assets.checks.comparison import edge_keeps_precision, edge_stages_agree, not_slower
from qa_assets.core.record import Estimate
from qa_assets.core.records.edge import (
    EdgeComparison,
    Finding,
    LatencyDuel,
    LayerDifference,
    StageDifference,
)

SMALL = tuple(
    StageDifference(stage, 1e-7, 32, "s")  # type: ignore[arg-type]
    for stage in ("decode", "preprocess", "model", "postprocess")
)
GOOD = EdgeComparison(target="pi", outcome="OK", samples=32, stages=SMALL)


def departing(*stages: str) -> EdgeComparison:
    moved = tuple(replace(s, error=0.5) if s.stage in stages else s for s in SMALL)
    return replace(GOOD, stages=moved)


def test_small_differences_pass() -> None:
    assert edge_stages_agree(GOOD).passed
    assert edge_keeps_precision(GOOD).passed


@pytest.mark.parametrize(
    ("stages", "named"),
    [
        (("decode", "model"), "decode"),
        (("preprocess", "postprocess"), "preprocess"),
        (("model",), "model"),
        (("postprocess",), "postprocess"),
    ],
)
def test_the_first_stage_that_departs_is_named(stages: tuple[str, ...], named: str) -> None:
    verdict = edge_stages_agree(departing(*stages))
    assert (verdict.outcome, verdict.where["stage"]) == ("fail", named)
    assert verdict.cause.endswith("departs")
    assert verdict.samples == ("s",)


def test_what_explains_a_stage_is_its_cause_and_its_layer() -> None:
    finding = Finding("model", "edge.tensor_zeroed", "w is zero", "Conv a")
    elsewhere = Finding("decode", "preprocessing.inverted", "inverted")
    found = replace(
        departing("model"), findings=(elsewhere, finding), first_layer="Conv b",
        layers=(LayerDifference("Conv a", "a", 0.5),),
    )  # fmt: skip
    verdict = edge_stages_agree(found)
    assert (verdict.cause, verdict.where["layer"]) == ("edge.tensor_zeroed", "Conv a")
    assert "w is zero" in verdict.summary
    assert {"stages", "causes", "layers"} <= verdict.evidence.keys()
    assert edge_stages_agree(replace(found, stages=SMALL)).passed


def test_what_the_file_lacks_comes_first() -> None:
    fault = Finding("model", "edge.batch_fixed", "the batch is fixed", "pixels")
    refused = replace(GOOD, outcome="REFUSED", stages=(), faults=(fault,))
    assert edge_stages_agree(refused).cause == "edge.batch_fixed"


def test_without_answers_nothing_can_be_told() -> None:
    gone = replace(GOOD, outcome="TIMEOUT", stages=())
    assert edge_stages_agree(gone).outcome == "cannot tell"
    assert edge_keeps_precision(gone).outcome == "cannot tell"


def test_a_file_of_fewer_bits_has_a_budget_of_its_own() -> None:
    rounded = replace(departing("model"), variant="int8", file_error=0.05, runtime_error=1e-6)
    assert edge_stages_agree(rounded).passed
    assert not edge_stages_agree(rounded, max_rounding_error=0.04).passed
    assert not edge_stages_agree(replace(rounded, runtime_error=0.02)).passed
    unsure = edge_stages_agree(replace(rounded, flip_margin=0.4))
    assert unsure.cause == "edge.sure_answers_change"


def duel(low: float, value: float, high: float) -> LatencyDuel:
    return LatencyDuel(target="pi", outcome="OK", ratio=Estimate(value, low, high, 30))


def test_three_verdicts_of_a_duel() -> None:
    assert not_slower(duel(0.98, 1.0, 1.02)).passed
    slower = not_slower(duel(1.18, 1.22, 1.25))
    assert (slower.outcome, slower.cause) == ("fail", "edge.slower")
    assert not_slower(duel(0.9, 1.06, 1.3)).outcome == "cannot tell"
    assert not_slower(replace(duel(1, 1, 1), outcome="CRASH")).outcome == "cannot tell"
    assert not_slower(replace(duel(1, 1, 1), missing="no release")).outcome == "cannot tell"
    assert not_slower(replace(duel(9, 9, 9), excused="emulated")).passed
