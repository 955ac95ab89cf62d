"""Trains a network: plain torch, the same bits every time at the stated number of threads."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.pictures import lines
from qa_assets.core.records import Epoch, TrainedWeights
from qa_assets.preprocessing.image import normalise
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.determinism import deterministic, environment
from qa_assets.training.network import MODEL, WEIGHTS, make, state_of, weights_bytes, weights_digest
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.user_code import UserModel, read_model, user_code

MEASURE_BATCH = 256
"""Samples at once where only losses are measured; it bounds memory, it decides nothing."""

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class _Batches:
    """Samples as the network sees them, made batch by batch: float32 takes four times the room.

    They are copied into memory of torch, which is aligned: the last bits may depend on it.
    """

    samples: LabelledSamples
    spec: InputSpec
    device: str

    def of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        chosen = rows.numpy()
        pixels = torch.from_numpy(normalise(self.samples.pixels[chosen], self.spec)).clone()
        labels = torch.from_numpy(self.samples.labels[chosen])
        return pixels.to(self.device), labels.to(self.device)

    def in_order(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.arange(len(self.samples.ids)).split(size):
            yield self.of(rows)

    def shuffled(self, size: int, order: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        batches = list(torch.randperm(len(self.samples.ids), generator=order).split(size))
        if len(batches) > 1 and len(batches[-1]) == 1:  # batch normalisation cannot learn from one
            batches[-2:] = [torch.cat(batches[-2:])]
        for rows in batches:
            yield self.of(rows)


def fit(
    train: LabelledSamples,
    validation: LabelledSamples,
    spec: InputSpec,
    settings: TrainingSettings,
    model: Path,
    *,
    report: Report | None = None,
) -> TrainedWeights:
    """Train the network of ``model`` and record how it went.

    A loss that is not finite ends the training at once; the record is made all the same and says
    so, for the checks to judge.

    Args:
        train: What the weights are fitted to.
        validation: What the history is measured on; it decides nothing.
        spec: How pixels are normalised.
        settings: Hyper-parameters, seed, threads, device.
        model: The network's source; its contract is that of :func:`network.build`.
        report: Told after each epoch: a text, and the share that is done.

    Raises:
        InputRefused: ``MODEL_MISSING``, ``MODEL_CODE``, ``MODEL_CONTRACT``; ``SPLIT_EMPTY``.
        EnvironmentFault: ``ENV_DEVICE``.
    """
    for name, samples in (("train", train), ("validation", validation)):
        if not samples.ids:
            raise InputRefused.of(
                "SPLIT_EMPTY", name, "holds no sample.", "Add data or change splits."
            )
    source = read_model(model)
    with deterministic(settings.seed, settings.threads, settings.device):
        network = make(source, spec, len(train.classes)).to(settings.device)
        before = state_of(network, source.name)
        fitting = _Batches(train, spec, settings.device)
        checking = _Batches(validation, spec, settings.device)
        with user_code(source.name):
            initial_loss, _ = _measure(network, fitting)
        epochs, history = _epochs(network, fitting, checking, settings), list[Epoch]()
        while epoch := _next(epochs, source.name):
            history.append(epoch)
            if report:
                report(_text(epoch, settings), epoch.epoch / settings.epochs)
        return _record(network, before, source, settings, initial_loss, tuple(history))


def _next(epochs: Iterator[Epoch], name: str) -> Epoch | None:
    with user_code(name):
        return next(epochs, None)


def _text(epoch: Epoch, settings: TrainingSettings) -> str:
    numbers = f"loss {epoch.train_loss:.4f}, validation accuracy {epoch.validation_accuracy:.4f}"
    return f"epoch {epoch.epoch} of {settings.epochs}: {numbers}"


def _epochs(
    network: nn.Module, fitting: _Batches, checking: _Batches, settings: TrainingSettings
) -> Iterator[Epoch]:
    optimizer = _optimizer(network, settings)
    order = torch.Generator().manual_seed(settings.seed)
    for number in range(1, settings.epochs + 1):
        train_loss = _pass(network, fitting.shuffled(settings.batch_size, order), optimizer)
        loss, accuracy = _measure(network, checking)
        yield Epoch(number, train_loss, loss, accuracy)
        if not math.isfinite(train_loss):
            return


def _pass(
    network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], optimizer: torch.optim.Optimizer
) -> float:
    """One epoch; the mean loss a sample, or the first that is not finite."""
    network.train()
    total, seen = 0.0, 0
    for pixels, labels in batches:
        optimizer.zero_grad()
        loss = cross_entropy(network(pixels), labels)
        value = loss.item()
        if not math.isfinite(value):
            return value
        loss.backward()
        optimizer.step()
        total, seen = total + value * len(labels), seen + len(labels)
    return total / seen


def _measure(network: nn.Module, batches: _Batches) -> tuple[float, float]:
    """Mean loss and share of right answers, nothing changed."""
    network.eval()
    total, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for pixels, labels in batches.in_order(MEASURE_BATCH):
            logits = network(pixels)
            total += cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(dim=1) == labels).sum())
            seen += len(labels)
    return total / seen, right / seen


def _optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=rate, momentum=settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(trained, lr=rate, weight_decay=decay)


def _record(
    network: nn.Module,
    before: dict[str, Tensor],
    source: UserModel,
    settings: TrainingSettings,
    initial_loss: float,
    history: tuple[Epoch, ...],
) -> TrainedWeights:
    state = state_of(network, source.name)
    parameters = dict(network.named_parameters())
    curve: dict[str, Sequence[float]] = {
        "train": [epoch.train_loss for epoch in history],
        "validation": [epoch.validation_loss for epoch in history],
    }
    return TrainedWeights(
        files={MODEL: source.source, WEIGHTS: weights_bytes(state), "loss.svg": lines(curve)},
        weights_digest=weights_digest(state),
        parameters=sum(p.numel() for p in parameters.values() if p.requires_grad),
        initial_loss=initial_loss,
        history=history,
        moved={name: _moved(before[name], state[name]) for name in parameters},
        frozen=tuple(n for n in parameters if n.startswith(source.frozen)),
        settings=settings.model_dump(mode="json"),
        environment=environment(settings.threads, settings.device),
    )


def _moved(before: Tensor, after: Tensor) -> float:
    """Relative change, L2(after - before) / L2(before); what began at zero counts as it ended."""
    old, new = before.double(), after.double()  # in torch: BLAS sums by the address of its input
    size = float(torch.linalg.vector_norm(old))
    change = float(torch.linalg.vector_norm(new - old))
    return change / size if size else change
