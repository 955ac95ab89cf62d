"""A quantised file against what really comes: ranges that are too small, products that overflow."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.intervals import share
from qa_assets.core.records.edge import Finding, Saturation
from qa_assets.core.records.export import CALIBRATION
from qa_assets.edge import parts

if TYPE_CHECKING:
    import onnx

_FEW = 8
"""Fewer calibration samples are few, whatever they show."""
_OTHER = 0.25
"""Means that are further apart, in standard deviations of the pixels, are of other inputs."""
_SIGMAS = 3.0
"""Beyond what the choice of the samples makes of it."""


def saturations(
    model: "onnx.ModelProto", shipped: "onnx.ModelProto", pixels: NDArray[np.uint8]
) -> list[Saturation]:
    """Of a quantised file, what share of the reference's values each range cannot hold.

    The share is counted as such only where it is sure: it is the lower end of its interval.
    """
    weights = parts.constants(shipped)
    known = {layer.tensor: layer for layer in parts.layers(model)}
    nodes = [n for n in shipped.graph.node if n.op_type == "QuantizeLinear"]
    ranges = {n.input[0]: _range(n, weights) for n in nodes if n.input[1] in weights}
    ranges = {name.removesuffix("_QuantizeLinear_Input"): r for name, r in ranges.items()}
    names = [name for name in ranges if name in known]
    seen = parts.values(model, names, pixels)
    found: list[Saturation] = []
    for name in names:
        low, high = ranges[name]
        step = (high - low) / 255
        outside = (seen[name] < low - step) | (seen[name] > high + step)
        extremes = (float(seen[name].min()), float(seen[name].max()))
        surely = share(int(outside.sum()), outside.size).low
        found.append(Saturation(name, low, high, *extremes, surely))
    return found


def _range(
    node: "onnx.NodeProto", weights: Mapping[str, NDArray[np.generic]]
) -> tuple[float, float]:
    scale = float(np.asarray(weights[node.input[1]]).reshape(-1)[0])
    zero = weights.get(node.input[2]) if len(node.input) > 2 else None
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    offset = 0 if zero is None else int(np.asarray(zero).reshape(-1)[0])
    least, most = np.iinfo(kind.name).min, np.iinfo(kind.name).max
    return (least - offset) * scale, (most - offset) * scale


def badly_calibrated(
    found: list[Saturation],
    shipped: "onnx.ModelProto",
    pixels: NDArray[np.uint8],
    *,
    seen: str,
    limit: float,
) -> Finding | None:
    """The first range that does not hold what really comes, and what that is due to.

    Args:
        found: All of them, in graph order.
        shipped: The quantised file, which says what its calibration was shown where it is ours.
        pixels: What really comes, uint8, shape (sample, height, width, channel).
        seen: Name of the tensor that the network is given.
        limit: Largest share of values outside a range.
    """
    first = next((s for s in found if s.share > limit), None)
    if first is None:
        return None
    told = f"{first.share:.1%} of {first.tensor} is outside [{first.low:.3g}, {first.high:.3g}]"
    if first.tensor == seen or _other_inputs(shipped, pixels):
        what = f"the calibration was shown other inputs than really come: {told}"
        return Finding("model", "edge.calibration_inputs", what, first.tensor)
    what = f"the calibration was shown too few inputs: {told}"
    return Finding("model", "edge.calibration_few", what, first.tensor)


def calibration_faults(shipped: "onnx.ModelProto", pixels: NDArray[np.uint8]) -> Iterator[Finding]:
    """What is wrong with the samples that a file says it was calibrated on.

    It may be harmless on the samples of today: then no range is too small yet.
    """
    told = _calibration(shipped)
    if told is None:
        return
    samples, _ = told
    if samples < _FEW:
        what = f"the calibration was shown {samples} inputs, {_FEW} are the least"
        yield Finding("model", "edge.calibration_few", what, measured=False)
    elif _other_inputs(shipped, pixels):
        what = "the calibration was shown other inputs than really come: darker or brighter ones"
        yield Finding("model", "edge.calibration_inputs", what, measured=False)


def _calibration(shipped: "onnx.ModelProto") -> tuple[int, NDArray[np.float64]] | None:
    """Number and mean pixel of the calibration's samples; None where the file does not say."""
    text = next((e.value for e in shipped.metadata_props if e.key == CALIBRATION), "")
    try:
        told = json.loads(text)
        return int(told["samples"]), np.asarray(told["mean"], np.float64)
    except (ValueError, TypeError, KeyError):  # made by other tools
        return None


def _other_inputs(shipped: "onnx.ModelProto", pixels: NDArray[np.uint8]) -> bool:
    """Whether enough inputs were shown to the calibration, and other ones, as the file says."""
    told = _calibration(shipped)
    if told is None or told[0] < _FEW or told[1].shape != (pixels.shape[-1],):
        return False
    means = pixels.mean(axis=(1, 2), dtype=np.float64)
    spread = np.maximum(pixels.std(axis=(0, 1, 2), dtype=np.float64), 1.0)
    unsure = _SIGMAS * means.std(axis=0) * np.sqrt(1 / len(means) + 1 / told[0])
    return bool((np.abs(told[1] - means.mean(axis=0)) > _OTHER * spread + unsure).any())


def overflowing(model: "onnx.ModelProto", layer: str) -> Finding | None:
    """Eight-bit weights in full: products overflow on processors without VNNI."""
    most = [
        int(np.abs(w.astype(np.int32)).max())
        for w in parts.constants(model).values()
        if w.dtype == np.int8 and w.size > 1
    ]
    if not most or max(most) <= 64:
        return None
    what = f"weights up to {max(most)} overflow in pairs on a processor without VNNI"
    return Finding("model", "edge.int8_overflow", what, layer, measured=False)
