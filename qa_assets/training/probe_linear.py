"""Layers with weights between which nothing bends: two of them are no more than one."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from qa_assets.training.watched import call

TOLERANCE = 1e-3
"""Share of a layer's input that rounding may explain."""


def linear(network: nn.Module, pixels: Tensor) -> tuple[str, ...]:
    """Pairs of layers, as ``first -> second``, between which the network is a straight line.

    The output of the first is set to three values on one line; where the input of the second then
    lies on one line as well, nothing between the two bends: no activation, no pooling by a maximum.
    Only neighbours in the order of the calls are looked at.

    Args:
        network: In evaluation mode for the while.
        pixels: A batch, float32 (batch, channel, height, width).
    """
    order = [(name, module) for name, module in _called(network, pixels) if _weighted(module)]
    found: list[str] = []
    for (name, first), (other, second) in pairwise(order):
        if first is not second and _straight(network, pixels, first, second):
            found.append(f"{name} -> {other}")
    return tuple(found)


def _weighted(module: nn.Module) -> bool:
    """Whether it is a matrix or a kernel: what scales each value by itself is none."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim > 1


def _called(network: nn.Module, pixels: Tensor) -> list[tuple[str, nn.Module]]:
    seen: list[tuple[str, nn.Module]] = []
    names = {m: n for n, m in network.named_modules() if not any(True for _ in m.children())}

    def look(module: nn.Module, *_: object) -> None:
        seen.append((names[module], module))

    call(network, pixels, [m.register_forward_hook(look) for m in names])
    return seen


def _straight(network: nn.Module, pixels: Tensor, first: nn.Module, second: nn.Module) -> bool:
    drawn = torch.Generator().manual_seed(0)
    outs: list[Tensor] = []

    def keep(_: nn.Module, __: object, out: Tensor) -> None:
        outs.append(out.detach().clone())

    call(network, pixels, [first.register_forward_hook(keep)])
    if len(outs) != 1:  # called more than once: it has more than one place
        return False
    one = torch.randn(outs[0].shape, generator=drawn).to(outs[0]) * float(outs[0].std())
    other = torch.randn(outs[0].shape, generator=drawn).to(outs[0]) * float(outs[0].std())
    ends = [_seen(network, pixels, first, second, value) for value in (one, other)]
    middle = _seen(network, pixels, first, second, (one + other) / 2)
    if middle is None or any(end is None or end.shape != middle.shape for end in ends):
        return False
    line = (ends[0] + ends[1]) / 2  # type: ignore[operator]
    moved = float((ends[0] - ends[1]).abs().max())  # type: ignore[operator]
    return moved > 0 and float((middle - line).abs().max()) <= TOLERANCE * moved


def _seen(
    network: nn.Module, pixels: Tensor, first: nn.Module, second: nn.Module, value: Tensor
) -> Tensor | None:
    """The input of ``second`` where the output of ``first`` is ``value``."""
    given: list[Tensor] = []

    def put(*_: object) -> Tensor:
        return value

    def look(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            given.append(inputs[0].detach().clone())

    hooks = [first.register_forward_hook(put), second.register_forward_pre_hook(look)]
    call(network, pixels, hooks)
    return given[0] if len(given) == 1 else None
