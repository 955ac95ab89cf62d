"""What each check makes of a probe: limits, defaults, causes of its own and of a broken part."""

import math
from dataclasses import replace

import pytest

from qa_assets.checks.probe import (
    answers_depend_on_sample_only,
    custom_parts_sound,
    input_as_declared,
    loss_sound,
    metrics_sound,
    modes_differ_where_they_may,
    outputs_are_logits,
    starts_like_guessing,
)
from qa_assets.checks.probe_shape import batches_mixed, layers_bend, whole_input_used
from qa_assets.checks.probe_steps import (
    gradients_reach_every_layer,
    labels_learnable,
    learning_rate_sane,
    overfits_one_batch,
    shuffled_labels_give_chance,
    steps_are_independent,
    training_repeatable,
)
from qa_assets.core.check import CHECKS
from qa_assets.core.record import Estimate
from qa_assets.core.records.probe import Place, TrainingProbe
from qa_assets_tests.checks.probes import SOUND, loss, rates

NAN = math.nan
EVERY = (
    answers_depend_on_sample_only, batches_mixed, custom_parts_sound, gradients_reach_every_layer,
    input_as_declared, labels_learnable, layers_bend, learning_rate_sane, loss_sound,
    metrics_sound, modes_differ_where_they_may, outputs_are_logits, overfits_one_batch,
    shuffled_labels_give_chance, starts_like_guessing, steps_are_independent, training_repeatable,
    whole_input_used,
)  # fmt: skip


