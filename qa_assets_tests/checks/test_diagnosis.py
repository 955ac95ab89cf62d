"""From the numbers of a probe to the part that is broken: each harm, each limit, their order."""

import math
from dataclasses import replace

import pytest

from qa_assets.checks.diagnosis import (
    answer_fault,
    broken_part,
    gradient_fault,
    input_fault,
    label_fault,
    loss_fault,
    named_mixup,
    rate_fault,
    shape_fault,
    verdict_of,
)
from qa_assets.core.records.probe import Place, TrainingProbe
from qa_assets.core.verdict import Evidence
from qa_assets_tests.checks.probes import SOUND, loss, rates

NAN = math.nan


def harmed(**changes: object) -> TrainingProbe:
    return replace(SOUND, **changes)  # type: ignore[arg-type]


def test_a_sound_probe_has_no_fault() -> None:
    for look in (broken_part, input_fault, shape_fault, loss_fault, answer_fault, gradient_fault):
        assert look(SOUND) is None
    assert rate_fault(SOUND) is None


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ("declared", ""),
        ("other", ""),
        ("departs", "preprocessing.departs"),
        ("not normalised", "preprocessing.normalisation_missing"),
        ("normalised twice", "preprocessing.normalisation_doubled"),
        ("transposed", "preprocessing.images_transposed"),
        ("channels swapped", "preprocessing.channels_swapped"),
        ("inverted", "preprocessing.images_inverted"),
        ("turned by 90", "preprocessing.images_turned"),
    ],
)
def test_every_mix_up_has_its_cause(found: str, cause: str) -> None:
    assert named_mixup(found) == cause
    for name, stage in (("decoded_is", "decoder"), ("input_is", "first layer")):
        told = input_fault(harmed(**{name: found}))
        assert told == ((cause, {"stage": stage, "found": found}) if cause else None)
    if cause:
        both = input_fault(harmed(decoded_is=found, input_is="inverted"))
        assert both is not None
        assert both[1]["stage"] == "decoder", "what comes first"


@pytest.mark.parametrize(
    ("mean", "std", "cause"),
    [
        (3.0, 1.0, ""),
        (-3.0, 1.0, ""),
        (3.1, 1.0, "preprocessing.normalisation_missing"),
        (-3.1, 1.0, "preprocessing.normalisation_missing"),
        (0.0, 4.0, ""),
        (0.0, 4.1, "preprocessing.normalisation_missing"),
        (0.0, 0.03, ""),
        (0.0, 0.029, "preprocessing.normalisation_doubled"),
    ],
)
def test_the_scale_of_an_input(mean: float, std: float, cause: str) -> None:
    told = input_fault(harmed(input_mean=mean, input_std=std))
    assert told == ((cause, {"stage": "input settings"}) if cause else None)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"probabilities": True}, ("training.double_softmax", {"layer": "output"})),
        ({"clipped": 0.2}, None),
        ({"clipped": 0.21}, ("training.output_clipped", {"layer": "output"})),
        ({"blind": (0.1, "left")}, None),
        ({"blind": (0.11, "left")}, ("training.input_ignored", {"input": "left"})),
    ],
)
def test_the_two_ends_of_a_network(changes: dict[str, object], fault: object) -> None:
    assert shape_fault(harmed(**changes)) == fault


