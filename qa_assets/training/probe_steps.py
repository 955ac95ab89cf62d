"""What a few steps do: whom gradients reach, what they remember, how fast the loss falls."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from qa_assets.core.records.probe import Rate
from qa_assets.training.loop import Batch, Learner, Loss
from qa_assets.training.network import state_of

if TYPE_CHECKING:
    from qa_assets.training.probe import Bench

FACTORS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
SAME_SLOPE = 1e-3
"""Relative difference of two difference quotients of which at least one is no slope."""
ENOUGH = 0.05
"""Share of the loss on one batch below which more steps show nothing new."""


def reach(bench: "Bench", *, steps: int = 3) -> dict[str, object]:
    """Largest gradient of every trainable tensor, and which tensors are left out.

    Gradients are looked at when the optimizer steps, after whatever the user's step does to them.
    """
    learning = bench.learner()
    before = state_of(learning.network)
    parameters = dict(learning.network.named_parameters())
    held = {id(p) for group in learning.optimizer.param_groups for p in group["params"]}
    largest = {name: 0.0 for name, p in parameters.items() if p.requires_grad}

    def look(*_: object) -> None:
        for name in largest:
            gradient = parameters[name].grad
            if gradient is not None:
                size = float(gradient.abs().max())
                largest[name] = size if math.isnan(size) else max(largest[name], size)

    hook = learning.optimizer.register_step_pre_hook(look)
    learning.network.train()
    for number in range(steps):
        learning.step(*_batch(bench, number))
    hook.remove()
    after = learning.network.state_dict()
    frozen = {n for n in parameters if n.startswith(bench.model.frozen)}
    still = {n for n in parameters if n not in frozen and not parameters[n].requires_grad}
    return {
        "gradients": largest,
        "undeclared": tuple(n for n in parameters if n in still),
        "unoptimised": tuple(n for n in largest if id(parameters[n]) not in held),
        "loose": tuple(
            n for n in parameters if n in frozen and not torch.equal(before[n], after[n].cpu())
        ),
    }


def memory(bench: "Bench") -> float:
    """Relative difference of a second step's gradient from that of the same step on its own."""
    learning = bench.learner()
    learning.network.train()
    learning.step(*_batch(bench, 0))
    state, drawn = state_of(learning.network), torch.get_rng_state()
    used = _gradients(learning, *_batch(bench, 1))
    alone = bench.learner()
    alone.network.load_state_dict(state)
    alone.network.train()
    torch.set_rng_state(drawn)
    right = _gradients(alone, *_batch(bench, 1))
    if not used or not right:
        return 0.0  # a step that only gathers gradients has nothing to compare
    change = sum(float((used[n] - g).square().sum()) for n, g in right.items() if n in used)
    size = sum(float(g.square().sum()) for g in right.values())
    return math.sqrt(change / size) if size else 0.0


def rates(bench: "Bench", pixels: Tensor, labels: Tensor, *, steps: int = 10) -> tuple[Rate, ...]:
    """A few steps on one batch at multiples of the learning rate."""
    found: list[Rate] = []
    for factor in FACTORS:
        learning = bench.learner(factor)
        learning.network.train()
        losses = [learning.step(pixels, labels) for _ in range(steps)]
        found.append(Rate(factor, losses[0], sum(losses[-3:]) / 3))
    return tuple(found)


def overfit(
    bench: "Bench",
    pixels: Tensor,
    labels: Tensor,
    *,
    factor: float,
    steps: int,
    quiet: bool = False,
) -> tuple[float, float, int]:
    """Loss before and after many steps on one batch, and how many there were.

    Args:
        bench: What learns.
        pixels: The batch.
        labels: Of the batch.
        factor: Multiple of the learning rate.
        steps: At most so many.
        quiet: In evaluation mode: nothing is dropped out.
    """
    learning, taken = bench.learner(factor), 1
    learning.network.train(not quiet)
    first = learning.step(pixels, labels)
    recent = [first]
    for taken in range(2, steps + 1):  # noqa: B007 (how many is told)
        recent = [*recent[-4:], learning.step(pixels, labels)]
        if not math.isfinite(recent[-1]) or max(recent) < ENOUGH * first:
            break
    return first, sum(recent) / len(recent), taken


