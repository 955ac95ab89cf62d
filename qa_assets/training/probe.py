"""A cheap look before the real training: short runs of the real parts whose outcome is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qa_assets.core.config import InputSpec
from qa_assets.core.intervals import share
from qa_assets.core.record import Estimate
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.preprocessing.samples import LabelledSamples, not_empty
from qa_assets.training import (
    probe_answers,
    probe_input,
    probe_linear,
    probe_loss,
    probe_parts,
    probe_steps,
)
from qa_assets.training.determinism import deterministic
from qa_assets.training.loop import Batches, Learner, learner, measure, one_pass
from qa_assets.training.network import make, state_of, weights_digest
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.user_code import UserModel, read_model, user_code

DIGITS = 6
"""Digits that are kept of a measured number, so that last bits never make a new record."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part of the probe works with.

    Attributes:
        model: The user's file.
        spec: The input.
        settings: Of the real training.
        train: A few training samples.
        held: A few validation samples.
        classes: Number of them.
    """

    model: UserModel
    spec: InputSpec
    settings: TrainingSettings
    train: LabelledSamples
    held: LabelledSamples
    classes: int

    def network(self) -> nn.Module:
        """The fresh network, the same at every call."""
        torch.manual_seed(self.settings.seed)
        return make(self.model, self.spec, self.classes).to(self.settings.device)

    def learner(self, factor: float = 1.0) -> Learner:
        """A fresh learner at a multiple of the learning rate, the same at every call."""
        rate = self.settings.learning_rate * factor
        settings = self.settings.model_copy(update={"learning_rate": rate})
        network = self.network()
        return learner(self.model, self.spec, self.classes, settings, network)

    def batches(self, samples: LabelledSamples | None = None) -> Batches:
        """Samples as the network sees them."""
        return Batches(samples or self.train, self.spec, self.settings.device)


def probe(
    train: LabelledSamples,
    validation: LabelledSamples,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    settings: TrainingSettings,
    model: Path,
    *,
    samples: int = 512,
    held: int = 256,
    epochs: int = 4,
    steps: int = 120,
) -> TrainingProbe:
    """Look at the parts of a training before it is begun.

    Args:
        train: The training split.
        validation: The validation split.
        payloads: Raw bytes of some training samples by id, for an independent decoding.
        spec: The declared preprocessing.
        settings: Of the training.
        model: The network's source.
        samples: Training samples that are used at most, evenly spaced by id.
        held: Validation samples that are used at most.
        epochs: Passes of the short trainings.
        steps: Steps on one batch, at most.

    Raises:
        InputRefused: As :func:`fit.fit`.
        EnvironmentFault: As :func:`fit.fit`.
    """
    not_empty(train=train, validation=validation)
    source = read_model(model)
    few, out = _few(train, samples), _few(validation, held)
    bench = Bench(source, spec, settings, few, out, len(train.classes))
    with deterministic(settings.seed, settings.threads, settings.device), user_code(source.name):
        found = _measure(bench, epochs, steps)
    decoded = probe_input.decoded_as(few, payloads, spec)
    return TrainingProbe(decoded_is=decoded, samples=len(few.ids), **_rounded(found))


def _measure(bench: Bench, epochs: int, steps: int) -> dict[str, Any]:
    pixels, labels = bench.batches().of(_rows(bench, bench.settings.batch_size))
    reach = probe_steps.reach(bench)
    rates = probe_steps.rates(bench, pixels, labels)
    best = max(rates, key=lambda r: r.fall).factor
    overfit = probe_steps.overfit(bench, pixels, labels, factor=best, steps=steps)
    network, seen = bench.network(), bench.batches().of(_rows(bench, 16))[0]
    parts, tested = probe_parts.try_parts(bench)
    everything = np.asarray(bench.batches().of(torch.arange(len(bench.train.ids)))[0].cpu())
    return {
        "classes": bench.classes,
        "initial_loss": measure(bench.learner(), bench.batches())[0],
        "loss": probe_loss.test_loss(bench.learner().loss, bench.classes),
        "metrics": probe_loss.test_metrics(bench.model.metrics, bench.classes),
        "parts": parts,
        "parts_tested": tested,
        "input_is": probe_input.input_as(network, seen, _pixels(bench, 16), bench.spec),
        "input_mean": float(everything.mean(dtype=np.float64)),
        "input_std": float(everything.std(dtype=np.float64)),
        "probabilities": probe_answers.probabilities(network, seen),
        "blind": probe_answers.blind(network, seen),
        "clipped": probe_answers.clipped(network, seen),
        "not_finite": probe_answers.not_finite(network),
        "constant": probe_answers.constant(network),
        **reach,
        "gradient_error": probe_steps.gradient_error(bench),
        "memory": probe_steps.memory(bench),
        "rates": rates,
        "overfit": overfit[:2],
        "overfit_steps": overfit[2],
        "overfit_quiet": probe_steps.overfit(
            bench, pixels, labels, factor=1.0, steps=steps, quiet=True
        )[1],
        "random": probe_answers.random(network, seen),
        "neighbours": probe_answers.neighbours(network, seen),
        "modes": probe_answers.modes(network, seen),
        "written": probe_answers.written(network, seen),
        "purity": probe_steps.purity(bench),
        "purity_by_chance": probe_steps.purity(bench, by_chance=True),
        "linear": probe_linear.linear(network, seen),
        "chance": float(np.bincount(bench.held.labels).max() / len(bench.held.ids)),
        "learned": _learn(bench, bench.train, bench.held, epochs),
        "shuffled": _learn(bench, *_shuffled(bench), epochs),
        "repeats": _run(bench) == _run(bench),
    }


def _learn(bench: Bench, train: LabelledSamples, held: LabelledSamples, epochs: int) -> Estimate:
    """Accuracy on held-out samples after a short training, with a wide interval."""
    learning = bench.learner()
    order = torch.Generator().manual_seed(bench.settings.seed)
    for _ in range(epochs):
        loss = one_pass(learning, bench.batches(train).shuffled(bench.settings.batch_size, order))
        if not abs(loss) < float("inf"):
            break
    _, accuracy = measure(learning, bench.batches(held))
    right = round(accuracy * len(held.ids))
    return share(right, len(held.ids), confidence=0.999)


def _shuffled(bench: Bench) -> tuple[LabelledSamples, LabelledSamples]:
    """Both sides with shuffled labels; a sample on both sides has the same label on both."""
    from dataclasses import replace

    sides = (bench.train, bench.held)
    known = {i: int(y) for s in sides for i, y in zip(s.ids, s.labels, strict=True)}
    drawn = np.random.default_rng(bench.settings.seed).permutation(list(known.values()))
    labels = dict(zip(known, drawn, strict=True))
    train, held = (
        replace(s, labels=np.array([labels[i] for i in s.ids], dtype=np.int64)) for s in sides
    )
    return train, held


def _run(bench: Bench, steps: int = 3) -> str:
    """Weights after a few steps, by digest."""
    learning = bench.learner()
    learning.network.train()
    size = min(bench.settings.batch_size, len(bench.train.ids))
    for rows in torch.arange(size * steps).remainder(len(bench.train.ids)).split(size):
        learning.step(*bench.batches().of(rows))
    return weights_digest(state_of(learning.network, bench.model.name))


def _rows(bench: Bench, most: int) -> torch.Tensor:
    """Rows that hold every class as far as possible: the first of each, the second, ..."""
    labels, place = bench.train.labels, np.zeros(len(bench.train.ids), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        place[rows] = np.arange(len(rows))
    order = np.argsort(place, kind="stable")
    return torch.from_numpy(order[: max(2, min(most, len(order), 64))].copy())


def _pixels(bench: Bench, most: int) -> NDArray[np.uint8]:
    """Decoded pixels of the rows that :func:`_rows` gives."""
    return bench.train.pixels[_rows(bench, most).numpy()]


def _few(samples: LabelledSamples, most: int) -> LabelledSamples:
    """Evenly spaced by id, which is random with respect to everything else."""
    n = len(samples.ids)
    rows = np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))
    return LabelledSamples(
        tuple(samples.ids[i] for i in rows),
        samples.labels[rows],
        tuple(samples.groups[i] for i in rows),
        samples.pixels[rows],
        samples.classes,
    )


def _rounded(found: Mapping[str, Any]) -> dict[str, Any]:
    from dataclasses import fields, is_dataclass, replace

    def round_(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.{DIGITS}g}")
        if isinstance(value, tuple):
            return tuple(round_(v) for v in value)
        if isinstance(value, dict):
            return {k: round_(v) for k, v in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: round_(getattr(value, f.name)) for f in fields(value)})
        return value

    return {name: round_(value) for name, value in found.items()}