@pytest.mark.parametrize(
    ("changes", "cause", "said"),
    [
        ({"finite": False}, "training.loss_not_finite", "not finite for logits up to 1e4"),
        ({"right_lowest": False, "shift": 2}, "training.loss_labels_shifted", "the class 2 after"),
        ({"right_lowest": False}, "training.loss_rewards_wrong", "as low a loss"),
        ({"shift": 2}, "", ""),
        ({"floor": -0.001}, "", ""),
        ({"floor": -0.0011}, "training.loss_on_probabilities", "a logarithm is missing"),
        ({"floor": 0.81, "pull": 0.04}, "training.loss_on_probabilities", "a softmax lies between"),
        ({"floor": 0.8, "pull": 0.04}, "", ""),
        ({"floor": 0.81, "pull": 0.05}, "", ""),
        ({"floor": 0.81, "pull": 0.04, "guess": 0.0}, "", ""),
        ({"gradient_error": 0.001}, "", ""),
        ({"gradient_error": 0.0011}, "training.loss_gradient_wrong", "not its slope"),
        ({"order_error": 0.001}, "", ""),
        ({"order_error": 0.0011}, "training.loss_order", "the order of the batch"),
    ],
)
def test_what_a_loss_does_wrong(changes: dict[str, object], cause: str, said: str) -> None:
    told = loss_fault(loss(**changes))
    assert (told[0] if told else "") == cause
    assert told is None or said in told[1]["property"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"random": Place(0.001, "drop")}, None),
        ({"random": Place(0.0011, "drop")}, ("model.dropout_in_eval", {"layer": "drop"})),
        ({"random": Place(NAN, "drop")}, ("model.dropout_in_eval", {"layer": "drop"})),
        ({"random": Place(0.5, "input")}, ("model.augmentation_in_eval", {"layer": "input"})),
        ({"neighbours": Place(0.001, "x", "BatchNorm2d")}, None),
        (
            {"neighbours": Place(0.0011, "x", "BatchNorm2d")},
            ("model.batch_norm_in_eval", {"layer": "x"}),
        ),
        ({"neighbours": Place(0.5, "x")}, ("model.batch_norm_in_eval", {"layer": "x"})),
        (
            {"neighbours": Place(0.5, "x", "Softmax")},
            ("model.batch_dependent_in_eval", {"layer": "x"}),
        ),
        ({"neighbours": Place(NAN, "x", "Mix")}, ("model.batch_dependent_in_eval", {"layer": "x"})),
    ],
)
def test_answers_that_depend_on_more_than_the_sample(
    changes: dict[str, object], fault: object
) -> None:
    assert answer_fault(harmed(**changes)) == fault


@pytest.mark.parametrize(
    ("changes", "cause", "layer"),
    [
        ({"undeclared": ("x", "y")}, "training.layer_frozen", "x, y"),
        ({"unoptimised": ("x",)}, "training.layer_not_optimised", "x"),
        ({"loose": ("x",)}, "training.frozen_layer_moved", "x"),
        ({"gradients": {"a": 0.0, "b": 1.0, "c": NAN}}, "training.layer_unreached", "a, c"),
        (
            {"gradients": {"a": 0.0, "c": 0.0}, "constant": ("a", "b")},
            "training.zero_init",
            "a",
        ),
    ],
)
def test_tensors_that_cannot_learn(changes: dict[str, object], cause: str, layer: str) -> None:
    assert gradient_fault(harmed(**changes)) == (cause, {"layer": layer})


def test_a_constant_tensor_that_learns_is_none() -> None:
    assert gradient_fault(harmed(constant=("a",))) is None


@pytest.mark.parametrize(
    ("probe", "cause"),
    [
        (rates(0.8, 0.0801, 0.1), ""),
        (rates(0.8, 0.07, 0.1), "training.learning_rate_high"),
        (rates(0.1, 0.07, 0.8), "training.learning_rate_low"),
        (rates(-0.1, -0.2, -0.3), ""),  # nothing learns at any rate
        (rates(0.0, -0.2, -0.3), ""),
    ],
)
def test_another_rate_would_learn(probe: TrainingProbe, cause: str) -> None:
    told = rate_fault(probe)
    assert (told[0] if told else "") == cause
    if told:
        times = "0.1" if cause.endswith("high") else "10"
        assert told[1] == {"better": f"{times} times the set one"}


def test_half_of_the_best_rate_is_half() -> None:
    half = rates(0.5, 0.25, 0.125)
    assert rate_fault(half, min_share=0.5) is None
    assert rate_fault(half, min_share=0.51) is not None