def purity(bench: "Bench", *, by_chance: bool = False) -> float:
    """Mean share of a batch's largest class, in batches as the training takes them.

    Args:
        bench: Its samples in their order, and its size of a batch.
        by_chance: In batches that are drawn at random instead.
    """
    size, seed = bench.settings.batch_size, bench.settings.seed
    batches = bench.batches().shuffled(size, torch.Generator().manual_seed(seed))
    taken = [labels.cpu() for _, labels in batches]
    if by_chance:
        order = np.random.default_rng(seed).permutation(sum(map(len, taken)))
        mixed = torch.cat(taken)[torch.from_numpy(order)]
        taken = list(mixed.split([len(labels) for labels in taken]))
    return float(np.mean([float(labels.bincount().max()) / len(labels) for labels in taken]))


def gradient_error(bench: "Bench", *, tries: int = 3, step: float = 1e-7) -> float:
    """Relative error of the network's gradient against central differences, in double precision.

    One direction through all trainable tensors at a time; the best of a few tries counts, since a
    kink (of a ReLU, of a maximum) may lie on the way of one of them, but a layer with a wrong
    hand-written backward shows on every way.
    """
    network = bench.network().cpu().double().eval()
    pixels, labels = (t.cpu() for t in _batch(bench, 0))
    loss, drawn = bench.learner().loss, torch.Generator().manual_seed(0)
    found: list[float] = []
    for rows in torch.arange(4 * tries).remainder(len(labels)).split(4):
        batch, state = (pixels[rows].double(), labels[rows]), drawn.get_state()
        try:
            slope, given = _slopes(network, loss, batch, drawn, step)
            wider, _ = _slopes(network, loss, batch, drawn.set_state(state), 16 * step)
        except RuntimeError:  # single precision is written into it
            return math.nan
        if _apart(slope, wider) <= SAME_SLOPE:  # no kink, and no single precision on the way
            found.append(_apart(slope, given))
    return min(found, default=math.nan)


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-6)


def _slopes(
    network: torch.nn.Module, loss: Loss, batch: Batch, drawn: torch.Generator, step: float
) -> tuple[float, float]:
    """Along one random direction: by differences of the loss, and by its gradient."""
    pixels, labels = batch
    trained = [p for p in network.parameters() if p.requires_grad]
    way = [torch.randn(p.shape, generator=drawn, dtype=torch.float64) for p in trained]
    value = loss(network(pixels), labels)
    slopes = torch.autograd.grad(value, trained, allow_unused=True, materialize_grads=True)
    given = sum(float((g * w).sum()) for g, w in zip(slopes, way, strict=True))
    ends: list[float] = []
    with torch.no_grad():
        for steps in (1, -2, 1):  # ahead, behind, and back to where it was
            for p, w in zip(trained, way, strict=True):
                p.add_(w, alpha=steps * step)
            ends.append(float(loss(network(pixels), labels)))
    return (ends[0] - ends[1]) / (2 * step), given


def _gradients(learning: Learner, pixels: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """What the optimizer is given in one step."""
    found: dict[str, Tensor] = {}

    held = {id(p) for group in learning.optimizer.param_groups for p in group["params"]}

    def look(*_: object) -> None:
        for name, p in learning.network.named_parameters():
            if p.grad is not None and id(p) in held:
                found[name] = p.grad.detach().double().clone()

    hook = learning.optimizer.register_step_pre_hook(look)
    learning.step(pixels, labels)
    hook.remove()
    return found


def _batch(bench: "Bench", number: int) -> tuple[Tensor, Tensor]:
    n = len(bench.train.ids)
    size = min(bench.settings.batch_size, n)
    return bench.batches().of((torch.arange(size) + number * size).remainder(n))
