"""Limits of a training run, on histories that are written down: edges, defaults, what is shown."""

import math
from dataclasses import replace

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
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.training import Epoch, TrainedWeights

HISTORY = tuple(Epoch(i, 1.0 / i, 2.0 / i, 0.5 + i / 100) for i in (1, 2, 3))
RUN = TrainedWeights(
    weights_digest="w", parameters=2, initial_loss=2.0, history=HISTORY, kept_epoch=3,
    moved={"a": 0.5, "b": 0.001}, samples={"train": 99, "validation": 100}, majority=0.1,
    settings={"epochs": 3, "patience": 0}, environment={},
)  # fmt: skip


def losing(*losses: float, start: float = 1.0) -> TrainedWeights:
    epochs = tuple(Epoch(i + 1, loss, loss, 0.5) for i, loss in enumerate(losses))
    return replace(RUN, initial_loss=start, history=epochs)


def classes(count: int) -> DatasetSnapshot:
    names = tuple(f"c{i}" for i in range(count))
    return DatasetSnapshot(name="d", version="v", samples=9, classes=names)


def test_how_much_of_the_loss_may_be_left() -> None:
    assert loss_falls(losing(0.9)).passed
    verdict = loss_falls(losing(0.5, 0.91))
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("fail", 0.91, 0.9)
    shown = verdict.evidence["history"]
    assert shown.columns == ("epoch", "train loss", "validation loss", "validation accuracy")
    assert loss_falls(RUN).evidence["history"].rows[1] == (2, 0.5, 1.0, 0.52)
    assert loss_falls(RUN).measured == pytest.approx(1 / 6)
    for broken in (losing(0.5, start=0.0), losing(), losing(0.5, start=math.nan)):
        assert loss_falls(broken).outcome == "cannot tell"


def test_every_number_that_was_lost_is_named() -> None:
    assert loss_finite(RUN).passed
    start = loss_finite(losing(0.5, start=math.inf))
    assert start.where == {"epoch": "before the first step"}
    epochs = (*HISTORY[:1], replace(HISTORY[1], validation_loss=math.nan))
    later = loss_finite(replace(RUN, history=epochs))
    assert (later.cause, later.where) == (
        "training.loss_not_finite", {"epoch": "epoch 2, validation"},
    )  # fmt: skip
    fitted = (replace(HISTORY[0], train_loss=math.inf),)
    assert loss_finite(replace(RUN, history=fitted)).where == {"epoch": "epoch 1, training"}
    weights = replace(RUN, moved={"a": math.nan, "b": 1.0}, not_finite=("a", "c"))
    verdict = loss_finite(weights)
    assert (verdict.cause, verdict.where, verdict.measured) == (
        "training.weights_not_finite", {"layer": "a, c"}, 2,
    )  # fmt: skip


def test_how_far_a_tensor_must_move() -> None:
    assert weights_moved(RUN).passed
    still = replace(RUN, moved={"a": 0.0009, "b": 0.5, "c": 0.0001})
    verdict = weights_moved(still)
    assert (verdict.outcome, verdict.cause) == ("fail", "training.layer_not_trained")
    assert (verdict.measured, verdict.where) == (0.0001, {"layer": "a, c"})
    assert "(c)" in verdict.summary
    shown = verdict.evidence["changes"]
    assert shown.columns == ("tensor", "relative change")
    assert shown.rows[0] == ("a", 0.0009)
    edge = weights_moved(replace(RUN, moved={"a": 0.0009, "b": 0.001}))
    assert edge.where == {"layer": "a"}, "b moved as far as it must"
    frozen = replace(still, frozen=("a", "c"))
    loose = weights_moved(frozen)
    assert (loose.cause, loose.where) == ("training.frozen_layer_moved", {"layer": "a, c"})
    assert weights_moved(replace(frozen, moved={"a": 0.0, "b": 0.5, "c": 0.0})).passed
    lost = weights_moved(replace(RUN, moved={"a": math.nan, "b": 0.5}))
    assert (lost.outcome, lost.summary) == ("cannot tell", "no change is known of a")
    nothing = weights_moved(replace(RUN, moved={"a": 0.0}, frozen=("a",)))
    assert nothing.summary == "no change is known of any trained tensor"


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        (1.49, ""), (1.51, "training.initial_loss_high"), (0.51, ""),
        (0.49, "training.initial_loss_low"),
    ],
)  # fmt: skip
def test_a_start_is_near_that_of_guessing(factor: float, cause: str) -> None:
    run = replace(RUN, initial_loss=factor * math.log(4))
    verdict = initial_loss_sane(run, classes(4))
    assert verdict.cause == cause
    assert verdict.measured == pytest.approx(abs(factor - 1))


def test_guessing_needs_two_classes() -> None:
    assert initial_loss_sane(replace(RUN, initial_loss=math.log(2)), classes(2)).passed
    for count in (0, 1):
        assert initial_loss_sane(RUN, classes(count)).outcome == "cannot tell"


def test_validation_samples_that_were_trained_on() -> None:
    shared = tuple(f"s{i}" for i in range(100))
    assert validation_unseen(replace(RUN, shared=shared[:1])).passed
    leak = validation_unseen(replace(RUN, shared=shared[:60]))
    assert (leak.cause, leak.measured) == ("training.validation_leak", 0.6)
    assert leak.samples == shared[:50]
    assert not validation_unseen(replace(RUN, shared=shared[:2])).passed
    whole = validation_unseen(replace(RUN, shared=shared))
    assert whole.cause == "training.validation_is_training"
    assert validation_unseen(replace(RUN, samples={})).outcome == "cannot tell"


