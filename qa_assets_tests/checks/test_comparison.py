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
    Saturation,
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


def erring(**errors: float) -> EdgeComparison:
    """Stages with these errors, the others without any."""
    return replace(GOOD, stages=tuple(replace(s, error=errors.get(s.stage, 0.0)) for s in SMALL))


@pytest.mark.parametrize(
    ("errors", "limit", "passes"),
    [
        ({"decode": 0.005}, 0.005, True),
        ({"decode": 0.007}, 0.005, False),
        ({"preprocess": 0.01}, 0.01, True),
        ({"preprocess": 0.011}, 0.01, False),
    ],
)
def test_each_stage_has_its_limit(errors: dict[str, float], limit: float, passes: bool) -> None:
    verdict = edge_stages_agree(erring(**errors))
    (measured,) = errors.values()
    assert (verdict.passed, verdict.measured, verdict.limit) == (passes, measured, limit)


def test_what_passed_shows_the_stage_that_is_nearest_to_its_limit() -> None:
    assert edge_stages_agree(erring(decode=0.004, preprocess=0.005)).measured == 0.004
    assert edge_stages_agree(erring(preprocess=0.005)).measured == 0.005


@pytest.mark.parametrize("lost", [{"outcome": "CRASH"}, {"stages": ()}])
def test_a_target_that_ran_without_answers_or_answered_and_died_is_not_judged(lost) -> None:
    verdict = edge_stages_agree(replace(GOOD, **lost))
    assert verdict.outcome == "cannot tell"
    assert "pi gave nothing to compare" in verdict.summary


def test_precision_is_judged_by_the_model_stage_and_of_a_rounded_file_by_the_target() -> None:
    assert not edge_keeps_precision(erring(model=1.1e-4)).passed
    assert edge_keeps_precision(erring(model=1e-4, decode=0.5)).passed
    for variant in ("int8", "fp16"):
        rounded = replace(erring(model=0.5), variant=variant, runtime_error=0.0)
        assert edge_keeps_precision(rounded).passed
        assert not edge_keeps_precision(replace(rounded, runtime_error=0.001)).passed


@pytest.mark.parametrize("variant", ["int8", "fp16"])
def test_what_a_file_of_fewer_bits_may_lose(variant: str) -> None:
    rounded = replace(erring(model=0.5), variant=variant, file_error=0.1, flip_margin=0.15)
    assert edge_stages_agree(rounded).passed
    lost = edge_stages_agree(replace(rounded, file_error=0.11))
    assert (lost.outcome, lost.where) == ("fail", {"target": "pi", "stage": "model"})
    sure = edge_stages_agree(replace(rounded, flip_margin=0.16))
    assert sure.where == {"target": "pi", "stage": "model"}


def test_products_that_overflow_fail_however_little_they_cost_here() -> None:
    wrapped = Finding("model", "edge.int8_overflow", "products wrap", "Conv a")
    found = replace(GOOD, variant="int8", findings=(wrapped,))
    verdict = edge_stages_agree(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "edge.int8_overflow")
    assert verdict.where == {"target": "pi", "stage": "model", "layer": "Conv a"}
    assert edge_stages_agree(replace(found, variant="float")).passed, "it has no such products"
    other = replace(wrapped, cause="edge.other")
    assert edge_stages_agree(replace(found, findings=(other,))).passed


def test_a_last_layer_that_is_exchanged_explains_the_model() -> None:
    finding = Finding("postprocess", "edge.labels_permuted", "classes 1 and 2 change places")
    found = replace(departing("model"), findings=(finding,), first_layer="Gemm z")
    verdict = edge_stages_agree(found)
    assert verdict.cause == "edge.labels_permuted"
    assert verdict.where == {"target": "pi", "stage": "postprocess", "layer": "Gemm z"}
    model = replace(finding, stage="model")
    behind = edge_stages_agree(replace(departing("postprocess"), findings=(model,)))
    assert behind.cause == "postprocessing.departs", "the model came before, and agreed"


def test_the_first_layer_that_departs_belongs_to_the_model_and_what_follows() -> None:
    for stage, layer in (("model", "Conv b"), ("postprocess", "Conv b"), ("decode", "")):
        where = edge_stages_agree(replace(departing(stage), first_layer="Conv b")).where
        assert where == {"target": "pi", "stage": stage, **({"layer": layer} if layer else {})}


def test_an_explanation_is_told_only_where_something_departs() -> None:
    finding = Finding("preprocess", "preprocessing.doubled", "normalised twice")
    told = {
        error: edge_stages_agree(replace(erring(preprocess=error), findings=(finding,))).summary
        for error in (0.01, 0.02)
    }
    assert "twice" not in told[0.01]
    assert "twice" in told[0.02]


def test_evidence_is_every_table_that_holds_something() -> None:
    fault = Finding("model", "edge.batch_fixed", "the batch is fixed", "pixels", 0.5)
    narrow = Saturation("t", -1.0, 1.0, -2.0, 3.0, 0.25)
    found = replace(
        departing("decode"), findings=(fault,), saturations=(narrow,),
        layers=(LayerDifference("Conv a", "a", 0.5),),
    )  # fmt: skip
    shown = edge_stages_agree(found).evidence
    assert shown["stages"].columns == ("stage", "largest error", "worst sample")
    assert shown["stages"].rows[0] == ("decode", 0.5, "s")
    assert shown["causes"].columns == ("stage", "layer", "cause", "what", "explained")
    assert shown["causes"].rows == (
        ("model", "pixels", "edge.batch_fixed", "the batch is fixed", 0.5),
    )
    assert shown["layers"].columns == ("layer", "relative error")
    assert shown["layers"].rows == (("Conv a", 0.5),)
    ranges = shown["quantised ranges that are too small"]
    assert ranges.columns == ("tensor", "low", "high", "seen low", "seen high", "share outside")
    assert ranges.rows == (("t", -1.0, 1.0, -2.0, 3.0, 0.25),)
    assert edge_stages_agree(GOOD).evidence.keys() == {"stages"}


def test_the_edges_of_a_duel() -> None:
    assert not_slower(duel(1.5, 1.6, 2.0), max_slowdown=0.5).outcome == "cannot tell"
    assert not_slower(duel(1.0, 1.2, 1.5), max_slowdown=0.5).passed
    slower = not_slower(duel(1.6, 1.7, 2.0), max_slowdown=0.5)
    assert (slower.where, slower.interval, slower.limit) == ({"target": "pi"}, (1.6, 2.0), 1.5)
    assert not not_slower(duel(1.06, 1.08, 1.1)).passed, "a twentieth, where nothing else is said"
