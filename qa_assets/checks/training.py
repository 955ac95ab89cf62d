"""Checks on a training run: did it learn, everywhere it should, from a sane start."""

import math

from qa_assets.core.check import check
from qa_assets.core.config import Count, Positive, Share
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.verdict import (
    Evidence,
    Verdict,
    at_least,
    at_most,
    cannot_tell,
    none_of,
)


@check
def loss_falls(trained_weights: TrainedWeights, *, max_ratio: Positive = 0.9) -> Verdict:
    """The last training loss is well below the loss before the first step.

    Args:
        trained_weights: Its history is judged.
        max_ratio: Largest share of the initial loss that may be left. The default only asks for
            some learning, as a hard task leaves much of it; set it from runs that were sound.
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
    moved = trained_weights.moved
    layers = [name for name, change in moved.items() if not math.isfinite(change)]
    layers += [name for name in trained_weights.not_finite if name not in layers]
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


@check
def validation_unseen(trained_weights: TrainedWeights, *, max_share: Share = 0.01) -> Verdict:
    """What the history is measured on was not trained on: no sample is on both sides.

    Args:
        trained_weights: Its samples by split, and those on both sides.
        max_share: Largest share of validation samples that were trained on, by id or by pixels.
    """
    shared, seen = trained_weights.shared, trained_weights.samples.get("validation", 0)
    if not seen:
        return cannot_tell("it is not known what the history was measured on")
    whole = len(shared) == seen
    return at_most(
        len(shared) / seen,
        max_share,
        "the share of validation samples that were trained on",
        cause="training.validation_is_training" if whole else "training.validation_leak",
        samples=shared[:50],
    )


@check
def epochs_completed(trained_weights: TrainedWeights, *, min_epochs: Count = 1) -> Verdict:
    """The run has as many epochs as were set, or stopped early for the reason that was set.

    Args:
        trained_weights: Its history against its settings.
        min_epochs: Fewest epochs that this pipeline is trained for, whatever its settings say.
    """
    asked, patience = (trained_weights.settings.get(n) for n in ("epochs", "patience"))
    done = len(trained_weights.history)
    if not isinstance(asked, int):
        return cannot_tell("it is not known how many epochs were set")
    best = min(trained_weights.history, key=lambda e: e.validation_loss).epoch if done else 0
    early = isinstance(patience, int) and patience > 0 and done - best >= patience
    cause = "training.epochs_missing"
    if early and trained_weights.kept_epoch != best:
        found = [f"epoch {trained_weights.kept_epoch} was kept, the best is {best}"]
        return none_of(found, "weights of another epoch", cause="training.best_epoch_not_kept")
    right = max(min_epochs, 1 if early else asked)
    return at_least(done, right, "the number of epochs", cause=cause, where={"set": str(asked)})


@check
def trained_on_everything(
    trained_weights: TrainedWeights, dataset_splits: DatasetSplits, *, min_share: Share = 0.99
) -> Verdict:
    """The training read the whole train split.

    Args:
        trained_weights: How many samples it was given.
        dataset_splits: How many there are.
        min_share: Smallest share of the train split that was trained on.
    """
    there = sum(dataset_splits.class_counts.get("train", {}).values())
    if not there or "train" not in trained_weights.samples:
        return cannot_tell("it is not known how many samples there are, or were trained on")
    read = trained_weights.samples["train"]
    return at_least(
        read / there,
        min_share,
        f"the share of the train split that was trained on ({read} of {there})",
        cause="training.data_dropped",
    )


@check
def loss_settled(trained_weights: TrainedWeights, *, max_fall: Share = 0.01) -> Verdict:
    """When the training ended there was little left to learn: the loss had all but stopped falling.

    Args:
        trained_weights: Its history is judged.
        max_fall: Largest fall of the training loss an epoch, over the last third of the epochs, as
            a share of the initial loss. Where a schedule makes the last steps small, every loss
            settles: set it lower there, by what other seeds show.

    Returns:
        Measured: that fall. A loss that never fell is not judged here but by ``loss_falls``.
    """
    losses = [trained_weights.initial_loss, *(e.train_loss for e in trained_weights.history)]
    if len(losses) < 2 or not losses[0] > 0:
        return cannot_tell("an initial loss above zero and at least one epoch are needed")
    epochs = max(1, (len(losses) - 1) // 3)
    fall = (losses[-1 - epochs] - losses[-1]) / epochs / losses[0]
    what = f"the fall of the loss an epoch over the last {epochs}, as a share of the initial one,"
    return at_most(fall, max_fall, what, cause="training.stopped_early")


@check
def learns_beyond_chance(trained_weights: TrainedWeights) -> Verdict:
    """On validation samples the trained network beats the most frequent label, beyond doubt.

    A training loss that falls while this fails means that labels say nothing about samples.
    """
    seen = trained_weights.samples.get("validation", 0)
    if not seen or not trained_weights.history or not trained_weights.majority:
        return cannot_tell("no validation samples are known")
    last = trained_weights.history[max(trained_weights.kept_epoch, 1) - 1]
    reached = share(round(last.validation_accuracy * seen), seen, confidence=0.999)
    fell = last.train_loss < trained_weights.initial_loss / 2
    cause = "data.labels_shuffled" if fell else "training.nothing_learned"
    limit = trained_weights.majority
    return at_least(reached.low, limit, "the lower end of the validation accuracy", cause=cause)