def harmed(**changes: object) -> TrainingProbe:
    return replace(SOUND, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", EVERY)
def test_a_sound_probe_passes(check) -> None:
    verdict = check(SOUND)
    assert (verdict.outcome, verdict.cause, verdict.where) == ("pass", "", {})


FAULTS = [
    (starts_like_guessing, {"initial_loss": 3.1}, "training.initial_loss_high", {}),
    (starts_like_guessing, {"initial_loss": 0.9}, "training.initial_loss_low", {}),
    (starts_like_guessing, {"not_finite": ("w",)}, "training.weights_not_finite", {"layer": "w"}),
    (starts_like_guessing, {"initial_loss": 9.0, "memory": 1.0}, "training.gradients_accumulate",
     {}),
    (input_as_declared, {"input_mean": 3.1}, "preprocessing.normalisation_missing",
     {"stage": "input settings"}),
    (input_as_declared, {"input_std": 0.02}, "preprocessing.normalisation_doubled",
     {"stage": "input settings"}),
    (input_as_declared, {"input_std": 4.1}, "preprocessing.normalisation_missing",
     {"stage": "input settings"}),
    (metrics_sound, {"metrics": {"m": "is not finite", "n": "falls"}}, "training.metric_wrong",
     {"metric": "m, n"}),
    (custom_parts_sound, {"parts": {"layer Own": "slope", "augment": "shape"},
                          "parts_tested": ("layer Own", "augment", "layer Other")},
     "model.part_wrong", {"layer": "Own, augment"}),
    (outputs_are_logits, {"probabilities": True}, "training.double_softmax", {"layer": "output"}),
    (outputs_are_logits, {"clipped": 0.21}, "training.output_clipped", {"layer": "output"}),
    (answers_depend_on_sample_only, {"random": Place(0.0011, "drop")}, "model.dropout_in_eval",
     {"layer": "drop"}),
    (answers_depend_on_sample_only, {"neighbours": Place(0.0011, "bn", "BatchNorm2d")},
     "model.batch_norm_in_eval", {"layer": "bn"}),
    (answers_depend_on_sample_only, {"written": ("u", "v")}, "model.state_in_eval",
     {"layer": "u, v"}),
    (answers_depend_on_sample_only, {"written": ("u",), "random": Place(0.001)},
     "model.state_in_eval", {"layer": "u"}),
    (answers_depend_on_sample_only, {"written": ("u",), "random": Place(0.5, "drop")},
     "model.dropout_in_eval", {"layer": "drop"}),
    (modes_differ_where_they_may, {"modes": Place(0.0011, "own")}, "model.mode_dependent",
     {"layer": "own"}),
    (batches_mixed, {"purity": 0.46}, "training.batches_unmixed", {}),
    (layers_bend, {"linear": ("a -> b", "b -> c")}, "training.activation_missing",
     {"layer": "a, b, b, c"}),
    (whole_input_used, {"blind": (0.11, "the left")}, "training.input_ignored",
     {"input": "the left"}),
    (gradients_reach_every_layer, {"unoptimised": ("x", "y")}, "training.layer_not_optimised",
     {"layer": "x, y"}),
    (gradients_reach_every_layer, {"gradients": {"a": NAN}, "not_finite": ("w",)},
     "training.weights_not_finite", {"layer": "w"}),
    (gradients_reach_every_layer, {"unoptimised": ("x",), "input_is": "inverted"},
     "training.layer_not_optimised", {"layer": "x"}),
    (steps_are_independent, {"memory": 0.0011}, "training.gradients_accumulate", {}),
    (overfits_one_batch, {"overfit": (2.0, 0.61), "overfit_quiet": NAN}, "training.cannot_overfit",
     {}),
    (overfits_one_batch, {"overfit": (2.0, 1.5), "overfit_quiet": 0.6},
     "training.regularised_too_strongly", {}),
    (overfits_one_batch, {"overfit": (2.0, 1.5), "overfit_quiet": 0.61},
     "training.cannot_overfit", {}),
    (overfits_one_batch, {"overfit": (2.0, 0.7), "overfit_quiet": 0.36},
     "training.cannot_overfit", {}),
    (overfits_one_batch, {"overfit": (2.0, math.inf), "overfit_quiet": NAN},
     "training.cannot_overfit", {}),
    (overfits_one_batch, {"overfit": (2.0, 0.7), "memory": 1.0}, "training.gradients_accumulate",
     {}),
    (labels_learnable, {"learned": Estimate(0.3, 0.2, 0.4, 100)}, "data.labels_shuffled",
     {"split": "train and validation do not agree"}),
    (labels_learnable, {"learned": Estimate(0.3, 0.2, 0.4, 100), "memory": 1.0},
     "training.gradients_accumulate", {}),
    (shuffled_labels_give_chance, {"shuffled": Estimate(0.5, 0.26, 0.6, 100)},
     "training.labels_leak", {}),
    (training_repeatable, {"repeats": False}, "training.not_repeatable", {}),
]  # fmt: skip


@pytest.mark.parametrize(("check", "changes", "cause", "where"), FAULTS)
def test_a_fault_is_named(check, changes: dict[str, object], cause: str, where: object) -> None:
    verdict = check(harmed(**changes))
    assert (verdict.outcome, verdict.cause, verdict.where) == ("fail", cause, where)


EDGES = [
    (starts_like_guessing, {"initial_loss": 3.0}),
    (starts_like_guessing, {"initial_loss": 1.0}),
    (input_as_declared, {"input_mean": 3.0, "input_std": 4.0}),
    (input_as_declared, {"input_std": 0.03}),
    (outputs_are_logits, {"clipped": 0.2}),
    (answers_depend_on_sample_only, {"random": Place(0.001), "neighbours": Place(0.001)}),
    (modes_differ_where_they_may, {"modes": Place(0.001, "own")}),
    (batches_mixed, {"purity": 0.45}),
    (whole_input_used, {"blind": (0.1, "x")}),
    (steps_are_independent, {"memory": 0.001}),
    (overfits_one_batch, {"overfit": (2.0, 0.6)}),
    (overfits_one_batch, {"overfit": (0.69, 0.1)}),  # guessing one of two classes
    (labels_learnable, {"learned": Estimate(0.3, 0.25, 0.4, 100)}),
    (shuffled_labels_give_chance, {"shuffled": Estimate(0.5, 0.25, 0.6, 100)}),
]


@pytest.mark.parametrize(("check", "changes"), EDGES)
def test_the_limit_itself_is_allowed(check, changes: dict[str, object]) -> None:
    assert check(harmed(**changes)).passed


def test_two_classes_are_guessed_at_a_loss_below_one() -> None:
    guess = math.log(2)
    assert starts_like_guessing(replace(loss(guess=guess), initial_loss=guess)).passed
    far = starts_like_guessing(replace(loss(guess=guess), initial_loss=3 * guess))
    assert far.cause == "training.initial_loss_high"


def test_what_holds_where_nothing_is_said_may_be_said() -> None:
    for check in EVERY:
        thresholds = CHECKS[check.__name__].thresholds
        assert thresholds(**thresholds().model_dump()) == thresholds()


UNKNOWN = [
    (starts_like_guessing, loss(guess=0.0)),
    (starts_like_guessing, loss(guess=NAN)),
    (input_as_declared, harmed(input_is="other")),
    (input_as_declared, harmed(decoded_is="other")),
    (batches_mixed, harmed(purity=NAN)),
    (batches_mixed, harmed(purity_by_chance=0.0)),
    (learning_rate_sane, harmed(rates=SOUND.rates[:1])),
    (overfits_one_batch, harmed(overfit=(0.0, 0.0))),
    (labels_learnable, harmed(learned=Estimate(NAN, 0.0, 1.0, 0))),
]


@pytest.mark.parametrize(("check", "probe"), UNKNOWN)
def test_what_was_not_measured_is_no_pass(check, probe: TrainingProbe) -> None:
    assert check(probe).outcome == "cannot tell"


def test_a_network_that_changes_its_own_input_may_say_so() -> None:
    own = harmed(input_is="other")
    told = input_as_declared(own)
    assert "first_layer: own" in told.summary
    assert input_as_declared(own, first_layer="own").passed
    assert input_as_declared(harmed(decoded_is="other"), first_layer="own").outcome != "pass"
    assert not input_as_declared(harmed(input_is="inverted"), first_layer="own").passed
    shown = told.evidence["input"]
    assert shown.columns == ("what", "found")
    assert shown.rows == (
        ("first layer's input", "other"), ("decoded samples", "declared"), ("mean", 0.0),
        ("standard deviation", 1.0),
    )  # fmt: skip
    verdict = input_as_declared(harmed(input_is="inverted"))
    assert verdict.evidence == input_as_declared(harmed(input_is="inverted")).evidence != {}
    assert "first layer's input inverted" in verdict.summary


def test_a_loss_is_judged_by_its_properties_and_the_slope_behind_it() -> None:
    verdict = loss_sound(loss(order_error=0.0011))
    assert (verdict.cause, verdict.measured) == ("training.loss_order", 1)
    assert "it depends on the order of the batch" in verdict.summary
    assert loss_sound(loss(order_error=0.001)).passed
    assert loss_sound(loss(order_error=0.01), max_error=0.01).passed
    shown = loss_sound(SOUND).evidence["loss on made-up logits"]
    assert shown.columns == ("property", "value")
    assert ("guess", 2.0) in shown.rows
    assert len(shown.rows) == 8
    hidden = loss_sound(harmed(gradient_error=0.5))
    assert hidden.cause == "training.gradient_wrong"
    assert loss_sound(harmed(memory=0.5)).passed, "another part"


def test_parts_are_shown_with_their_faults() -> None:
    wrong = harmed(parts={"layer Own": "slope"}, parts_tested=("layer Own", "augment"))
    verdict = custom_parts_sound(wrong)
    assert verdict.summary == "1 of 2 parts of the model's own are wrong: layer Own slope"
    shown = verdict.evidence["parts"]
    assert shown.columns == ("part", "fault")
    assert shown.rows == (("layer Own", "slope"), ("augment", ""))
    metrics = metrics_sound(harmed(metrics={"m": "is not finite"}))
    assert metrics.summary == "1 metrics are wrong: m is not finite"


def test_pairs_that_are_straight_on_purpose() -> None:
    probe = harmed(linear=("a -> b", "b -> c"))
    verdict = layers_bend(probe, straight=("a -> b",))
    assert verdict.where == {"layer": "b, c"}
    shown = verdict.evidence["pairs"]
    assert (shown.columns, shown.rows) == (
        ("layers", "on purpose"), (("a -> b", True), ("b -> c", False)),
    )  # fmt: skip
    assert layers_bend(probe, straight=("a -> b", "b -> c")).passed
    assert layers_bend(SOUND).evidence == {}


@pytest.mark.parametrize(
    ("probe", "measured", "cause"),
    [
        (rates(0.8, 0.0808, 0.1), 0.101, ""),
        (rates(0.8, 0.06, 0.1), 0.075, "training.learning_rate_high"),
        (rates(0.1, 0.06, 0.8), 0.075, "training.learning_rate_low"),
        (rates(0.8, -math.inf, 0.1), -1.25e9, "training.learning_rate_high"),
    ],
)
def test_the_set_rate_beside_the_best(probe: TrainingProbe, measured: float, cause: str) -> None:
    verdict = learning_rate_sane(probe)
    assert verdict.measured == pytest.approx(measured)
    assert verdict.cause == cause
    shown = verdict.evidence["rates"]
    assert shown.columns == ("times the learning rate", "loss before", "loss after")
    assert shown.rows[0] == (0.1, 1.0, pytest.approx(1 - probe.rates[0].fall))


def test_where_no_rate_learns_a_part_is_broken() -> None:
    for fall in (0.0, -0.1):
        nothing = learning_rate_sane(rates(fall, -0.2, -0.3))
        assert (nothing.outcome, nothing.cause) == ("fail", "training.loss_not_falling")
    hidden = replace(rates(-0.1, -0.2, -0.3), memory=1.0)
    assert learning_rate_sane(hidden).cause == "training.gradients_accumulate"
    slow = replace(rates(0.8, 0.06, 0.1), memory=1.0)
    assert learning_rate_sane(slow).cause == "training.gradients_accumulate"


def test_gradients_are_shown_and_numbers_are_told() -> None:
    shown = gradients_reach_every_layer(SOUND).evidence["largest gradients"]
    assert (shown.columns, shown.rows) == (("tensor", "gradient"), (("a", 0.5), ("b", 0.25)))
    lost = gradients_reach_every_layer(harmed(unoptimised=("x", "y")))
    assert lost.measured == 2
    assert overfits_one_batch(harmed(overfit=(2.0, 0.5))).measured == 0.25
    assert overfits_one_batch(harmed(overfit=(2.0, NAN))).measured == math.inf
    assert starts_like_guessing(harmed(initial_loss=2.5)).measured == 0.25
    both = outputs_are_logits(harmed(probabilities=True, clipped=0.5))
    assert (both.measured, both.cause) == (2, "training.output_clipped")
