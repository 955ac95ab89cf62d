"""A probe of a sound training, to be harmed in one place at a time."""

from dataclasses import replace

from qa_assets.core.record import Estimate
from qa_assets.core.records.probe import LossTest, Place, Rate, TrainingProbe

LOSS = LossTest(
    guess=2.0, floor=0.0, shift=0, right_lowest=True, pull=1.0, gradient_error=0.0,
    order_error=0.0, finite=True,
)  # fmt: skip
SAME = Place(0.0)
SOUND = TrainingProbe(
    classes=4, initial_loss=2.0, loss=LOSS, input_is="declared", decoded_is="declared",
    input_mean=0.0, input_std=1.0, probabilities=False, not_finite=(), constant=(),
    gradients={"a": 0.5, "b": 0.25}, undeclared=(), unoptimised=(), loose=(), gradient_error=0.0,
    memory=0.0, rates=(Rate(0.1, 2.0, 1.5), Rate(1.0, 2.0, 0.5), Rate(10.0, 2.0, 1.0)),
    overfit=(2.0, 0.1), overfit_steps=120, overfit_quiet=0.1, random=SAME, neighbours=SAME,
    modes=SAME, written=(), chance=0.25, learned=Estimate(0.8, 0.6, 0.9, 100),
    shuffled=Estimate(0.25, 0.1, 0.5, 100), repeats=True, purity=0.3, purity_by_chance=0.3,
    samples=300,
)  # fmt: skip


def loss(**changes: object) -> TrainingProbe:
    """The sound probe with another loss."""
    return replace(SOUND, loss=replace(LOSS, **changes))  # type: ignore[arg-type]


def rates(low: float, own: float, high: float) -> TrainingProbe:
    """Shares of the loss that a tenth, one and ten times the learning rate take away."""
    falls = ((0.1, low), (1.0, own), (10.0, high))
    return replace(SOUND, rates=tuple(Rate(f, 1.0, 1.0 - fall) for f, fall in falls))
