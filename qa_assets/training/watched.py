"""One call of a network in evaluation mode, with hooks that look on and are gone afterwards."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def call(network: nn.Module, pixels: Tensor, hooks: Iterable[Any]) -> None:
    """Let the network answer, remove the hooks, and leave it in the mode it was in.

    Args:
        network: What answers.
        pixels: A batch, float32 (batch, channel, height, width).
        hooks: Handles of hooks on any of its modules.
    """
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(pixels)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
