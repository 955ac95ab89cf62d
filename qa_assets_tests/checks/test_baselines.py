"""Stages of complexity, and whole datasets that are mixed up, with hand-made digits beside them."""

from dataclasses import replace

import numpy as np
import pytest

from qa_assets.checks.baselines import complexity_earns_its_keep, data_read_as_by_hand
from qa_assets.core.intervals import paired_difference
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.training import Baselines
from qa_assets.evaluation.metrics import evaluate
from qa_assets.preprocessing.hand_made import critical_samples
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.baselines import baselines
from qa_assets_tests.evaluation.tables import answered, baseline
from qa_assets_tests.training.digits import CLASSES, SHIPPED, SPEC, digits

TRAIN, TEST = digits(0, 1200), digits(1350, 1500)
CASES = critical_samples(SHIPPED.parent / "edge_cases", CLASSES, SPEC)


def measured(**right: int) -> Evaluation:
    """Of 400 samples so many are right, the first ones, stage by stage."""
    labels = [0, 1] * 200
    said = {n: [y if i < k else 1 - y for i, y in enumerate(labels)] for n, k in right.items()}
    model = said.pop("model")
    return evaluate(answered(("a", "b"), labels, model), baseline(("a", "b"), labels, **said))


def test_every_stage_that_gains_earns_its_keep() -> None:
    verdict = complexity_earns_its_keep(measured(majority=200, linear=300, small=340, model=380))
    assert verdict.passed
    rows = verdict.evidence["stages"].rows
    names = [row[0] for row in rows]
    assert names == ["linear over majority", "small over linear", "the model over small"]
    right = paired_difference(40, 0, 400)
    assert rows[2][1:4] == pytest.approx((right.value, right.low, right.high))


@pytest.mark.parametrize(
    ("stages", "named"),
    [
        ({"majority": 200, "linear": 300, "small": 302, "model": 380}, "small over linear"),
        ({"majority": 200, "linear": 300, "small": 380, "model": 382}, "the model over small"),
        ({"majority": 200, "linear": 300, "small": 380, "model": 350}, "the model over small"),
    ],
)
def test_a_stage_that_may_gain_nothing_is_named(stages: dict[str, int], named: str) -> None:
    verdict = complexity_earns_its_keep(measured(**stages))
    assert verdict.outcome == "fail"
    assert verdict.cause == "evaluation.complexity_unearned"
    assert verdict.where["stage"] == named


def test_without_a_simpler_model_nothing_is_earned() -> None:
    alone = replace(measured(majority=200, model=380), steps={})
    assert complexity_earns_its_keep(alone).outcome == "cannot tell"


def read(train: LabelledSamples, *, cases: bool = True) -> Baselines:
    return baselines(train, TEST, SPEC, CASES if cases else None)


def test_digits_are_read_as_by_hand() -> None:
    verdict = data_read_as_by_hand(read(TRAIN))
    assert verdict.passed, verdict.summary


MIXUPS = {
    "labels shifted": (lambda s: replace(s, labels=(s.labels + 1) % 10), "data.labels_shifted"),
    "labels shifted back": (
        lambda s: replace(s, labels=(s.labels - 3) % 10),
        "data.labels_shifted",
    ),
    "transposed": (
        lambda s: replace(s, pixels=s.pixels.swapaxes(1, 2)),
        "preprocessing.images_transposed",
    ),
    "upside down and back": (
        lambda s: replace(s, pixels=s.pixels[:, ::-1, ::-1]),
        "preprocessing.images_turned",
    ),
    "inverted": (
        lambda s: replace(s, pixels=255 - s.pixels),
        "preprocessing.images_inverted",
    ),
}


@pytest.mark.parametrize("name", MIXUPS)
def test_a_mixup_of_the_whole_dataset_is_named(name: str) -> None:
    change, cause = MIXUPS[name]
    verdict = data_read_as_by_hand(read(change(TRAIN)))
    assert (verdict.outcome, verdict.cause) == ("fail", cause), verdict.summary
    if name == "labels shifted back":
        assert verdict.where == {"shift": "7"}


@pytest.mark.parametrize("seed", range(3))
def test_labels_that_say_nothing_are_no_mixup(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    verdict = data_read_as_by_hand(read(replace(TRAIN, labels=drawn.permutation(TRAIN.labels))))
    assert verdict.outcome == "cannot tell"


def test_without_hand_made_samples_it_cannot_be_told() -> None:
    assert data_read_as_by_hand(read(TRAIN, cases=False)).outcome == "cannot tell"