def test_epochs_are_those_that_were_set() -> None:
    assert epochs_completed(RUN).passed
    once = replace(RUN, history=HISTORY[:1], settings={"epochs": 1, "patience": 0})
    assert epochs_completed(once).passed, "one is enough, where nothing else is said"
    fewer = epochs_completed(replace(RUN, history=HISTORY[:2]))
    assert (fewer.outcome, fewer.cause) == ("fail", "training.epochs_missing")
    assert (fewer.measured, fewer.limit, fewer.where) == (2, 3, {"set": "3"})
    assert epochs_completed(RUN, min_epochs=4).limit == 4
    assert not epochs_completed(RUN, min_epochs=4).passed
    none = epochs_completed(replace(RUN, history=()))
    assert (none.outcome, none.measured) == ("fail", 0)
    assert epochs_completed(replace(RUN, settings={})).outcome == "cannot tell"
    one = replace(RUN, history=(), settings={"epochs": 0, "patience": 0})
    assert not epochs_completed(one).passed, "one epoch at least, whatever the settings say"


@pytest.mark.parametrize(
    ("patience", "kept", "cause"),
    [
        (2, 1, ""),  # two epochs after the best
        (3, 1, "training.epochs_missing"),  # it did not wait as long as it should
        (2, 3, "training.best_epoch_not_kept"),
        (0, 3, "training.epochs_missing"),
    ],
)
def test_an_early_stop_keeps_the_best_epoch(patience: int, kept: int, cause: str) -> None:
    run = replace(
        losing(0.1, 0.2, 0.3), kept_epoch=kept, settings={"epochs": 9, "patience": patience}
    )
    assert epochs_completed(run).cause == cause


def test_a_kept_epoch_that_is_not_the_best_is_told() -> None:
    run = replace(losing(0.1, 0.2), kept_epoch=2, settings={"epochs": 9, "patience": 1})
    assert "epoch 2 was kept, the best is 1" in epochs_completed(run).summary


def split_of(train: int) -> DatasetSplits:
    counts = {"train": {"a": train - 1, "b": 1}, "test": {"a": 50}} if train else {}
    return DatasetSplits(counts={}, groups={}, class_counts=counts)


def test_a_hundredth_of_the_train_split_may_be_dropped() -> None:
    assert trained_on_everything(RUN, split_of(100)).passed
    verdict = trained_on_everything(replace(RUN, samples={"train": 98}), split_of(100))
    assert (verdict.outcome, verdict.cause, verdict.measured) == (
        "fail", "training.data_dropped", 0.98,
    )  # fmt: skip
    assert "(98 of 100)" in verdict.summary
    assert trained_on_everything(RUN, split_of(0)).outcome == "cannot tell"
    assert trained_on_everything(replace(RUN, samples={}), split_of(9)).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("losses", "fall"),
    [
        ((0.5,), 0.5),
        ((0.5, 0.25), 0.25),
        ((0.5, 0.25, 0.125), 0.125),
        ((0.9, 0.8, 0.7, 0.6, 0.4, 0.1), 0.25),  # the last third: from 0.6 over two epochs
        ((0.9, 0.8, 0.7, 0.6, 0.4, 0.1, 0.1, 0.1, 0.1), 0.0),
    ],
)
def test_the_last_third_of_the_epochs_tells_whether_it_settled(
    losses: tuple[float, ...], fall: float
) -> None:
    assert loss_settled(losing(*losses)).measured == pytest.approx(fall)
    doubled = losing(*(2 * v for v in losses), start=2.0)
    assert loss_settled(doubled).measured == pytest.approx(fall)


def test_a_hundredth_an_epoch_is_settled() -> None:
    assert loss_settled(losing(0.509, 0.5)).passed
    verdict = loss_settled(losing(0.52, 0.5))
    assert (verdict.outcome, verdict.cause) == ("fail", "training.stopped_early")
    assert loss_settled(losing()).outcome == "cannot tell"
    assert loss_settled(losing(0.5, start=0.0)).outcome == "cannot tell"


def test_the_kept_epoch_must_beat_the_most_frequent_label() -> None:
    low = share(53, 100, confidence=0.999).low
    assert learns_beyond_chance(replace(RUN, majority=low)).passed
    beyond = learns_beyond_chance(replace(RUN, majority=low + 1e-9))
    assert (beyond.outcome, beyond.cause) == ("fail", "data.labels_shuffled")
    first = learns_beyond_chance(replace(RUN, kept_epoch=1))
    assert first.measured == share(51, 100, confidence=0.999).low
    assert learns_beyond_chance(replace(RUN, kept_epoch=0)).measured == first.measured
    slow = replace(RUN, kept_epoch=1, majority=0.9)
    assert learns_beyond_chance(slow).cause == "training.nothing_learned", "half is not below half"
    for lost in ({"samples": {}}, {"history": ()}, {"majority": 0.0}):
        assert learns_beyond_chance(replace(RUN, **lost)).outcome == "cannot tell"
