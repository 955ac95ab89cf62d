"""The network is evaluated on what was declared, and judged by the labels of the data."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from qa_assets.checks.inputs import evaluated_as_declared, labels_as_in_data
from qa_assets.core.config import InputSpec
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.tables import table_bytes
from qa_assets.evaluation.predictions import predict
from qa_assets.preprocessing.image import normalise
from qa_assets.preprocessing.recognise import given_as
from qa_assets_tests.evaluation.tables import answered
from qa_assets_tests.training.digits import digits

SPEC = InputSpec(height=8, width=8, channels=1, mean=(0.305,), std=(0.376,))
SOME = digits(0, 40)


class Answers(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :10]


@pytest.fixture(scope="module")
def snapshot() -> DatasetSnapshot:
    table = pd.DataFrame({"id": [f"{i:04d}" for i in range(4)], "label": list("abab")})
    files = {SAMPLES: table_bytes(table)}
    return DatasetSnapshot(name="s", version="v", samples=4, classes=("a", "b"), files=files)


def test_what_the_network_is_given_is_recorded_as_declared() -> None:
    made = predict(Answers(), SOME, SPEC, "w")
    assert made.input_is == "declared"
    assert evaluated_as_declared(made).passed


MIXUPS = {
    "preprocessing.images_transposed": lambda x: x.swapaxes(2, 3),
    "preprocessing.normalisation_doubled": lambda x: (x - SPEC.mean[0]) / SPEC.std[0],
    "preprocessing.normalisation_missing": lambda x: x * SPEC.std[0] + SPEC.mean[0],
    "preprocessing.images_turned": lambda x: x[:, :, ::-1],
    "preprocessing.departs": lambda x: x + 0.1,
}


@pytest.mark.parametrize("cause", MIXUPS)
def test_another_input_is_named(cause: str) -> None:
    seen = np.ascontiguousarray(MIXUPS[cause](normalise(SOME.pixels, SPEC)), np.float32)
    made = replace(predict(Answers(), SOME, SPEC, "w"), input_is=given_as(seen, SOME.pixels, SPEC))
    verdict = evaluated_as_declared(made)
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert verdict.where == {"stage": "evaluation", "found": made.input_is}
    assert made.input_is in verdict.summary


def test_another_size_departs_and_nobody_looking_is_no_pass() -> None:
    assert given_as(np.zeros((2, 1, 4, 4), np.float32), SOME.pixels[:2], SPEC) == "departs"
    made = replace(predict(Answers(), SOME, SPEC, "w"), input_is="")
    assert evaluated_as_declared(made).outcome == "cannot tell"


def test_labels_of_the_data_are_those_of_the_answers(snapshot: DatasetSnapshot) -> None:
    assert labels_as_in_data(answered(["a", "b"], [0, 1, 0, 1], [0, 0, 0, 0]), snapshot).passed


def test_a_label_that_is_not_the_datas_is_named(snapshot: DatasetSnapshot) -> None:
    shifted = labels_as_in_data(answered(["a", "b"], [0, 1, 1, 1], [0, 0, 0, 0]), snapshot)
    assert (shifted.outcome, shifted.cause) == ("fail", "data.labels_misaligned")
    assert shifted.samples == ("0002",)
    unknown = labels_as_in_data(answered(["a", "b"], [0] * 5, [0] * 5), snapshot)
    assert unknown.samples == ("0001", "0003", "0004")
    assert unknown.evidence["labels"].rows[-1] == ("0004", "a", None)
    assert unknown.evidence["labels"].columns == ("sample", "judged by", "in the data")
    assert (unknown.measured, unknown.limit) == (3, 0)
    assert "0001 as 'a', not 'b'" in unknown.summary
    many = labels_as_in_data(answered(["x"], [0] * 60, [0] * 60), snapshot)
    assert (many.measured, len(many.samples)) == (60, 50)
    assert len(many.evidence["labels"].rows) == 50


@pytest.mark.parametrize(("found", "outcome"), [("declared", "pass"), ("other", "pass")])
def test_what_nothing_known_explains_is_not_held_against_the_input(
    found: str, outcome: str
) -> None:
    made = replace(answered(["a"], [0], [0]), input_is=found)
    verdict = evaluated_as_declared(made)
    assert (verdict.outcome, verdict.cause, verdict.measured) == (outcome, "", 0)
