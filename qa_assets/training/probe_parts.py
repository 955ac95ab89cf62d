"""The user's own layers and augmentation, each on its own: tests that every such part must pass.

A layer counts as the user's own where its class is written in ``model.py``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from qa_assets.training.user_code import MODULE_PREFIX

if TYPE_CHECKING:
    from qa_assets.training.probe import Bench

STEP, TRIES, EXTREME, TIGHT, SLOPE = 1e-6, 3, 1e4, 1e-4, 1e-3
GRADIENT = "has a gradient that is not its slope"


def own_layers(network: nn.Module, pixels: Tensor) -> dict[str, tuple[nn.Module, Tensor]]:
    """The user's own layers by name, each with what it was given in evaluation mode."""
    names = {
        m: n
        for n, m in network.named_modules()
        if n and type(m).__module__.startswith(MODULE_PREFIX)
    }
    seen: dict[str, tuple[nn.Module, Tensor]] = {}

    def look(module: nn.Module, given: tuple[object, ...], out: object) -> None:
        single = len(given) == 1 and isinstance(given[0], Tensor) and given[0].is_floating_point()
        if single and isinstance(out, Tensor):
            assert isinstance(given[0], Tensor)
            seen.setdefault(names[module], (module, given[0].detach().clone()))

    hooks = [m.register_forward_hook(look) for m in names]
    try:
        with torch.no_grad():
            network.eval()(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def try_parts(bench: "Bench", *, samples: int = 6) -> tuple[dict[str, str], tuple[str, ...]]:
    """Put the user's own parts to the test.

    Returns:
        The first fault of each part that has one, and the names of all that were tested.

    Source: gradients against central differences in double precision; what answers to a sample
    does not depend on where in the batch it stands.
    """
    pixels = bench.batches().of(torch.arange(min(samples, len(bench.train.ids))))[0].cpu()
    found: dict[str, str] = {}
    tested: list[str] = []
    for name, (layer, given) in own_layers(bench.network().cpu(), pixels).items():
        tested.append(f"layer {name}")
        if fault := next(_layer_faults(layer.eval(), given), ""):
            found[tested[-1]] = fault
    if augment := bench.model.hooks.get("augment"):
        tested.append("augment")
        if fault := _augment_fault(augment(pixels.clone()), pixels):
            found["augment"] = fault
    return found, tuple(tested)


def _layer_faults(layer: nn.Module, given: Tensor) -> Iterator[str]:
    for size in (0.0, EXTREME, -EXTREME):
        if not _finite(layer, size * torch.ones_like(given)):
            yield f"is not finite for inputs of {size:g}"
    with torch.no_grad():
        out, turned = layer(given), layer(given.flip(0))
    if out.shape[:1] == given.shape[:1]:
        scale = float(out.abs().max()) or 1.0
        if not float((out - turned.flip(0)).abs().max()) <= TIGHT * scale:
            yield "depends on the order of the batch"
    try:
        layer.double()
        errors = [_slope_error(layer, given.double(), seed) for seed in range(TRIES)]
    except RuntimeError:  # single precision is written into it: its gradient cannot be measured
        return
    if max(errors) > SLOPE:
        yield GRADIENT


def _finite(layer: nn.Module, given: Tensor) -> bool:
    point = given.clone().requires_grad_()
    out = layer(point)
    if not bool(torch.isfinite(out).all()):
        return False
    if not out.requires_grad:
        return True
    (slope,) = torch.autograd.grad(out.sum(), [point], allow_unused=True, materialize_grads=True)
    return bool(torch.isfinite(slope).all())


def _slope_error(layer: nn.Module, given: Tensor, seed: int) -> float:
    """Relative error of the gradient along a random way through input and parameters."""
    drawn = torch.Generator().manual_seed(seed)
    point = given.clone().requires_grad_()
    places = [point, *(p for p in layer.parameters() if p.requires_grad)]
    ways = [torch.randn(p.shape, generator=drawn, dtype=torch.float64) for p in places]
    out = layer(point)
    weights = torch.randn(out.shape, generator=drawn, dtype=torch.float64)
    if not out.requires_grad:
        return 0.0
    slopes = torch.autograd.grad(
        (out * weights).sum(), places, allow_unused=True, materialize_grads=True
    )
    said = sum(float((g * w).sum()) for g, w in zip(slopes, ways, strict=True))
    found = [_difference(layer, point, places, ways, weights, size) for size in (STEP, 16 * STEP)]
    if _apart(*found) > SLOPE:
        return 0.0  # a kink, or single precision somewhere inside: no slope to compare with
    return _apart(found[0], said)


def _difference(
    layer: nn.Module,
    point: Tensor,
    places: list[Tensor],
    ways: list[Tensor],
    weights: Tensor,
    size: float,
) -> float:
    ends: list[float] = []
    with torch.no_grad():
        for steps in (1, -2, 1):  # ahead, behind, and back to where it was
            for place, way in zip(places, ways, strict=True):
                place.add_(way, alpha=steps * size)
            ends.append(float((layer(point) * weights).sum()))
    return (ends[0] - ends[1]) / (2 * size)


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-6)


def _augment_fault(made: object, pixels: Tensor) -> str:
    if not isinstance(made, Tensor):
        return f"returns {type(made).__name__}, no tensor"
    if made.shape != pixels.shape or made.dtype != pixels.dtype:
        return f"returns {made.dtype} {tuple(made.shape)} for {pixels.dtype} {tuple(pixels.shape)}"
    return "" if bool(torch.isfinite(made).all()) else "is not finite"
