"""One step of learning: samples as the network sees them, its loss, its optimizer."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.preprocessing.image import normalise
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.network import make
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.user_code import HOOKS, UserModel

MEASURE_BATCH = 256
"""Samples at once where only losses are measured; it bounds memory, it decides nothing."""

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Batches:
    """Samples as the network sees them, made batch by batch: float32 takes four times the room.

    They are copied into memory of torch, which is aligned: the last bits may depend on it.
    """

    samples: LabelledSamples
    spec: InputSpec
    device: str = "cpu"

    def of(self, rows: Tensor) -> Batch:
        """Pixels, float32 (batch, channel, height, width), and labels of some rows."""
        chosen = rows.numpy()
        pixels = torch.from_numpy(normalise(self.samples.pixels[chosen], self.spec)).clone()
        labels = torch.from_numpy(self.samples.labels[chosen])
        return pixels.to(self.device), labels.to(self.device)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All of them, ``size`` at once."""
        for rows in torch.arange(len(self.samples.ids)).split(size):
            yield self.of(rows)

    def shuffled(
        self, size: int, order: torch.Generator, *, part: int = 0, parts: int = 1
    ) -> Iterator[Batch]:
        """All of them in a random order; of each batch one part, where several share it."""
        batches = list(torch.randperm(len(self.samples.ids), generator=order).split(size))
        # Batch normalisation cannot learn from a single sample.
        if len(batches) > 1 and len(batches[-1]) < 2 * parts:
            batches[-2:] = [torch.cat(batches[-2:])]
        for rows in batches:
            yield self.of(rows[part::parts])


@dataclass(frozen=True, slots=True)
class Learner:
    """A network with everything that changes it.

    Attributes:
        network: What learns.
        optimizer: Turns gradients into steps.
        loss: Mean loss of logits against labels.
        model: The user's file, for its hooks.
        rates: Size of a step of each of the optimizer's groups in each epoch, shape (epoch, group);
            empty where nothing changes it, or the user's own step does.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Loss
    model: UserModel
    rates: tuple[tuple[float, ...], ...] = ()

    def step(self, pixels: Tensor, labels: Tensor) -> float:
        """One step on one batch; the loss before it."""
        if augment := self.model.hooks.get("augment"):
            pixels = augment(pixels)
        take = self.model.hooks.get("step", plain_step)
        value: Any = take(self.network, self.optimizer, self.loss, pixels, labels)
        return float(value)

    def begin(self, epoch: int) -> None:
        """Before an epoch, the first is 1: steps are as large as planned, also after a cut."""
        if self.rates:
            for group, rate in zip(self.optimizer.param_groups, self.rates[epoch - 1], strict=True):
                group["lr"] = rate

    def settle(self) -> None:
        """After an epoch: alone, there is nobody to agree with."""


def learner(
    model: UserModel,
    spec: InputSpec,
    classes: int,
    settings: TrainingSettings,
    network: nn.Module | None = None,
) -> Learner:
    """A fresh network, or the given one, ready to learn as the settings and the user's file say.

    Raises:
        InputRefused: What :func:`network.make` raises; ``MODEL_CONTRACT``: no optimizer.
    """
    found = network or make(model, spec, classes).to(settings.device)
    loss: Loss = model.hooks.get("loss", cross_entropy)
    optimizer = _optimizer(model, found, settings)
    return Learner(found, optimizer, loss, model, _rates(optimizer, settings))


def plain_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss, pixels: Tensor, labels: Tensor
) -> float:
    """The step that is taken unless a ``model.py`` has its own; none where the loss is lost."""
    optimizer.zero_grad()
    value = loss(network(pixels), labels)
    number = value.item()
    if math.isfinite(number):
        value.backward()
        optimizer.step()
    return number


def one_pass(learning: Learner, batches: Iterator[Batch]) -> float:
    """One epoch; the mean loss a sample, or the first that is not finite."""
    learning.network.train()
    total, seen = 0.0, 0
    for pixels, labels in batches:
        value = learning.step(pixels, labels)
        if not math.isfinite(value):
            return value
        total, seen = total + value * len(labels), seen + len(labels)
    learning.settle()
    return total / seen


def measure(learning: Learner, batches: Batches) -> tuple[float, float]:
    """Mean loss and share of right answers in evaluation mode, nothing changed."""
    learning.network.eval()
    total, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for pixels, labels in batches.in_order(MEASURE_BATCH):
            logits = learning.network(pixels)
            total += float(learning.loss(logits, labels)) * len(labels)
            right += int((logits.argmax(dim=1) == labels).sum())
            seen += len(labels)
    return total / seen, right / seen


def answers(network: nn.Module, batches: Batches) -> Tensor:
    """Logits of every sample in evaluation mode, on the CPU."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(pixels).cpu() for pixels, _ in batches.in_order(MEASURE_BATCH)])


def _rates(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings
) -> tuple[tuple[float, ...], ...]:
    if settings.schedule == "constant":
        return ()
    first = [float(group["lr"]) for group in optimizer.param_groups]
    epochs = range(1, settings.epochs + 1)
    return tuple(tuple(rate * share_of_rate(settings, e) for rate in first) for e in epochs)


def share_of_rate(settings: TrainingSettings, epoch: int) -> float:
    """Size of the steps of an epoch, the first is 1, as a share of the set learning rate.

    Source: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts.
    """
    if settings.schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (epoch - 1) / settings.epochs)) / 2


def _optimizer(
    model: UserModel, network: nn.Module, settings: TrainingSettings
) -> torch.optim.Optimizer:
    if own := model.hooks.get("optimizer"):
        made: object = own(network, settings)
        if not isinstance(made, torch.optim.Optimizer):
            message = f"optimizer() returned {type(made).__name__}."
            right = f"Right is {HOOKS['optimizer']}."
            raise InputRefused.of("MODEL_CONTRACT", model.name, message, right)
        return made
    trained = [p for p in network.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=rate, momentum=settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(trained, lr=rate, weight_decay=decay)
