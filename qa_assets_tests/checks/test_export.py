import json
from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest

from qa_assets.checks.export import (
    onnx_agrees_with_torch,
    onnx_carries_weights,
    onnx_describes_itself,
    onnx_self_contained,
    onnx_well_formed,
)
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.training import Epoch, TrainedWeights
from qa_assets.core.tables import array_bytes, read_array, table_bytes
from qa_assets_tests.export.networks import (
    WEIGHTS,
    Tiny,
    edited,
    predictions_of,
    skip_first_relu,
    some_samples,
    tiny_onnx,
    zero,
)

BASE = OnnxModel(
    sha256="0" * 64,
    size=1,
    opset=18,
    ir_version=8,
    operators={},
    inputs={},
    outputs={},
    properties={"provenance": json.dumps({"weights_digest": WEIGHTS})},
    weights_digest=WEIGHTS,
)


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return predictions_of(Tiny(), some_samples()[0])


def weights(digest: str) -> TrainedWeights:
    return TrainedWeights(
        weights_digest=digest,
        parameters=1,
        initial_loss=1.0,
        history=(Epoch(1, 1.0, 1.0, 0.5),),
        moved={},
        settings={},
        environment={},
    )


def test_a_clean_export_passes_every_check(predictions: Predictions) -> None:
    model = tiny_onnx()
    assert onnx_well_formed(model).passed
    assert onnx_self_contained(model).passed
    assert onnx_carries_weights(model, weights(WEIGHTS)).passed
    verdict = onnx_agrees_with_torch(model, predictions)
    assert verdict.passed
    assert verdict.measured == 0.0
    assert verdict.interval == pytest.approx((0.0, 0.0876), abs=1e-4)


def test_faults_of_the_file_are_named() -> None:
    verdict = onnx_well_formed(replace(BASE, faults=("ONNX_OP model.onnx: uses Magic.",)))
    assert verdict.outcome == "fail"
    assert verdict.cause == "export.malformed"
    assert verdict.where == {"fault": "ONNX_OP"}
    assert "Magic" in verdict.summary


def test_a_file_beside_the_model_is_named() -> None:
    outside = replace(
        BASE, external_files=("weights.bin",), faults=("ONNX_EXTERNAL model.onnx: keeps W",)
    )
    verdict = onnx_self_contained(outside)
    assert verdict.cause == "export.external_files"
    assert "weights.bin" in verdict.summary
    assert onnx_well_formed(outside).passed


def test_other_weights_are_named_and_unnamed_ones_cannot_be_told() -> None:
    verdict = onnx_carries_weights(BASE, weights("cd" * 32))
    assert verdict.cause == "export.other_weights"
    assert "abababababab instead of cdcdcdcdcdcd" in verdict.summary
    for properties in ({}, {"provenance": "no json"}, {"provenance": "[]"}, {"provenance": "{}"}):
        unnamed = replace(BASE, properties=properties)
        assert onnx_carries_weights(unnamed, weights(WEIGHTS)).outcome == "cannot tell"


@pytest.mark.parametrize(
    "fault", [skip_first_relu, zero("first.weight"), zero("second.bias"), zero("last.weight")]
)
def test_a_model_that_was_harmed_does_not_agree(fault: object, predictions: Predictions) -> None:
    verdict = onnx_agrees_with_torch(edited(tiny_onnx(), fault), predictions)
    assert verdict.outcome == "fail"
    assert verdict.cause in {"export.other_decisions", "export.other_logits"}
    assert set(verdict.samples) <= set(some_samples()[0].ids)
    assert verdict.samples


def test_a_zeroed_bias_is_seen_in_the_logits_even_where_decisions_hold(
    predictions: Predictions,
) -> None:
    harmed = edited(tiny_onnx(), zero("second.bias"))
    verdict = onnx_agrees_with_torch(harmed, predictions, max_disagreement=1.0)
    assert verdict.cause == "export.other_logits"
    assert verdict.measured > 0.01


def test_bytes_that_were_not_harmed_still_agree(predictions: Predictions) -> None:
    def nothing(proto: onnx.ModelProto) -> None:
        proto.producer_version = "another"

    assert onnx_agrees_with_torch(edited(tiny_onnx(), nothing), predictions).passed


def test_other_samples_or_another_order_cannot_be_told(predictions: Predictions) -> None:
    ids = list(some_samples()[0].ids)[::-1]
    other = {**predictions.files, SAMPLES: table_bytes(pd.DataFrame({"id": ids}))}
    verdict = onnx_agrees_with_torch(tiny_onnx(), replace(predictions, files=other))
    assert verdict.outcome == "cannot tell"
    assert "same samples in the same order" in verdict.summary


def test_broken_answers_fail_and_broken_references_cannot_be_told(
    predictions: Predictions,
) -> None:
    logits = read_array(predictions, LOGITS).copy()
    logits[3, 0] = np.nan
    broken = {LOGITS: array_bytes(logits)}
    model = replace(tiny_onnx(), files={**tiny_onnx().files, **broken})
    verdict = onnx_agrees_with_torch(model, predictions)
    assert verdict.cause == "export.other_decisions"
    assert verdict.samples == (some_samples()[0].ids[3],)
    reference = replace(predictions, files={**predictions.files, **broken})
    assert onnx_agrees_with_torch(tiny_onnx(), reference).outcome == "cannot tell"


def test_what_a_file_says_of_itself_is_true(predictions: Predictions) -> None:
    assert onnx_describes_itself(tiny_onnx(), predictions).passed


@pytest.mark.parametrize(
    ("name", "change", "cause"),
    [
        ("labels", lambda v: v[1:] + v[:1], "export.labels_differ"),
        ("input_spec", lambda v: {**v, "height": 16}, "export.input_differs"),
        ("input_spec", lambda v: {**v, "channels": 3}, "export.input_differs"),
    ],
)
def test_a_statement_that_is_wrong_is_named(predictions: Predictions, name, change, cause) -> None:
    said = tiny_onnx().properties
    wrong = {**said, name: json.dumps(change(json.loads(said[name])))}
    verdict = onnx_describes_itself(replace(tiny_onnx(), properties=wrong), predictions)
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert verdict.where == {"property": name}


@pytest.mark.parametrize("lost", ["labels", "input_spec"])
def test_a_file_that_says_nothing_of_itself_is_no_pass(predictions: Predictions, lost: str) -> None:
    left = {k: v for k, v in tiny_onnx().properties.items() if k != lost}
    verdict = onnx_describes_itself(replace(tiny_onnx(), properties=left), predictions)
    assert (verdict.outcome, verdict.cause) == ("cannot tell", "export.metadata_missing")


def test_layers_that_are_not_in_the_file_explain_a_disagreement(predictions: Predictions) -> None:
    other = read_array(tiny_onnx(), LOGITS) + np.arange(5, dtype=np.float32)
    wrong = replace(tiny_onnx(), files={**tiny_onnx().files, LOGITS: array_bytes(other)})
    for departs, cause in (
        (("first",), "export.layer_departs"),
        (("preprocessing",), "preprocessing.departs_in_file"),
    ):
        verdict = onnx_agrees_with_torch(replace(wrong, departs=departs), predictions)
        assert (verdict.outcome, verdict.cause) == ("fail", cause)
        assert verdict.where == {"layer": departs[0]}
    assert onnx_agrees_with_torch(replace(tiny_onnx(), departs=("first",)), predictions).passed
