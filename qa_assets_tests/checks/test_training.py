"""Each check on a real run that went well, and on a run with the fault planted."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qa_assets.checks.training import initial_loss_sane, loss_falls, loss_finite, weights_moved
from qa_assets.core.records import DatasetSnapshot, TrainedWeights
from qa_assets.training.fit import fit
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import CLASSES, LINEAR, SPEC, TWO_LAYERS, digits, written

SNAPSHOT = DatasetSnapshot(name="digits", version="v", samples=1797, classes=CLASSES)


@cache
def trained(source: str = TWO_LAYERS, scale: float = 255.0, **settings: float) -> TrainedWeights:
    """A short real run."""
    used = TrainingSettings.model_validate({"epochs": 6, "batch_size": 16, **settings})
    spec = SPEC.model_copy(update={"scale": scale})
    with TemporaryDirectory() as folder:
        model = written(Path(folder), source)
        return fit(digits(0, 300), digits(1200, 1300), spec, used, model)


def test_a_good_run_passes_every_check() -> None:
    verdicts = [
        loss_falls(trained()),
        loss_finite(trained()),
        weights_moved(trained()),
        initial_loss_sane(trained(), SNAPSHOT),
    ]
    assert [v.outcome for v in verdicts] == ["pass"] * 4
    assert not any(v.cause or v.where for v in verdicts)


@pytest.mark.parametrize("rate", [1e-7, 1e3])
def test_a_learning_rate_far_off_does_not_let_the_loss_fall(rate: float) -> None:
    verdict = loss_falls(trained(learning_rate=rate))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.loss_not_falling")
    assert len(verdict.evidence["history"].rows) == 6


def test_without_a_history_or_a_loss_nothing_can_be_told() -> None:
    assert loss_falls(replace(trained(), history=())).outcome == "cannot tell"
    assert loss_falls(replace(trained(), initial_loss=0.0)).outcome == "cannot tell"
    assert loss_falls(replace(trained(), initial_loss=math.nan)).outcome == "cannot tell"


def test_a_loss_that_is_lost_is_named_by_its_epoch() -> None:
    lost = "return (float('nan') if self.training else 0) + self.last("
    source = TWO_LAYERS.replace("return self.last(", lost)
    weights = trained(source)
    verdict = loss_finite(weights)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.loss_not_finite")
    assert verdict.where == {"epoch": "epoch 1, training"}
    assert loss_falls(weights).outcome == "cannot tell"


def test_a_weight_that_is_lost_is_named_by_its_layer() -> None:
    weights = replace(trained(), moved={**trained().moved, "last.bias": math.nan})
    verdict = loss_finite(weights)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.weights_not_finite")
    assert verdict.where == {"layer": "last.bias"}
    assert weights_moved(weights).outcome == "cannot tell"


def test_a_layer_that_is_not_trained_is_named() -> None:
    held = "self.first = nn.Linear(spec.height * spec.width, 16).requires_grad_(False)"
    source = TWO_LAYERS.replace("self.first = nn.Linear(spec.height * spec.width, 16)", held)
    assert held in source
    verdict = weights_moved(trained(source))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.layer_not_trained")
    assert verdict.where == {"layer": "first.weight, first.bias"}
    assert verdict.measured == 0


def test_a_layer_that_is_declared_frozen_may_stay_and_may_not_move() -> None:
    weights = trained(TWO_LAYERS + "\n\nFROZEN = ('first.',)\n")
    assert weights_moved(weights).passed
    verdict = weights_moved(replace(weights, moved=trained().moved))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.frozen_layer_moved")
    assert verdict.where == {"layer": "first.weight, first.bias"}


def test_a_tiny_learning_rate_moves_nothing() -> None:
    assert weights_moved(trained(learning_rate=1e-7)).cause == "training.layer_not_trained"


def test_a_missing_normalisation_starts_too_high() -> None:
    verdict = initial_loss_sane(trained(LINEAR, scale=1.0), SNAPSHOT)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.initial_loss_high")


def test_weights_that_know_the_answers_at_the_start_are_named() -> None:
    verdict = initial_loss_sane(replace(trained(), initial_loss=0.3), SNAPSHOT)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.initial_loss_low")
    assert verdict.measured == pytest.approx(1 - 0.3 / math.log(10))


def test_a_start_that_is_no_number_cannot_be_judged() -> None:
    lost = replace(trained(), initial_loss=math.nan)
    assert initial_loss_sane(lost, SNAPSHOT).outcome == "cannot tell"
    one = replace(SNAPSHOT, classes=("a",))
    assert initial_loss_sane(trained(), one).outcome == "cannot tell"
