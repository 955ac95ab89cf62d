"""A loss and metrics on made-up logits, where the right outcome is known beforehand."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from qa_assets.core.records.probe import LossTest

Loss = Callable[[Tensor, Tensor], Tensor]
MARGINS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SURE, DOUBTFUL, HUGE, STEP = 20.0, 0.5, 1e4, 1e-6
TIGHT = 1e-6


def test_loss(loss: Loss, classes: int) -> LossTest:
    """Put a loss to the test.

    Args:
        loss: Mean loss of logits (sample, class) against labels (sample,).
        classes: Number of classes.

    Source: Karpathy (2019), A recipe for training neural networks; the gradient against central
    differences.
    """
    labels = torch.arange(classes).repeat(2)
    zero = torch.zeros(len(labels), classes, dtype=torch.float64)
    right = torch.nn.functional.one_hot(labels, classes).double()
    by_shift = [float(loss(SURE * right.roll(s, dims=1), labels)) for s in range(classes)]
    guess = float(loss(zero, labels))
    wrong = right.roll(1, dims=1)
    lowest = [s for s, value in enumerate(by_shift) if value == min(by_shift)]
    return LossTest(
        guess=guess,
        floor=min(float(loss(m * right, labels)) for m in MARGINS),
        shift=lowest[0] if len(lowest) == 1 else 0,
        right_lowest=all(by_shift[0] < other for other in by_shift[1:]),
        pull=_pull(loss, SURE * wrong, labels) / max(_pull(loss, DOUBTFUL * wrong, labels), 1e-12),
        gradient_error=gradient_error(loss, _made_up(labels, classes), labels),
        order_error=_order_error(loss, _made_up(labels, classes), labels),
        finite=all(
            _finite(loss, size * right.roll(1, dims=1), labels) for size in (1.0, -HUGE, HUGE)
        ),
    )


def test_metrics(metrics: Mapping[str, Callable[..., object]], classes: int) -> dict[str, str]:
    """The fault of each metric that has one: order matters, not finite, right is not the best."""
    labels = torch.arange(classes).repeat(3)
    right = torch.nn.functional.one_hot(labels, classes).float() * SURE
    mixed = _made_up(labels, classes).float()
    found: dict[str, str] = {}
    for name, metric in metrics.items():
        turned = torch.arange(len(labels)).flip(0)
        value, again = (
            _number(metric(mixed, labels)),
            _number(metric(mixed[turned], labels[turned])),
        )
        best, worst = (_number(metric(right.roll(s, dims=1), labels)) for s in (0, classes // 2))
        if not all(abs(v) < float("inf") for v in (value, again, best, worst)):
            found[name] = "is not finite"
        elif abs(value - again) > TIGHT * max(abs(value), 1.0):
            found[name] = "depends on the order of the batch"
        elif not _holds_on_extremes(metric, labels, classes):
            found[name] = f"is not finite for logits up to {HUGE:g}"
        elif classes > 1 and best <= worst:
            found[name] = "is not higher for right answers than for wrong ones"
    return found


def _holds_on_extremes(metric: Callable[..., object], labels: Tensor, classes: int) -> bool:
    sides = torch.nn.functional.one_hot((labels + 1) % classes, classes).float()
    return all(abs(_number(metric(s * HUGE * sides, labels))) < float("inf") for s in (1, -1))


def gradient_error(loss: Loss, logits: Tensor, labels: Tensor) -> float:
    """Relative error of a gradient against central differences, along a few directions."""
    point = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point, labels), point)
    drawn = torch.Generator().manual_seed(0)
    worst = 0.0
    for _ in range(3):
        way = torch.randn(logits.shape, generator=drawn, dtype=torch.float64)
        ahead, behind = (float(loss(logits + s * STEP * way, labels)) for s in (1, -1))
        slope, given = (ahead - behind) / (2 * STEP), float((gradient * way).sum())
        worst = max(worst, abs(slope - given) / max(abs(slope), abs(given), 1e-9))
    return worst


def _made_up(labels: Tensor, classes: int) -> Tensor:
    drawn = torch.Generator().manual_seed(1)
    return torch.randn((len(labels), classes), generator=drawn, dtype=torch.float64)


def _pull(loss: Loss, logits: Tensor, labels: Tensor) -> float:
    point = logits.clone().requires_grad_()
    return float(torch.autograd.grad(loss(point, labels), point)[0].norm())


def _order_error(loss: Loss, logits: Tensor, labels: Tensor) -> float:
    turned = torch.arange(len(labels)).flip(0)
    one, other = float(loss(logits, labels)), float(loss(logits[turned], labels[turned]))
    return abs(one - other) / max(abs(one), 1e-9)


def _finite(loss: Loss, logits: Tensor, labels: Tensor) -> bool:
    point = logits.float().requires_grad_()
    value = loss(point, labels)
    (gradient,) = torch.autograd.grad(value, point)
    return bool(torch.isfinite(value)) and bool(torch.isfinite(gradient).all())


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]
