"""Checks before the real training: are its parts wired as they must be. Each names the culprit.

A fault in one part shows in several numbers. Where a check sees only a consequence (nothing is
learned), its cause is that of the part that was found broken (:func:`broken_part`).
"""

import math

from qa_assets.checks.diagnosis import (
    Finding,
    answer_fault,
    broken_part,
    gradient_fault,
    input_fault,
    label_fault,
    loss_fault,
    rate_fault,
)
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Evidence, Verdict, at_least, at_most, cannot_tell, none_of


@check
def starts_like_guessing(
    training_probe: TrainingProbe, *, max_deviation: Positive = 0.5
) -> Verdict:
    """The fresh network is finite, and its loss is near that of answering nothing.

    Args:
        training_probe: Its initial loss against the loss of equal logits.
        max_deviation: Largest relative distance, either way.

    Source: Karpathy (2019), A recipe for training neural networks: verify the loss at init.
    """
    lost = training_probe.not_finite
    if lost:
        return _found("tensors of the fresh network not finite", broken_part(training_probe), lost)
    start, guess = training_probe.initial_loss, training_probe.loss.guess
    if not guess > 0:
        return cannot_tell(f"the loss of equal logits is {guess:.4g}: nothing to compare with")
    own = "training.initial_loss_high" if start > guess else "training.initial_loss_low"
    cause, where = broken_part(training_probe) or (own, {})
    what = f"the relative distance of the initial loss {start:.4g} from {guess:.4g}"
    return at_most(abs(start / guess - 1), max_deviation, what, cause=cause, where=where)


@check
def input_as_declared(
    training_probe: TrainingProbe,
    *,
    max_mean: Positive = 3.0,
    min_std: Positive = 0.03,
    max_std: Positive = 4.0,
) -> Verdict:
    """The first layer sees the declared preprocessing, once, upright, and on a sane scale.

    Args:
        training_probe: What the first layer with weights was given, and how samples were decoded.
        max_mean: Largest distance of the input's mean from zero.
        min_std: Smallest standard deviation of the input.
        max_std: Largest standard deviation of the input.

    Source: LeCun et al. (1998), Efficient BackProp: inputs near mean 0 and deviation 1.
    """
    fault = input_fault(training_probe, max_mean, min_std, max_std)
    rows = (
        ("first layer's input", training_probe.input_is),
        ("decoded samples", training_probe.decoded_is),
        ("mean", training_probe.input_mean),
        ("standard deviation", training_probe.input_std),
    )
    evidence = {"input": Evidence(("what", "found"), rows)}
    said = [f"{name} {value}" for name, value in rows] if fault else []
    return _found("inputs are not as declared", fault, said, evidence=evidence)


@check
def loss_sound(training_probe: TrainingProbe, *, max_error: Positive = 1e-3) -> Verdict:
    """The loss rewards the right answer, pulls at wrong ones, and its gradient is its slope.

    Args:
        training_probe: The loss on made-up logits.
        max_error: Largest relative error of a gradient, or of the loss in another batch order.
    """
    tested = training_probe.loss
    rows = tuple((n, getattr(tested, n)) for n in tested.__slots__)
    evidence = {"loss on made-up logits": Evidence(("property", "value"), rows)}
    fault = loss_fault(training_probe, max_error)
    hidden = broken_part(training_probe)
    if hidden and hidden[0] == "training.gradient_wrong":
        fault = hidden
    said = [" ".join(fault[1].values()) or fault[0]] if fault else []
    return _found("properties of the loss do not hold", fault, said, evidence=evidence)


@check
def metrics_sound(training_probe: TrainingProbe) -> Verdict:
    """The user's metrics are finite, ignore the batch order, and are best for right answers."""
    wrong = training_probe.metrics
    said = [f"{name} {fault}" for name, fault in wrong.items()]
    where = {"metric": ", ".join(wrong)}
    return none_of(said, "metrics are wrong", cause="training.metric_wrong", where=where)


@check
def outputs_are_logits(training_probe: TrainingProbe) -> Verdict:
    """The network answers logits; a softmax before the loss's own softmax flattens learning."""
    found = ["answers in [0, 1] that add up to one"] if training_probe.probabilities else []
    return none_of(found, "signs of a softmax in the network", cause="training.double_softmax")


@check
def answers_depend_on_sample_only(
    training_probe: TrainingProbe, *, max_difference: Positive = 1e-3
) -> Verdict:
    """In evaluation mode an answer is the same each time, whoever else is in the batch.

    Args:
        training_probe: Repeated answers, and answers one by one.
        max_difference: Largest difference of a logit, as a share of the logits' spread.
    """
    worst = max(training_probe.random.difference, training_probe.neighbours.difference)
    cause, where = answer_fault(training_probe, max_difference) or ("model.state_in_eval", {})
    if training_probe.written and worst <= max_difference:
        where = {"layer": ", ".join(training_probe.written)}
        return none_of(
            training_probe.written, "tensors changed by answering", cause=cause, where=where
        )
    what = "the largest difference between answers to the same sample"
    return at_most(worst, max_difference, what, cause=cause, where=where)


@check
def modes_differ_where_they_may(
    training_probe: TrainingProbe, *, max_difference: Positive = 1e-3
) -> Verdict:
    """Training and evaluation mode differ only in dropout and normalisation layers.

    Args:
        training_probe: Answers in both modes, where neither is random.
        max_difference: Largest difference of a logit, as a share of the logits' spread.
    """
    place = training_probe.modes
    found = place.difference > max_difference
    return none_of(
        [place.layer] if found else [],
        "layers that behave differently in training mode",
        cause="model.mode_dependent",
        where={"layer": place.layer},
    )


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
    return _found("tensors are not trained as declared", fault, said, evidence=evidence)


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
        return _found("a step lowers the loss", fault, ["at no rate"], evidence=evidence)
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

    Source: Karpathy (2019), A recipe for training neural networks: overfit one batch.
    """
    before, after = training_probe.overfit
    if not before > 0:
        return cannot_tell("a loss above zero is needed to begin with")
    cause, where = broken_part(training_probe) or ("training.cannot_overfit", {})
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


def _found(
    what: str,
    fault: Finding | None,
    said: "list[str] | tuple[str, ...]",
    *,
    evidence: dict[str, Evidence] | None = None,
) -> Verdict:
    cause, where = fault or ("", {})
    shown = evidence or {}
    return none_of(said, what, cause=cause, where=where, evidence=shown)
