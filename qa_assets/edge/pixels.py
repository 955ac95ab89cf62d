"""Which fault of a decoder or of the preprocessing makes the target's pixels of the reference's.

Each supposed fault is made here, on the same bytes; the one whose result is the target's is it.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.records.edge import Finding, Stage
from qa_assets.preprocessing.image import decode, normalise

_ENOUGH = 0.8
"""Share of the difference that a supposed fault must take away to be called the cause."""
_METHODS = ("nearest", "bilinear", "bicubic", "box", "lanczos", "hamming")


@dataclass(frozen=True, slots=True)
class Supposed:
    """A fault that may have happened."""

    cause: str
    what: str


def explain_decode(
    payloads: Sequence[bytes], target: NDArray[np.uint8], spec: InputSpec
) -> Finding | None:
    """What the target's decoder does otherwise.

    Args:
        payloads: Raw bytes of the samples.
        target: What it made of them, uint8, shape (sample, height, width, channel).
        spec: What it should have made.
    """
    reference = np.stack([decode(p, spec) for p in payloads])
    supposed: dict[Supposed, NDArray[np.uint8]] = {}
    for supposition, change in _PIXEL_FAULTS.items():
        supposed[supposition] = change(reference)
    ignored = Supposed("preprocessing.exif_ignored", "the EXIF orientation is ignored")
    supposed[ignored] = np.stack([_decoded(p, spec, spec.interpolation, False) for p in payloads])
    for method in _METHODS:
        if method != spec.interpolation:
            what = f"resized with {method} instead of {spec.interpolation}"
            how = Supposed("preprocessing.interpolation", what)
            supposed[how] = np.stack([_decoded(p, spec, method, True) for p in payloads])
    return _best("decode", reference, target, supposed)


def explain_preprocess(
    pixels: NDArray[np.uint8], target: NDArray[np.float32], spec: InputSpec
) -> Finding | None:
    """What the preprocessing on the target does otherwise.

    Args:
        pixels: What the target's decoder made, uint8, shape (sample, height, width, channel).
        target: What the network saw there, float32, shape (sample, channel, height, width).
        spec: The preprocessing that was agreed on.
    """
    reference = normalise(pixels, spec)
    supposed = {s: change(pixels, spec) for s, change in _SCALE_FAULTS.items()}
    return _best("preprocess", reference, target, supposed)


def side_by_side(reference: NDArray[np.uint8], target: NDArray[np.uint8]) -> bytes:
    """A PNG of what the reference sees, what the target sees, and the difference."""
    from PIL import Image

    apart = np.abs(reference.astype(np.int16) - target.astype(np.int16)).astype(np.uint8)
    gap = np.full((reference.shape[0], 1, reference.shape[2]), 255, np.uint8)
    row = np.concatenate([reference, gap, target, gap, apart], axis=1)
    zoom = max(1, 96 // reference.shape[0])
    shown = row.repeat(zoom, axis=0).repeat(zoom, axis=1)
    out = io.BytesIO()
    Image.fromarray(shown[:, :, 0] if shown.shape[2] == 1 else shown).save(out, "PNG")
    return out.getvalue()


def _best(
    stage: Stage,
    reference: NDArray[np.generic],
    target: NDArray[np.generic],
    supposed: Mapping[Supposed, NDArray[np.generic]],
) -> Finding | None:
    def apart(a: NDArray[np.generic]) -> float:
        if a.shape != target.shape:
            return float("inf")
        return float(np.abs(a.astype(np.float64) - target.astype(np.float64)).mean())

    whole = apart(reference)
    best, left = min(((s, apart(a)) for s, a in supposed.items()), key=lambda pair: pair[1])
    explained = 1 - left / whole if whole else 0.0
    if explained < _ENOUGH:
        return None
    return Finding(stage, best.cause, best.what, explained=explained)


def _decoded(payload: bytes, spec: InputSpec, method: str, upright: bool) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as image:
        turned = ImageOps.exif_transpose(image) if upright else image
        shown = turned.convert("L" if spec.channels == 1 else "RGB")
    if shown.size != (spec.width, spec.height):
        shown = shown.resize((spec.width, spec.height), Image.Resampling[method.upper()])
    return np.asarray(shown, dtype=np.uint8).reshape(spec.shape)


def _as_planes(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows of interleaved colours read as if they lay plane by plane."""
    n, height, width, channels = x.shape
    return np.ascontiguousarray(x.reshape(n, channels, height, width).transpose(0, 2, 3, 1))


