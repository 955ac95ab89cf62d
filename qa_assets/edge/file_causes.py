"""What was done to a model, read off the target's file: its weights and its operators."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.edge import Finding
from qa_assets.edge import parts

if TYPE_CHECKING:
    import onnx

_COARSE = 64
"""At most so many different values of a channel are coarse weights; eight bits have up to 256."""
MANTISSA_CUT = 0xFFFF
"""Bits of a float32 that bfloat16 does not have."""


def by_weights(
    model: "onnx.ModelProto", shipped: "onnx.ModelProto", region: "list[onnx.NodeProto]"
) -> Finding | None:
    """What was done to the weights in the target's file, read off it."""
    ours, theirs = parts.constants(model), parts.constants(shipped)
    common = [n for n, w in ours.items() if w.dtype.kind == "f" and w.size > 1 and n in theirs]
    common = [n for n in common if theirs[n].shape == ours[n].shape]
    layer_of = {name: f"{n.op_type} {n.output[0]}" for n in region for name in n.input}
    for name in (n for n in common if n in layer_of):
        found = _changed(name, layer_of[name], ours[name], theirs[name])
        if found:
            other = sum(not np.array_equal(ours[n], theirs[n]) for n in common)
            if found.cause == "edge.other_weights":
                what = f"{other} of {len(common)} weight tensors are other ones"
                return Finding("model", found.cause, what, found.layer, measured=False)
            return found
    return None


def _changed(
    name: str, layer: str, ours: NDArray[np.generic], theirs: NDArray[np.generic]
) -> Finding | None:
    if np.array_equal(ours, theirs):
        return None
    found = np.ascontiguousarray(theirs, dtype=np.float32)
    rows = found.reshape(len(found), -1)
    levels = max(len(np.unique(row)) for row in rows)
    had = max(len(np.unique(row)) for row in np.asarray(ours).reshape(len(rows), -1))
    spread = float(np.abs(np.asarray(ours, np.float64) - found).max() / np.ptp(ours))
    if not (found.view(np.uint32) & MANTISSA_CUT).any():
        what = f"{name} has the precision of bfloat16"
        return Finding("model", "edge.reduced_precision", what, layer, measured=False)
    whole = len(np.unique(found))
    if spread < 1 / 4 and (whole <= _COARSE or levels < min(had, _COARSE)):
        bits = int(np.ceil(np.log2(max(levels if whole > _COARSE else whole, 2))))
        what = f"{name} is kept in {bits} bits"
        return Finding("model", "edge.weights_coarse", what, layer, measured=False)
    return Finding("model", "edge.other_weights", f"{name} is another one", layer, measured=False)


def by_operator(shipped: "onnx.ModelProto", region: "list[onnx.NodeProto]") -> Finding | None:
    """An operator of the target's file that is another one, or has other attributes."""
    makers = {name: node for node in shipped.graph.node for name in node.output}
    for node in region:
        other = makers.get(node.output[0])
        if other is None:
            continue
        layer = f"{node.op_type} {node.output[0]}"
        ours, theirs = _attributes(node), _attributes(other)
        names = sorted(k for k in ours.keys() | theirs if ours.get(k) != theirs.get(k))
        what = f"{node.op_type} is {other.op_type}" if node.op_type != other.op_type else ""
        if names and not what:
            told = (f"{k} is {theirs.get(k)} instead of {ours.get(k)}" for k in names)
            what = f"of {layer} {', '.join(told)}"
        if what:
            return Finding("model", "edge.operator_differs", what[:300], layer, measured=False)
    return None


def _attributes(node: "onnx.NodeProto") -> dict[str, str]:
    import onnx

    return {a.name: str(onnx.helper.get_attribute_value(a)) for a in node.attribute}
