"""Each check on a real run that went well, and on a run with the fault planted."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from qa_assets.checks.training import (
    epochs_completed,
    initial_loss_sane,
    learns_beyond_chance,
    loss_falls,
    loss_finite,
    loss_settled,
    trained_on_everything,
    validation_unseen,
    weights_moved,
)
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.training import Epoch, TrainedWeights
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


def test_validation_that_was_trained_on_is_named() -> None:
    """By id, and by pixels where the ids differ."""
    train = digits(0, 200)
    renamed = replace(train, ids=tuple(f"{i:064x}" for i in range(200)))
    used = TrainingSettings(epochs=1)
    with TemporaryDirectory() as folder:
        model = written(Path(folder), LINEAR)
        for validation in (train, renamed):
            verdict = validation_unseen(fit(train, validation, SPEC, used, model))
            assert verdict.cause == "training.validation_is_training"
        some = validation_unseen(fit(train, digits(190, 260), SPEC, used, model))
    assert (some.outcome, some.cause) == ("fail", "training.validation_leak")
    assert set(some.samples) <= set(train.ids)
    assert validation_unseen(trained()).passed
    assert validation_unseen(replace(trained(), samples={})).outcome == "cannot tell"


def test_missing_epochs_are_named() -> None:
    cut = replace(trained(epochs=15), history=trained(epochs=15).history[:1])
    assert epochs_completed(trained()).passed
    verdict = epochs_completed(cut)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.epochs_missing")
    assert epochs_completed(trained(epochs=1), min_epochs=15).cause == "training.epochs_missing"


def test_early_stopping_is_judged_by_its_rule() -> None:
    early = trained(epochs=60, patience=2, learning_rate=0.05)
    assert len(early.history) < 60
    assert epochs_completed(early).passed
    too_early = replace(early, history=early.history[:-1])
    assert epochs_completed(too_early).cause == "training.epochs_missing"
    other = replace(early, kept_epoch=early.kept_epoch + 1)
    assert epochs_completed(other).cause == "training.best_epoch_not_kept"


def test_shuffled_labels_are_named_after_the_training() -> None:
    order = np.random.default_rng(0).permutation(300)
    train = replace(digits(0, 300), labels=digits(0, 300).labels[order])
    used = TrainingSettings(epochs=60, batch_size=16)
    with TemporaryDirectory() as folder:
        model = written(Path(folder), TWO_LAYERS)
        shuffled = fit(train, digits(1200, 1300), SPEC, used, model)
    verdict = learns_beyond_chance(shuffled)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.labels_shuffled")
    assert learns_beyond_chance(trained()).passed


def test_a_nan_in_a_buffer_is_named() -> None:
    verdict = loss_finite(replace(trained(), not_finite=("norm.running_mean",)))
    assert (verdict.cause, verdict.where) == (
        "training.weights_not_finite", {"layer": "norm.running_mean"},
    )  # fmt: skip


def splits(train: int) -> DatasetSplits:
    classes = {"train": {"a": train - 10, "b": 10}, "test": {"a": 5}}
    return DatasetSplits(counts={"train": train, "test": 5}, groups={}, class_counts=classes)


def test_a_training_that_read_the_whole_split_passes() -> None:
    assert trained_on_everything(trained(), splits(300)).passed
    verdict = trained_on_everything(trained(), splits(400))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.data_dropped")
    assert verdict.measured == 0.75
    assert (
        trained_on_everything(replace(trained(), samples={}), splits(300)).outcome == "cannot tell"
    )


def course(*losses: float) -> TrainedWeights:
    history = tuple(Epoch(i, loss, loss, 0.5) for i, loss in enumerate(losses, 1))
    return replace(trained(), initial_loss=2.0, history=history)


def test_a_loss_that_still_falls_was_stopped_too_early() -> None:
    assert loss_settled(course(1.0, 0.5, 0.2, 0.11, 0.105, 0.1)).passed
    verdict = loss_settled(course(1.8, 1.6, 1.4, 1.2, 1.0, 0.8))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.stopped_early")
    assert verdict.measured == pytest.approx(0.2 / 2.0)
    assert loss_settled(course(1.0, 0.8, 0.7, 0.68)).passed
    assert not loss_settled(course(1.0, 0.8, 0.7, 0.68), max_fall=0.009).passed
    assert not loss_settled(course(1.0)).passed, "one epoch that halves the loss is not the end"
    assert loss_settled(course()).outcome == "cannot tell"
    assert loss_settled(course(math.nan)).outcome == "cannot tell"
