"""Checks before the real training, of a few steps: whom they reach, what they learn."""

import math

from qa_assets.checks.diagnosis import (
    broken_part,
    gradient_fault,
    label_fault,
    rate_fault,
    verdict_of,
)
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Evidence, Verdict, at_least, at_most, cannot_tell, none_of


@check
def gradients_reach_every_layer(training_probe: TrainingProbe) -> Verdict:
    """Gradients reach every tensor, the optimizer holds it; only declared ones stay frozen."""
    gradients = training_probe.gradients
    fault = gradient_fault(training_probe)
    if fault and training_probe.not_finite:
        fault = broken_part(training_probe)
    rows = tuple(gradients.items())
    evidence = {"largest gradients": Evidence(("tensor", "gradient"), rows)}
    said = fault[1].get("layer", "").split(", ") if fault else []
    return verdict_of("tensors are not trained as declared", fault, said, evidence=evidence)


@check
def steps_are_independent(
    training_probe: TrainingProbe, *, max_difference: Positive = 1e-3
) -> Verdict:
    """A step's gradient comes from its own batch: nothing is left of the step before.

    Args:
        training_probe: The same step after another one, and on its own.
        max_difference: Largest relative difference of the two gradients.
    """
    what = "the relative difference of a gradient after another step from the same one alone"
    cause = "training.gradients_accumulate"
    return at_most(training_probe.memory, max_difference, what, cause=cause)


@check
def learning_rate_sane(training_probe: TrainingProbe, *, min_share: Share = 0.1) -> Verdict:
    """A few steps at the set learning rate lower the loss, nearly as much as the best rate does.

    Args:
        training_probe: Losses on one batch at multiples of the learning rate.
        min_share: Smallest fall of the loss, as a share of the fall at the best rate tried.
    """
    own = next((r for r in training_probe.rates if r.factor == 1.0), None)
    if own is None:
        return cannot_tell("no step was made at the set learning rate")
    best = max(training_probe.rates, key=lambda r: r.fall)
    rows = tuple((r.factor, r.before, r.after) for r in training_probe.rates)
    columns = ("times the learning rate", "loss before", "loss after")
    evidence = {"rates": Evidence(columns, rows)}
    hidden = broken_part(training_probe)
    if not best.fall > 0:
        fault = hidden or ("training.loss_not_falling", {})
        return verdict_of("a step lowers the loss", fault, ["at no rate"], evidence=evidence)
    cause, where = hidden or rate_fault(training_probe, min_share) or ("", {})
    return at_least(
        max(own.fall, -1e9) / best.fall,
        min_share,
        f"the fall of the loss, as a share of that at {best.factor:g} times the rate,",
        cause=cause,
        where=where,
        evidence=evidence,
    )


@check
def overfits_one_batch(training_probe: TrainingProbe, *, max_ratio: Positive = 0.3) -> Verdict:
    """The network can learn one batch by heart: else something between data and step is broken.

    Args:
        training_probe: Loss on one batch before and after many steps.
        max_ratio: Largest share of the loss that may be left.

    Where it can without dropout, in evaluation mode, that is too strong.

    Source: Karpathy (2019), A recipe for training neural networks: overfit one batch.
    """
    before, after = training_probe.overfit
    if not before > 0:
        return cannot_tell("a loss above zero is needed to begin with")
    quiet = training_probe.overfit_quiet <= min(after / 2, max_ratio * before)
    own = "training.regularised_too_strongly" if quiet else "training.cannot_overfit"
    cause, where = broken_part(training_probe) or (own, {})
    left = after / before if math.isfinite(after) else math.inf
    what = f"the loss left after {training_probe.overfit_steps} steps on one batch, as a share,"
    return at_most(left, max_ratio, what, cause=cause, where=where)


@check
def labels_learnable(training_probe: TrainingProbe) -> Verdict:
    """A short training beats guessing on samples it has not seen.

    Args:
        training_probe: Accuracy on held-out samples, with its 99.9 % interval, against the share
            of the most frequent label. Only for tasks that a short training can begin to learn.
    """
    learned, chance = training_probe.learned, training_probe.chance
    if math.isnan(learned.value):
        return cannot_tell("no sample was held out")
    cause, where = broken_part(training_probe) or label_fault(training_probe) or ("", {})
    return at_least(
        learned.low, chance, "the lower end of the held-out accuracy", cause=cause, where=where
    )


@check
def shuffled_labels_give_chance(training_probe: TrainingProbe) -> Verdict:
    """Trained on shuffled labels, nothing is known of held-out samples; else something leaks.

    Args:
        training_probe: Accuracy on held-out samples, with its 99.9 % interval, against the share
            of the most frequent label.

    Source: Zhang et al. (2017), Understanding deep learning requires rethinking generalization.
    """
    what = "the lower end of the held-out accuracy after training on shuffled labels"
    low = training_probe.shuffled.low
    return at_most(low, training_probe.chance, what, cause="training.labels_leak")


@check
def training_repeatable(training_probe: TrainingProbe) -> Verdict:
    """The same steps from the same seed give the same weights, bit by bit."""
    found = [] if training_probe.repeats else ["a few steps, repeated, gave other weights"]
    return none_of(found, "runs that do not repeat", cause="training.not_repeatable")
