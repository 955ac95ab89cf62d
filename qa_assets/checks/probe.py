"""Checks before the real training, without a step: are its parts wired as they must be.

A fault in one part shows in several numbers. Where a check sees only a consequence (nothing is
learned), its cause is that of the part that was found broken (:func:`broken_part`).
"""

from typing import Literal

from qa_assets.checks.diagnosis import (
    CLIPPED,
    UNEXPLAINED,
    answer_fault,
    broken_part,
    input_fault,
    loss_fault,
    verdict_of,
)
from qa_assets.core.check import check
from qa_assets.core.config import Positive
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell, none_of


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
        return verdict_of(
            "tensors of the fresh network not finite", broken_part(training_probe), lost
        )
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
    first_layer: Literal["declared", "own"] = "declared",
) -> Verdict:
    """The first layer sees the declared preprocessing, once, upright, and on a sane scale.

    Args:
        training_probe: What the first layer with weights was given, and how samples were decoded.
        max_mean: Largest distance of the input's mean from zero.
        min_std: Smallest standard deviation of the input.
        max_std: Largest standard deviation of the input.
        first_layer: ``own``: the network changes its input itself before its first layer with
            weights (a resize, a colour space), so that only known mix-ups can be held against it.

    Source: LeCun et al. (1998), Efficient BackProp: inputs near mean 0 and deviation 1.
    """
    fault = input_fault(training_probe, max_mean, min_std, max_std)
    unknown = (
        [training_probe.decoded_is]
        if first_layer == "own"
        else [training_probe.decoded_is, training_probe.input_is]
    )
    rows = (
        ("first layer's input", training_probe.input_is),
        ("decoded samples", training_probe.decoded_is),
        ("mean", training_probe.input_mean),
        ("standard deviation", training_probe.input_std),
    )
    evidence = {"input": Evidence(("what", "found"), rows)}
    if not fault and UNEXPLAINED in unknown:
        return cannot_tell(
            "nothing known explains how the input relates to the declared preprocessing; if the "
            "network changes it on purpose, say 'first_layer: own'",
            evidence=evidence,
        )
    said = [f"{name} {value}" for name, value in rows] if fault else []
    return verdict_of("inputs are not as declared", fault, said, evidence=evidence)


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
    said = [" ".join(fault[1].values())] if fault else []
    return verdict_of("properties of the loss do not hold", fault, said, evidence=evidence)


@check
def metrics_sound(training_probe: TrainingProbe) -> Verdict:
    """The user's metrics are finite, ignore the batch order, and are best for right answers."""
    wrong = training_probe.metrics
    said = [f"{name} {fault}" for name, fault in wrong.items()]
    where = {"metric": ", ".join(wrong)}
    return none_of(said, "metrics are wrong", cause="training.metric_wrong", where=where)


@check
def custom_parts_sound(training_probe: TrainingProbe) -> Verdict:
    """The user's own layers and augmentation are finite, keep samples apart, and have true slopes.

    Args:
        training_probe: Each part on its own: a layer's gradient in double precision, on inputs
            up to 1e4, with the batch in another order; an augmentation's shape and values.
    """
    wrong, tested = training_probe.parts, training_probe.parts_tested
    evidence = {"parts": Evidence(("part", "fault"), tuple((n, wrong.get(n, "")) for n in tested))}
    return none_of(
        [f"{name} {fault}" for name, fault in wrong.items()],
        f"of {len(tested)} parts of the model's own are wrong",
        cause="model.part_wrong",
        where={"layer": ", ".join(n.removeprefix("layer ") for n in wrong)},
        evidence=evidence,
    )


@check
def outputs_are_logits(training_probe: TrainingProbe) -> Verdict:
    """The network answers logits; a softmax before the loss's own softmax flattens learning."""
    found = ["answers in [0, 1] that add up to one"] if training_probe.probabilities else []
    cut = training_probe.clipped > CLIPPED
    found += [f"{training_probe.clipped:.0%} of the answers are the lowest one"] if cut else []
    cause = "training.output_clipped" if cut else "training.double_softmax"
    what = "signs of an activation behind the last layer"
    return none_of(found, what, cause=cause, where={"layer": "output"})


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