def _as_colours(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes read as if their colours were interleaved."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(x.shape)


def _turned(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return x.transpose(0, 2, 1, 3) if x.shape[1] == x.shape[2] else x


_PIXEL_FAULTS: Mapping[Supposed, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    Supposed("preprocessing.channels_swapped", "red and blue are swapped"): lambda x: x[..., ::-1],
    Supposed("preprocessing.layout", "NHWC is read as NCHW"): _as_planes,
    Supposed("preprocessing.layout", "NCHW is read as NHWC"): _as_colours,
    Supposed("preprocessing.transposed", "rows and columns are swapped"): _turned,
    Supposed("preprocessing.flipped", "left and right are swapped"): lambda x: x[:, :, ::-1],
    Supposed("preprocessing.upside_down", "top and bottom are swapped"): lambda x: x[:, ::-1],
    Supposed("preprocessing.rotated", "turned by 180 degrees"): lambda x: x[:, ::-1, ::-1],
    Supposed("preprocessing.inverted", "black and white are swapped"): lambda x: 255 - x,
}

Seen = NDArray[np.float32]


def _floats(values: Sequence[float]) -> Seen:
    return np.asarray(values, dtype=np.float32)


def _scaled(
    x: NDArray[np.uint8], scale: float, mean: Sequence[float], std: Sequence[float]
) -> Seen:
    seen = (x.astype(np.float32) / scale - _floats(mean)) / _floats(std)
    return seen.transpose(0, 3, 1, 2)


def _channels_last(x: Seen) -> Seen:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _signed(x: NDArray[np.uint8], spec: InputSpec) -> Seen:
    return _scaled(x, spec.scale / 2, [1.0], [1.0])


_SCALE_FAULTS: Mapping[Supposed, Callable[[NDArray[np.uint8], InputSpec], Seen]] = {
    Supposed("preprocessing.scale_missing", "pixels are not divided by the scale"):
        lambda x, s: _scaled(x, 1.0, s.mean, s.std),
    Supposed("preprocessing.scale_twice", "pixels are divided by the scale twice"):
        lambda x, s: _scaled(x, s.scale**2, s.mean, s.std),
    Supposed("preprocessing.mean_std_swapped", "mean and standard deviation are swapped"):
        lambda x, s: _scaled(x, s.scale, s.std, [m or 1.0 for m in s.mean]),
    Supposed("preprocessing.mean_missing", "the mean is not subtracted"):
        lambda x, s: _scaled(x, s.scale, [0.0], s.std),
    Supposed("preprocessing.std_missing", "the standard deviation is not divided by"):
        lambda x, s: _scaled(x, s.scale, s.mean, [1.0]),
    Supposed("preprocessing.not_normalised", "pixels are scaled only"):
        lambda x, s: _scaled(x, s.scale, [0.0], [1.0]),
    Supposed("preprocessing.missing", "pixels go in as they are"):
        lambda x, s: _scaled(x, 1.0, [0.0], [1.0]),
    Supposed("preprocessing.twice", "mean and standard deviation are applied twice"):
        lambda x, s: ((_scaled(x, s.scale, s.mean, s.std).transpose(0, 2, 3, 1)
                       - _floats(s.mean)) / _floats(s.std)).transpose(0, 3, 1, 2),
    Supposed("preprocessing.signed_range", "pixels are scaled to [-1, 1]"): _signed,
    Supposed("preprocessing.channels_swapped", "red and blue are swapped"):
        lambda x, s: normalise(x[..., ::-1], s),
    Supposed("preprocessing.parameters_swapped", "mean and deviation are those of BGR"):
        lambda x, s: _scaled(x, s.scale, s.mean[::-1], s.std[::-1]),
    Supposed("preprocessing.layout", "NHWC is read as NCHW"):
        lambda x, s: normalise(_as_planes(x), s),
    Supposed("preprocessing.layout", "NCHW is read as NHWC"):
        lambda x, s: normalise(_as_colours(x), s),
    Supposed("preprocessing.layout", "normalised pixels in NHWC are read as NCHW"):
        lambda x, s: _channels_last(normalise(x, s)).reshape(len(x), -1, s.height, s.width),
    Supposed("preprocessing.transposed", "rows and columns are swapped"):
        lambda x, s: normalise(_turned(x), s),
}  # fmt: skip
