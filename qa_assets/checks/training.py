"""Checks on a training run: did it learn, everywhere it should, from a sane start."""

import math

from qa_assets.core.check import check
from qa_assets.core.config import Positive
from qa_assets.core.records import DatasetSnapshot, TrainedWeights
from qa_assets.core.verdict import (
    Evidence,
    Verdict,
    at_least,
    at_most,
    cannot_tell,
    none_of,
)


@check
def loss_falls(trained_weights: TrainedWeights, *, max_ratio: Positive = 0.5) -> Verdict:
    """The last training loss is well below the loss before the first step.

    Args:
        trained_weights: Its history is judged.
        max_ratio: Largest share of the initial loss that may be left.
    """
    history, start = trained_weights.history, trained_weights.initial_loss
    if not history or not start > 0:
        return cannot_tell("an initial loss above zero and at least one epoch are needed")
    rows = tuple((e.epoch, e.train_loss, e.validation_loss, e.validation_accuracy) for e in history)
    columns = ("epoch", "train loss", "validation loss", "validation accuracy")
    return at_most(
        history[-1].train_loss / start,
        max_ratio,
        "the last training loss, as a share of the initial one,",
        cause="training.loss_not_falling",
        evidence={"history": Evidence(columns, rows)},
    )


@check
def loss_finite(trained_weights: TrainedWeights) -> Verdict:
    """Every loss and every weight stayed a finite number.

    Returns:
        The first epoch, or the tensors, where a number was lost.
    """
    losses = [("before the first step", trained_weights.initial_loss)]
    for epoch in trained_weights.history:
        losses.append((f"epoch {epoch.epoch}, training", epoch.train_loss))
        losses.append((f"epoch {epoch.epoch}, validation", epoch.validation_loss))
    lost = [place for place, loss in losses if not math.isfinite(loss)]
    if lost:
        where = {"epoch": lost[0]}
        return none_of(lost, "losses not finite", cause="training.loss_not_finite", where=where)
    layers = [name for name, change in trained_weights.moved.items() if not math.isfinite(change)]
    where = {"layer": ", ".join(layers)}
    return none_of(layers, "tensors not finite", cause="training.weights_not_finite", where=where)


@check
def weights_moved(trained_weights: TrainedWeights, *, min_change: Positive = 1e-3) -> Verdict:
    """Training changed every tensor, except those that the model declares frozen.

    Args:
        trained_weights: Its ``moved`` is judged; its ``frozen`` must not have moved at all.
        min_change: Smallest relative change of a tensor since initialisation.
    """
    moved, frozen = trained_weights.moved, frozenset(trained_weights.frozen)
    loose = [name for name in moved if name in frozen and moved[name] != 0]
    if loose:
        where = {"layer": ", ".join(loose)}
        cause = "training.frozen_layer_moved"
        return none_of(loose, "frozen tensors moved", cause=cause, where=where)
    trained = {name: change for name, change in moved.items() if name not in frozen}
    lost = [name for name, change in trained.items() if math.isnan(change)]
    if lost or not trained:
        return cannot_tell(f"no change is known of {', '.join(lost) or 'any trained tensor'}")
    still = [name for name, change in trained.items() if change < min_change]
    return at_least(
        min(trained.values()),
        min_change,
        f"the smallest relative change of a tensor ({min(trained, key=trained.__getitem__)})",
        cause="training.layer_not_trained",
        where={"layer": ", ".join(still)},
        evidence={"changes": Evidence(("tensor", "relative change"), tuple(trained.items()))},
    )


@check
def initial_loss_sane(
    trained_weights: TrainedWeights,
    dataset_snapshot: DatasetSnapshot,
    *,
    max_deviation: Positive = 0.5,
) -> Verdict:
    """Before the first step the network knows nothing: its loss is near that of guessing.

    Args:
        trained_weights: Its initial loss is judged.
        dataset_snapshot: Its number of classes k gives the loss of guessing, ln(k).
        max_deviation: Largest relative distance from it, either way.

    Source: Karpathy (2019), A recipe for training neural networks: verify the loss at init.
    """
    classes, start = len(dataset_snapshot.classes), trained_weights.initial_loss
    guessing = math.log(classes) if classes > 1 else 0.0
    if not guessing or math.isnan(start):
        return cannot_tell("two classes at least and a loss that is a number are needed")
    high = start > guessing
    return at_most(
        abs(start / guessing - 1),
        max_deviation,
        f"the relative distance of the initial loss {start:.4g} from ln({classes}) {guessing:.4g}",
        cause="training.initial_loss_high" if high else "training.initial_loss_low",
    )
