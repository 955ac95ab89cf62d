"""What a fresh network answers: logits, the same each time, whoever else is in the batch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qa_assets.core.records.probe import Place

TOLERANCE = 1e-4
"""Share of the logits' spread that rounding may explain."""
TWO_FACED = ("BatchNorm", "InstanceNorm", "Dropout", "RReLU")
"""Layers that may answer differently in training mode and in evaluation mode."""
Trace = list[tuple[str, str, Tensor, Tensor]]


def probabilities(network: nn.Module, pixels: Tensor) -> bool:
    """Whether the answers lie in [0, 1] and add up to one, which logits do not."""
    answers = _answer(network, pixels)
    inside = bool(((answers >= 0) & (answers <= 1)).all())
    return inside and bool(((answers.sum(dim=1) - 1).abs() < 1e-3).all())


def clipped(network: nn.Module, pixels: Tensor) -> float:
    """Share of the answers that are exactly the lowest one: an activation behind the last layer.

    Nothing where all answers are equal: those of weights of zero are not clipped.
    """
    answers = _answer(network, pixels)
    lowest = float((answers == answers.min()).double().mean())
    return lowest if lowest < 1 and answers.numel() > 1 else 0.0


def blind(network: nn.Module, pixels: Tensor, *, most: int = 32) -> tuple[float, str]:
    """Share of the input that no answer depends on, and where that lies.

    Rows, then columns, are set to noise, a band at a time; where no answer changes, none is looked
    at. Where nothing changes any answer, they are constant: that is another fault, and told so.

    Args:
        network: In evaluation mode for the while.
        pixels: A batch, float32 (batch, channel, height, width).
        most: Bands a side.
    """
    right = _answer(network, pixels)
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(7)).to(pixels)
    places = [_unused(network, pixels, noise, right, axis, most) for axis in (2, 3)]
    used = [1 - len(place) / pixels.shape[axis] for axis, place in zip((2, 3), places, strict=True)]
    if not all(used):
        return 0.0, ""
    named = zip(("rows", "columns"), places, strict=True)
    where = [f"{side} {place[0]} to {place[-1]}" for side, place in named if place]
    return 1 - used[0] * used[1], ", ".join(where)


def _unused(
    network: nn.Module, pixels: Tensor, noise: Tensor, right: Tensor, axis: int, most: int
) -> list[int]:
    found: list[int] = []
    size = pixels.shape[axis]
    for band in torch.arange(size).split(max(1, -(-size // most))):
        other = pixels.clone()
        other.index_copy_(axis, band, noise.index_select(axis, band))
        if not _far(right, _answer(network, other)):
            found += band.tolist()
    return found


def not_finite(network: nn.Module) -> tuple[str, ...]:
    """Tensors with a NaN or an infinity."""
    return tuple(n for n, t in network.state_dict().items() if not bool(torch.isfinite(t).all()))


def constant(network: nn.Module) -> tuple[str, ...]:
    """Weight matrices and kernels with one value only: nothing tells their units apart."""
    return tuple(
        name
        for name, p in network.named_parameters()
        if p.ndim > 1 and p.numel() > 1 and bool((p == p.reshape(-1)[0]).all())
    )


def random(network: nn.Module, pixels: Tensor, *, times: int = 8) -> Place:
    """The same batch again and again in evaluation mode; what was drawn once may be drawn twice."""
    places = (
        _place(network, lambda: _trace(network, pixels), lambda: _trace(network, pixels))
        for _ in range(times)
    )
    return max(places, key=lambda place: place.difference)


def neighbours(network: nn.Module, pixels: Tensor) -> Place:
    """A batch, and the same samples one by one, in evaluation mode."""

    def one_by_one() -> Trace:
        traces = [_trace(network, pixels[i : i + 1]) for i in range(len(pixels))]
        return [
            (parts[0][0], parts[0][1], *(torch.cat([p[k] for p in parts]) for k in (2, 3)))  # type: ignore[misc]
            for parts in zip(*traces, strict=False)
        ]

    return _place(network, lambda: _trace(network, pixels), one_by_one)


def modes(network: nn.Module, pixels: Tensor) -> Place:
    """Training mode against evaluation mode, with the layers that may differ in evaluation mode.

    Nothing where training mode is random even so: a dropout between layers is allowed as well.
    """

    def training() -> Trace:
        return _trace(network, pixels, training=True)

    if _place(network, training, training).difference > TOLERANCE:
        return Place(0.0)
    return _place(network, training, lambda: _trace(network, pixels))


def written(network: nn.Module, pixels: Tensor) -> tuple[str, ...]:
    """Tensors that answering in evaluation mode changed."""
    before = {k: v.clone() for k, v in network.state_dict().items()}
    _answer(network, pixels)
    after = network.state_dict()
    changed = tuple(k for k, v in before.items() if not torch.equal(v, after[k]))
    network.load_state_dict(before)
    return changed


def _answer(network: nn.Module, pixels: Tensor) -> Tensor:
    mode = network.training
    network.eval()
    with torch.no_grad():
        answers = network(pixels).double().cpu()
    network.train(mode)
    return answers


def _trace(network: nn.Module, pixels: Tensor, *, training: bool = False) -> Trace:
    """Input and output of every layer in the order of the calls, the whole network last."""
    seen: Trace = []
    names = {m: n for n, m in network.named_modules() if not any(True for _ in m.children())}

    def look(module: nn.Module, given: tuple[object, ...], out: object) -> None:
        if given and isinstance(given[0], Tensor) and isinstance(out, Tensor):
            pair = (given[0].detach().clone(), out.detach().clone())
            seen.append((names[module], type(module).__name__, *pair))

    hooks = [m.register_forward_hook(look) for m in names]
    mode = network.training
    network.train(training)
    for module in network.modules():
        if any(kind in type(module).__name__ for kind in TWO_FACED):
            module.eval()
    try:
        with torch.no_grad():
            out = network(pixels)
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    return [*seen, ("output", "", out, out)]


def _place(network: nn.Module, one: Callable[[], Trace], other: Callable[[], Trace]) -> Place:
    state = {k: v.clone() for k, v in network.state_dict().items()}
    first = one()
    network.load_state_dict(state)
    second = other()
    network.load_state_dict(state)
    spread = float(first[-1][3].double().std()) or 1.0
    difference = float((first[-1][3] - second[-1][3]).abs().max()) / spread
    if difference <= TOLERANCE:
        return Place(difference)
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if _far(a[2], b[2]):  # code between the layers made the difference
            return Place(difference, f"after {first[index - 1][0]}" if index else "input")
        if _far(a[3], b[3]):
            return Place(difference, f"{a[0]} ({a[1]})", a[1])
    return Place(difference, "output")


def _far(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return True
    scale = float(one.double().std()) or 1.0
    return float((one.double() - other.double()).abs().max()) > TOLERANCE * scale
