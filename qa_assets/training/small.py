"""The small network: what one convolution and one layer behind it reach, with fixed settings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.determinism import deterministic
from qa_assets.training.loop import Batches, answers, learner, one_pass
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.user_code import UserModel

Pixels = NDArray[np.uint8]
CHANNELS = 16
SETTINGS = TrainingSettings(epochs=10, batch_size=32, learning_rate=0.005)
"""Settled beforehand: nothing here is tuned to a dataset."""


def small_network(
    train: LabelledSamples,
    test: LabelledSamples,
    spec: InputSpec,
    shrink: Callable[[Pixels], Pixels],
    *,
    max_steps: int = 1500,
) -> NDArray[np.int64]:
    """Train it and let it answer ``test``; the same bits every time.

    Args:
        train: What it is fitted to.
        test: What it answers.
        spec: How pixels are normalised.
        shrink: Averages large pictures; (sample, height, width, channels) stays the order.
        max_steps: Training ends with the epoch that reaches them, so it costs seconds on any data.
    """
    small, asked = (replace(s, pixels=shrink(s.pixels)) for s in (train, test))
    height, width = small.pixels.shape[1:3]
    shape = spec.model_copy(update={"height": height, "width": width})
    model = UserModel("small network", b"", _network)
    with deterministic(SETTINGS.seed, SETTINGS.threads):
        learning = learner(model, shape, len(train.classes), SETTINGS)
        order, steps = torch.Generator().manual_seed(SETTINGS.seed), 0
        for _ in range(SETTINGS.epochs):
            one_pass(learning, Batches(small, shape).shuffled(SETTINGS.batch_size, order))
            steps += -(-len(small.ids) // SETTINGS.batch_size)
            if steps >= max_steps:
                break
        return answers(learning.network, Batches(asked, shape)).argmax(dim=1).numpy()


def _network(spec: InputSpec, classes: int) -> nn.Module:
    halves = (max(spec.height // 2, 1), max(spec.width // 2, 1))
    return nn.Sequential(
        nn.Conv2d(spec.channels, CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d((min(2, spec.height), min(2, spec.width))),
        nn.Flatten(),
        nn.Linear(CHANNELS * halves[0] * halves[1], classes),
    )
