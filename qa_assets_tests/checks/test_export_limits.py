"""What a file and its variants may lose, and how what is wrong with one is told."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.export import (
    onnx_agrees_with_torch,
    onnx_carries_weights,
    onnx_describes_itself,
    onnx_self_contained,
    onnx_well_formed,
    variants_agree,
)
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.export import OnnxModel, Variant
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.core.verdict import Verdict

IDS = table_bytes(pd.DataFrame({"id": [f"s{i:03}" for i in range(200)]}))
RIGHT = np.tile([[0.0, 1.0, 0.875]], (200, 1))
"""A margin of an eighth of the range."""
SAYS = {
    "labels": json.dumps(["a", "b", "c"]),
    "input_spec": json.dumps({"height": 8, "width": 9, "channels": 1}),
    "provenance": json.dumps({"weights_digest": "ab" * 32}),
}


def model(**rounded: np.ndarray) -> OnnxModel:
    variants = {name: Variant("1" * 64, 1, 18, 8, {}) for name in rounded}
    files = {f"logits.{name}.npy": array_bytes(logits) for name, logits in rounded.items()}
    return OnnxModel(
        sha256="0" * 64, size=1, opset=18, ir_version=8, operators={}, outputs={},
        inputs={"pixels": "uint8[batch, 8, 9, 1]"}, properties=SAYS, weights_digest="",
        variants=variants,  # type: ignore[arg-type]
        files={SAMPLES: IDS, LOGITS: array_bytes(RIGHT), **files},
    )  # fmt: skip


def network(logits: np.ndarray = RIGHT) -> Predictions:
    return Predictions(
        samples=200, classes=("a", "b", "c"), weights_digest="w",
        files={SAMPLES: IDS, LOGITS: array_bytes(logits)},
    )  # fmt: skip


def with_change(rows: int, column: int, by: float) -> np.ndarray:
    logits = RIGHT.copy()
    logits[:rows, column] += by
    return logits


def test_without_variants_there_is_nothing_to_lose() -> None:
    verdict = variants_agree(model())
    assert (verdict.outcome, verdict.measured) == ("pass", 0.0)
    assert verdict.summary == "no other file was made"


@pytest.mark.parametrize(
    ("rounded", "cause"),
    [
        (with_change(200, 0, 0.1), ""),  # a tenth of the range
        (with_change(200, 0, 0.11), "export.int8_logits"),
        (with_change(2, 2, 0.13), "export.int8_logits"),  # one in a hundred, but far apart
        (with_change(3, 2, 0.13), "export.int8_decisions"),
    ],
)
def test_what_rounding_may_change(rounded: np.ndarray, cause: str) -> None:
    verdict = variants_agree(model(static=RIGHT, int8=rounded))
    assert verdict.cause == cause
    assert verdict.where == ({"variant": "int8"} if cause else {})
    assert "the int8 file and the exported one" in verdict.summary


def judged(margin: float, other: int = 0, **limits: float) -> Verdict:
    """Two samples of a lead of ``margin`` change their class, in another file ``other`` do."""
    exact = np.tile([[0.0, 1.0, 0.0]], (200, 1))
    exact[:2, 2] = 1 - margin
    rounded = exact.copy()
    rounded[:2, 2] = 1.01
    changed = exact.copy()
    changed[:other, 0] = 1.5
    found = model(int8=rounded, static=changed)
    files = {**found.files, LOGITS: array_bytes(exact)}
    return variants_agree(replace(found, files=files), max_rounding_error=1.0, **limits)


def test_a_sure_answer_that_changes_is_not_put_down_to_rounding() -> None:
    assert judged(0.125).passed
    verdict = judged(0.25)
    assert (verdict.outcome, verdict.cause) == ("fail", "export.int8_sure_answers_change")
    assert (verdict.measured, verdict.limit) == (0.25, 0.15)
    assert verdict.where == {"variant": "int8"}
    assert judged(0.25, max_flip_margin=0.25).passed
    both = judged(0.25, other=3, max_flip_margin=0.25)
    assert both.where == {"variant": "static"}, "a file at its limit hides no other one"
    assert judged(0.16).outcome == "fail"


def test_the_file_may_differ_from_the_network_by_a_hundredth() -> None:
    assert onnx_agrees_with_torch(model(), network(with_change(2, 0, 0.0099))).passed
    assert not onnx_agrees_with_torch(model(), network(with_change(2, 0, 0.0102))).passed
    flipped = with_change(2, 2, 0.13)
    assert onnx_agrees_with_torch(model(), network(flipped), max_relative_error=1.0).passed
    three = network(with_change(3, 2, 0.13))
    assert not onnx_agrees_with_torch(model(), three, max_relative_error=1.0).passed


def test_what_cannot_be_compared_is_not_explained_by_a_layer() -> None:
    other = replace(network(), files={SAMPLES: table_bytes(pd.DataFrame({"id": ["x"]})),
                                      LOGITS: array_bytes(RIGHT[:1])})  # fmt: skip
    verdict = onnx_agrees_with_torch(replace(model(), departs=("first",)), other)
    assert (verdict.outcome, verdict.where) == ("cannot tell", {})
    far = network(with_change(9, 2, 0.2))
    told = onnx_agrees_with_torch(replace(model(), departs=("first", "second")), far)
    assert told.where == {"layer": "first, second"}
    assert told.summary.endswith("the first layers that are not in the file: first, second")


def test_faults_of_a_variant_are_faults_of_the_model() -> None:
    broken = replace(model(int8=RIGHT).variants["int8"], faults=("ONNX_IR int8: is 12.",))
    verdict = onnx_well_formed(replace(model(), variants={"int8": broken}))
    assert (verdict.outcome, verdict.where) == ("fail", {"fault": "ONNX_IR"})
    assert verdict.measured == 1
    clean = onnx_well_formed(model(int8=RIGHT))
    assert (clean.outcome, clean.where) == ("pass", {})


def test_a_file_that_keeps_weights_outside_is_not_self_contained() -> None:
    told = replace(model(), faults=("ONNX_EXTERNAL model.onnx: keeps W outside.",))
    verdict = onnx_self_contained(told)
    assert (verdict.outcome, verdict.cause) == ("fail", "export.external_files")
    assert onnx_self_contained(replace(model(), faults=("ONNX_OP x",))).passed


def weights(digest: str) -> TrainedWeights:
    return TrainedWeights(
        weights_digest=digest, parameters=1, initial_loss=1.0, history=(), moved={}, settings={},
        environment={},
    )  # fmt: skip


def test_the_weights_inside_are_named() -> None:
    assert onnx_carries_weights(model(), weights("ab" * 32)).passed
    verdict = onnx_carries_weights(model(), weights("cd" * 32))
    assert verdict.cause == "export.other_weights"
    assert "abababababab instead of cdcdcdcdcdcd" in verdict.summary


@pytest.mark.parametrize(
    ("inputs", "passes"),
    [
        ({"pixels": "uint8[batch, 8, 9, 1]"}, True),
        ({"pixels": "uint8[1, 8, 9, 1]"}, True),
        ({"pixels": "uint8[batch, 9, 8, 1]"}, False),
        ({"pixels": "uint8[batch, 8, 9]"}, False),
        ({"other": "uint8[batch, 8, 9, 1]"}, False),
    ],
)
def test_the_size_that_the_file_states_is_the_one_it_takes(
    inputs: dict[str, str], passes: bool
) -> None:
    verdict = onnx_describes_itself(replace(model(), inputs=inputs), network())
    assert verdict.passed is passes
    assert verdict.where == ({} if passes else {"property": "input_spec"})


def test_labels_are_told_before_the_size() -> None:
    both = replace(network(), classes=("x", "y", "z"))
    verdict = onnx_describes_itself(replace(model(), inputs={}), both)
    assert (verdict.cause, verdict.measured) == ("export.labels_differ", 2)
    assert verdict.where == {"property": "labels"}
    assert "labels begin with ('a', 'b', 'c')" in verdict.summary
    assert "input [8, 9, 1], it takes []" in verdict.summary
    lost = onnx_describes_itself(replace(model(), properties={}), network())
    assert "KeyError 'labels'" in lost.summary