def test_why_held_out_samples_are_not_known() -> None:
    assert label_fault(rates(0.1, 0.05, 0.8))[0] == "training.learning_rate_low"
    for after, cause in (
        (0.6, "data.labels_shuffled"), (0.61, "training.cannot_overfit"),
        (NAN, "training.cannot_overfit"),
    ):  # fmt: skip
        told = label_fault(harmed(overfit=(2.0, after)))
        assert told[0] == cause
        assert bool(told[1]) == cause.startswith("data.")


@pytest.mark.parametrize(
    ("falls", "cause"),
    [
        ((0.8, 0.39, 0.1), "training.learning_rate_high"),  # a smaller rate that does twice as well
        ((0.8, 0.41, 0.1), "data.labels_shuffled"),
        ((0.1, 0.079, 0.8), "training.learning_rate_low"),
        ((0.1, 0.3, 0.8), "data.labels_shuffled"),  # a larger one often does, where all is well
        ((0.1, 0.8, 0.2), "data.labels_shuffled"),
    ],
)
def test_a_better_rate_is_named_before_the_labels(
    falls: tuple[float, float, float], cause: str
) -> None:
    told = label_fault(rates(*falls))
    assert told[0] == cause
    assert told[1].keys() == ({"split"} if cause.startswith("data.") else {"better"})


def test_a_loss_of_two_classes_is_flat_where_it_would_be_of_more() -> None:
    told = loss_fault(loss(guess=math.log(2), floor=0.3, pull=0.01))
    assert told is not None
    assert told[0] == "training.loss_on_probabilities"
    assert loss_fault(loss(guess=math.log(2), floor=0.27, pull=0.01)) is None


IN_ORDER: tuple[tuple[str, object, str], ...] = (
    ("not_finite", ("w", "v"), "training.weights_not_finite"),
    ("input_is", "inverted", "preprocessing.images_inverted"),
    ("loss", loss(finite=False).loss, "training.loss_not_finite"),
    ("probabilities", True, "training.double_softmax"),
    ("random", Place(1.0, "drop"), "model.dropout_in_eval"),
    ("undeclared", ("x",), "training.layer_frozen"),
    ("gradient_error", 0.0011, "training.gradient_wrong"),
    ("memory", 0.0011, "training.gradients_accumulate"),
)


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_the_part_that_comes_first_on_the_way_of_the_data_is_named(first: int) -> None:
    probe = harmed(**{name: value for name, value, _ in IN_ORDER[first:]})
    told = broken_part(probe)
    assert told is not None
    assert told[0] == IN_ORDER[first][2]


def test_what_is_told_of_the_last_parts() -> None:
    assert broken_part(harmed(not_finite=("w", "v"))) == (
        "training.weights_not_finite", {"layer": "w, v"},
    )  # fmt: skip
    assert broken_part(harmed(gradient_error=0.001, memory=0.001)) is None
    assert broken_part(harmed(gradient_error=NAN)) is None, "it cannot be run in double precision"
    assert broken_part(harmed(memory=0.5)) == ("training.gradients_accumulate", {})
    told = broken_part(harmed(gradient_error=0.5))
    assert told == ("training.gradient_wrong", {"layer": "one with a hand-written backward"})


def test_a_verdict_is_of_what_was_found() -> None:
    shown = {"t": Evidence(("a",), ((1,),))}
    nothing = verdict_of("parts are wrong", None, [])
    assert (nothing.outcome, nothing.cause, nothing.evidence) == ("pass", "", {})
    found = verdict_of("parts are wrong", ("c", {"w": "x"}), ["p", "q"], evidence=shown)
    assert (found.outcome, found.cause, found.where) == ("fail", "c", {"w": "x"})
    assert (found.measured, found.evidence) == (2, shown)
    assert found.summary == "2 parts are wrong: p, q"
