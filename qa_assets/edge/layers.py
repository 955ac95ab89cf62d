"""Which fault inside the model makes the target's tensor of the reference's.

First by experiment: a supposed fault is made in the reference model, and the one whose tensor is
the target's is it; this needs the target's answers only. Then by the weights in the target's file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.edge import Finding
from qa_assets.edge import file_causes, parts

if TYPE_CHECKING:
    import onnx

Tensor = NDArray[np.floating]
_ENOUGH = 0.8
"""Share of the difference that a supposed fault must take away to be called the cause."""
_SAME = 1e-6
_ACTIVATIONS = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Elu", "HardSwish", "PRelu", "Gelu")


@dataclass(frozen=True, slots=True)
class Departure:
    """The first tensor that departs.

    Attributes:
        layer: Which, and the operator that makes it.
        reference: Its value in the reference, shape (sample, ...).
        target: Its value on the target.
        agreed: Tensors before it that agree.
        given: The input of the reference, of which both were made.
    """

    layer: parts.Layer
    reference: Tensor
    target: Tensor
    agreed: frozenset[str]
    given: NDArray[np.generic]


def explain(
    departure: Departure, model: "onnx.ModelProto", shipped: "onnx.ModelProto | None"
) -> Finding | None:
    """The cause of a departure inside the model.

    Args:
        departure: Where it begins.
        model: The reference.
        shipped: The target's file, where it is ONNX and of the same number format.
    """
    region = parts.between(model, departure.layer.tensor, departure.agreed)
    found = _dropped(departure) or _permuted(departure)
    found = found or _by_experiment(departure, model, region)
    if found is None and shipped is not None:
        found = file_causes.by_weights(model, shipped, region)
        found = found or file_causes.by_operator(shipped, region)
    return found or _coarser(departure)


def _dropped(departure: Departure) -> Finding | None:
    """A tensor, or a channel of it, that is zero on the target only."""
    target, reference, layer = departure.target, departure.reference, departure.layer
    if not target.any() and reference.any():
        what = f"{layer} is zero on the target"
        return Finding("model", "edge.tensor_zeroed", what, str(layer))
    if target.ndim < 2 or target.shape != reference.shape:
        return None
    axes = tuple(i for i in range(target.ndim) if i != 1)
    dead = ~target.any(axis=axes) & reference.any(axis=axes)
    rest = ~dead
    if not dead.any() or not _same(target[:, rest], reference[:, rest]):
        return None
    what = f"channel {', '.join(map(str, np.flatnonzero(dead)))} of {layer} is zero on the target"
    return Finding("model", "edge.channel_zeroed", what, str(layer))


def _permuted(departure: Departure) -> Finding | None:
    """The last layer's columns in another order: other labels."""
    target, reference = departure.target, departure.reference
    if target.ndim != 2 or target.shape != reference.shape:
        return None
    apart = np.abs(reference[:, :, None] - target[:, None, :]).max(axis=0)
    order = apart.argmin(axis=0)
    moved = int((order != np.arange(len(order))).sum())
    if not moved or len(set(order.tolist())) < len(order):
        return None
    if not _same(reference[:, order], target):
        return None
    what = f"{moved} of {len(order)} answers stand in another order"
    layer = str(departure.layer)
    return Finding("postprocess", "postprocessing.labels_permuted", what, layer)


def _by_experiment(
    departure: Departure, model: "onnx.ModelProto", region: "list[onnx.NodeProto]"
) -> Finding | None:
    tensor = departure.layer.tensor
    whole = _apart(departure.reference, departure.target)
    best, explained = None, _ENOUGH
    for supposed, finding in _suppositions(model, region, departure):
        try:
            value = parts.values(supposed, [tensor], departure.given)[tensor]
        except Exception:  # an experiment that no runtime takes explains nothing
            continue
        gone = 1 - _apart(value, departure.target) / whole
        if gone > explained:
            best, explained = finding, gone
    if best is None:
        return None
    return Finding("model", best.cause, best.what, best.layer, explained=explained)


def _suppositions(
    model: "onnx.ModelProto", region: "list[onnx.NodeProto]", departure: Departure
) -> "Iterator[tuple[onnx.ModelProto, Finding]]":
    weights = parts.constants(model)
    for node in region:
        layer = f"{node.op_type} {node.output[0]}"
        variable = [name for name in node.input if name and name not in weights]
        for name in variable:
            what = f"{layer} is skipped: {name} goes on as it is"
            cause = _skipped(node.op_type, len(variable))
            found = Finding("model", cause, what, layer)
            yield parts.without_node(model, node.output[0], name), found
        for name in node.input:
            if name in weights and weights[name].dtype.kind == "f":
                yield from _zeroed(model, name, weights[name], layer, departure)


def _skipped(operator: str, variable: int) -> str:
    if operator in _ACTIVATIONS:
        return "edge.activation_skipped"
    if operator in ("Add", "Sum") and variable > 1:
        return "edge.residual_dropped"
    return "edge.operator_skipped"


def _zeroed(
    model: "onnx.ModelProto",
    name: str,
    weights: NDArray[np.generic],
    layer: str,
    departure: Departure,
) -> "Iterator[tuple[onnx.ModelProto, Finding]]":
    """The weights as zeros: all of them, or those of the channels that depart."""
    zero = np.zeros_like(weights)
    what = f"{name} of {layer} is zero"
    yield (
        parts.with_constant(model, name, zero),
        Finding("model", "edge.tensor_zeroed", what, layer),
    )
    channels = _departing_channels(departure)
    if weights.ndim < 1 or not 0 < len(channels) < len(weights) or channels[-1] >= len(weights):
        return
    partly = weights.copy()
    partly[channels] = 0
    what = f"channel {', '.join(map(str, channels))} of {name} in {layer} is zero"
    found = Finding("model", "edge.channel_zeroed", what, layer)
    yield parts.with_constant(model, name, partly), found


def _departing_channels(departure: Departure) -> list[int]:
    if departure.target.ndim < 2 or departure.target.shape != departure.reference.shape:
        return []
    axes = tuple(i for i in range(departure.target.ndim) if i != 1)
    apart = np.abs(departure.target - departure.reference).max(axis=axes)
    scale = float(np.abs(departure.reference).max()) or 1.0
    return np.flatnonzero(apart > _SAME * 100 * scale).tolist()


def _coarser(departure: Departure) -> Finding | None:
    """Fewer bits of every number: every answer is near, and none is exact."""
    target = np.ascontiguousarray(departure.target, dtype=np.float32)
    reference, layer = departure.reference, str(departure.layer)
    if target.shape != reference.shape or not np.isfinite(target).all():
        return None
    if not (target.view(np.uint32) & file_causes.MANTISSA_CUT).any() and reference.any():
        what = f"{layer} has the precision of bfloat16"
        return Finding("model", "edge.reduced_precision", what, layer)
    large = np.abs(reference) > np.abs(reference).max() / 4
    relative = np.abs(target - reference)[large] / np.abs(reference)[large]
    bits = -np.log2(max(float(np.median(relative)), 2.0**-24))
    if 6 < bits < 18 and relative.max() < 2.0**-5:
        what = f"{layer} has a precision of about {bits:.0f} bits"
        return Finding("model", "edge.reduced_precision", what, layer)
    return None


def _apart(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).mean())


def _same(a: Tensor, b: Tensor) -> bool:
    scale = float(np.abs(a).max()) if a.size else 0.0
    return bool(np.allclose(a, b, rtol=0, atol=max(scale, 1.0) * 1e-4))
