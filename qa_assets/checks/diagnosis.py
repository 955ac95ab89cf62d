"""From the numbers of a probe to the part that is broken: a stable cause, and where it sits."""

import math
from collections.abc import Mapping, Sequence

from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Evidence, Verdict, none_of

Finding = tuple[str, dict[str, str]]
UNEXPLAINED = "other"
"""What nothing known explains."""
DECLARED = ("declared", UNEXPLAINED)
"""What can not be held against an input: it is as declared, or nothing known explains it."""
FLOOR, PULL, DIFFERENCE, LEARNS, CLIPPED, LEFT, BLIND = 0.4, 0.05, 1e-3, 0.1, 0.2, 0.3, 0.1
"""Least loss of sure right answers, as a share of that of guessing, where a softmax lies between
(0.45 for two classes, more for more; label smoothing by 0.1 leaves 0.29); gradient that is left
on sure wrong answers; difference of answers; fall of the loss; share of logits at the lowest;
loss that is left on one batch learnt by heart; share of the input that nothing depends on."""
HALF = 0.5
"""Fall of the loss, of that at a smaller rate, below which the rate is why little is learnt."""
_INPUT = {
    "departs": "preprocessing.departs",
    "not normalised": "preprocessing.normalisation_missing",
    "normalised twice": "preprocessing.normalisation_doubled",
    "transposed": "preprocessing.images_transposed",
    "channels swapped": "preprocessing.channels_swapped",
    "inverted": "preprocessing.images_inverted",
}


def broken_part(probe: TrainingProbe) -> Finding | None:
    """The first part, in the order of the data's way, that is broken for sure."""
    if probe.not_finite:
        return "training.weights_not_finite", {"layer": ", ".join(probe.not_finite)}
    if fault := input_fault(probe) or loss_fault(probe):
        return fault
    if fault := shape_fault(probe):
        return fault
    if fault := answer_fault(probe) or gradient_fault(probe):
        return fault
    if probe.gradient_error > DIFFERENCE:
        return "training.gradient_wrong", {"layer": "one with a hand-written backward"}
    if probe.memory > DIFFERENCE:
        return "training.gradients_accumulate", {}
    return None


def input_fault(
    probe: TrainingProbe, max_mean: float = 3.0, min_std: float = 0.03, max_std: float = 4.0
) -> Finding | None:
    """Mix-ups between the declared preprocessing and what the first layer sees."""
    for where, found in (("decoder", probe.decoded_is), ("first layer", probe.input_is)):
        if found not in DECLARED:
            return named_mixup(found), {"stage": where, "found": found}
    if abs(probe.input_mean) > max_mean or probe.input_std > max_std:
        return "preprocessing.normalisation_missing", {"stage": "input settings"}
    if probe.input_std < min_std:
        return "preprocessing.normalisation_doubled", {"stage": "input settings"}
    return None


def shape_fault(probe: TrainingProbe) -> Finding | None:
    """What is wrong with the network's two ends: what it answers, and what it looks at."""
    if probe.probabilities:
        return "training.double_softmax", {"layer": "output"}
    if probe.clipped > CLIPPED:
        return "training.output_clipped", {"layer": "output"}
    if probe.blind[0] > BLIND:
        return "training.input_ignored", {"input": probe.blind[1]}
    return None


def named_mixup(found: str) -> str:
    """The cause of an input that is not the declared one; "" where it is, or none can be told."""
    return "" if found in DECLARED else _INPUT.get(found, "preprocessing.images_turned")


def loss_fault(probe: TrainingProbe, max_error: float = 1e-3) -> Finding | None:
    """What a loss does wrong on made-up logits."""
    loss = probe.loss
    if not loss.finite:
        return "training.loss_not_finite", {"property": "not finite for logits up to 1e4"}
    if not loss.right_lowest and loss.shift:
        said = f"the lowest loss is for the class {loss.shift} after the label"
        return "training.loss_labels_shifted", {"property": said}
    if not loss.right_lowest:
        said = "a wrong answer has as low a loss as the right one"
        return "training.loss_rewards_wrong", {"property": said}
    if loss.floor < -max_error:
        said = "negative for right answers: a logarithm is missing"
        return "training.loss_on_probabilities", {"property": said}
    if loss.guess > 0 and loss.floor / loss.guess > FLOOR and loss.pull < PULL:
        said = "flat for sure answers: a softmax lies between the logits and the loss"
        return "training.loss_on_probabilities", {"property": said}
    if loss.gradient_error > max_error:
        return "training.loss_gradient_wrong", {"property": "its gradient is not its slope"}
    if loss.order_error > max_error:
        return "training.loss_order", {"property": "it depends on the order of the batch"}
    return None


def answer_fault(probe: TrainingProbe, max_difference: float = DIFFERENCE) -> Finding | None:
    """What makes answers in evaluation mode random, or dependent on their neighbours."""
    if not probe.random.difference <= max_difference:
        place = probe.random
        cause = "model.augmentation_in_eval" if place.layer == "input" else "model.dropout_in_eval"
        return cause, {"layer": place.layer}
    if not probe.neighbours.difference <= max_difference:
        place = probe.neighbours
        named = not place.kind or "Norm" in place.kind
        cause = "model.batch_norm_in_eval" if named else "model.batch_dependent_in_eval"
        return cause, {"layer": place.layer}
    return None


def gradient_fault(probe: TrainingProbe) -> Finding | None:
    """Why tensors that should learn cannot, or ones that should stay do not."""
    still = [n for n, g in probe.gradients.items() if not g > 0 or math.isnan(g)]
    for cause, names in (
        ("training.layer_frozen", probe.undeclared),
        ("training.layer_not_optimised", probe.unoptimised),
        ("training.frozen_layer_moved", probe.loose),
        ("training.zero_init", [n for n in probe.constant if n in still]),
        ("training.layer_unreached", still),
    ):
        if names:
            return cause, {"layer": ", ".join(names)}
    return None


def rate_fault(probe: TrainingProbe, min_share: float = LEARNS) -> Finding | None:
    """Whether a much larger or smaller learning rate would learn where the set one does not."""
    best = max(probe.rates, key=lambda r: r.fall)
    own = next(r for r in probe.rates if r.factor == 1.0)
    if not best.fall > 0 or own.fall >= min_share * best.fall:
        return None
    cause = "training.learning_rate_low" if best.factor > 1 else "training.learning_rate_high"
    return cause, {"better": f"{best.factor:g} times the set one"}


def label_fault(probe: TrainingProbe) -> Finding:
    """Why held-out samples are not known though every part works.

    A larger rate than the set one falls faster on one batch for most networks that are sound; a
    smaller one that does, twice as fast, explains it before the labels are blamed.
    """
    best = max(probe.rates, key=lambda r: r.fall)
    if fault := rate_fault(probe, HALF if best.factor < 1 else LEARNS):
        return fault
    before, after = probe.overfit
    if not after <= LEFT * before:  # it learns nothing at all, whatever the labels
        return "training.cannot_overfit", {}
    return "data.labels_shuffled", {"split": "train and validation do not agree"}


def verdict_of(
    what: str,
    fault: Finding | None,
    said: Sequence[str],
    *,
    evidence: Mapping[str, Evidence] | None = None,
) -> Verdict:
    """The verdict on what was found: nothing, or findings with the part that explains them."""
    cause, where = fault or ("", {})
    return none_of(said, what, cause=cause, where=where, evidence=evidence or {})
