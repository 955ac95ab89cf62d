"""What a cheap look before the real training found: numbers only, the checks judge them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from qa_assets.core.record import Estimate, Metadata, Record, table


@dataclass(frozen=True, slots=True)
class Rate:
    """A few steps on one batch at a multiple of the learning rate.

    Attributes:
        factor: Multiple of the learning rate in the settings.
        before: Loss before the first step.
        after: Mean loss of the last steps; not finite where it exploded.
    """

    factor: float
    before: float
    after: float

    @property
    def fall(self) -> float:
        """Share of the loss that is gone, in [-inf, 1]; -inf where the loss was lost."""
        finite = abs(self.before) < float("inf") and abs(self.after) < float("inf")
        return 1 - self.after / self.before if finite and self.before > 0 else float("-inf")


@dataclass(frozen=True, slots=True)
class Place:
    """How far two answers differ that should be equal, and the first layer where they do.

    Attributes:
        difference: Largest difference of a logit, as a share of the logits' spread.
        layer: Name and type of the first layer that differs, "input" before the first one.
        kind: Type of that layer, "" where no layer but code between layers differs.
    """

    difference: float
    layer: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class LossTest:
    """The loss on made-up logits, where what is right is known.

    Attributes:
        guess: Loss of equal logits.
        floor: Lowest loss of right answers of growing confidence.
        shift: Distance, in classes, from the label to the one class that the loss rewards most;
            0 where there is no such one.
        right_lowest: Whether the right answer, and no other, has the lowest loss.
        pull: Gradient on a surely wrong answer, as a share of that on a doubtful one.
        gradient_error: Relative error of its gradient against differences, in double precision.
        order_error: Relative change when the batch is in another order.
        finite: Whether it and its gradient are finite for logits up to 1e4.
    """

    guess: float
    floor: float
    shift: int
    right_lowest: bool
    pull: float
    gradient_error: float
    order_error: float
    finite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProbe(Record):
    """A few short trainings of the real network with the real settings on a few real samples.

    Attributes:
        classes: Number of them.
        initial_loss: Mean loss of the fresh network.
        loss: The loss on made-up logits.
        metrics: Fault by name of each of the user's metrics that has one.
        parts: Fault by name of each of the user's own layers, and of the augmentation.
        parts_tested: All of those that were tested.
        input_is: How the first layer's input relates to the declared preprocessing: ``declared``,
            or the name of what was done instead; ``other`` where nothing known explains it.
        decoded_is: How decoded samples relate to an independent decoding of the same bytes.
        input_mean: Mean of the declared input over the samples.
        input_std: Its standard deviation.
        probabilities: The fresh network answers probabilities, not logits.
        blind: Share of the input that no answer of the fresh network depends on, and where it is.
        clipped: Share of the fresh network's answers that are exactly the lowest of them.
        not_finite: Tensors of the fresh network with a NaN or an infinity.
        constant: Weight tensors of the fresh network with one value only.
        gradients: Largest gradient of each trainable tensor over a few steps.
        undeclared: Tensors that are not trainable though the model does not declare them frozen.
        unoptimised: Trainable tensors that the optimizer does not hold.
        loose: Tensors declared frozen that a step changed.
        gradient_error: Relative error of the network's gradient, in double precision; NaN where
            the network cannot be run in it.
        memory: Relative difference of a step's gradient after another step from the same step's
            gradient on its own.
        rates: A few steps at multiples of the learning rate.
        overfit: Loss on one batch, before and after many steps at the best of those rates.
        overfit_steps: How many.
        overfit_quiet: Loss on that batch after as many in evaluation mode, where nothing is
            dropped out, at the set rate.
        random: Two answers to the same batch in evaluation mode.
        neighbours: Answers to a batch and to its samples one by one, in evaluation mode.
        modes: Answers in training and in evaluation mode, where neither is random.
        written: Buffers that answering in evaluation mode changed.
        chance: Share of the most frequent label among the held-out samples.
        learned: Accuracy on them after a short training.
        shuffled: The same after training on shuffled labels.
        repeats: Whether the same short run gave the same weights again.
        purity: Mean share of a batch's largest class, in batches as the training takes them.
        purity_by_chance: The same in batches drawn at random.
        linear: Layers with weights between which nothing bends: "first -> second".
        samples: How many were used.
    """

    classes: int
    initial_loss: float
    loss: LossTest
    metrics: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    parts_tested: tuple[str, ...] = ()
    input_is: str
    decoded_is: str
    input_mean: float
    input_std: float
    probabilities: bool
    blind: tuple[float, str] = (0.0, "")
    clipped: float = 0.0
    not_finite: tuple[str, ...]
    constant: tuple[str, ...]
    gradients: Mapping[str, float]
    undeclared: tuple[str, ...]
    unoptimised: tuple[str, ...]
    loose: tuple[str, ...]
    gradient_error: float
    memory: float
    rates: tuple[Rate, ...]
    overfit: tuple[float, float]
    overfit_steps: int
    overfit_quiet: float = math.nan
    random: Place
    neighbours: Place
    modes: Place
    written: tuple[str, ...]
    chance: float
    learned: Estimate
    shuffled: Estimate
    repeats: bool
    purity: float = math.nan
    purity_by_chance: float = math.nan
    linear: tuple[str, ...] = ()
    samples: int

    def metadata(self) -> Metadata:
        """The numbers, and the rates that were tried."""
        rows: list[tuple[object, ...]] = [(r.factor, r.before, r.after) for r in self.rates]
        gradients: list[tuple[object, ...]] = list(self.gradients.items())
        return {
            **Record.metadata(self),
            "overfit loss": self.overfit[1],
            "rates": table(("times the learning rate", "loss before", "loss after"), rows),
            "largest gradients": table(("tensor", "gradient"), gradients),
        }
