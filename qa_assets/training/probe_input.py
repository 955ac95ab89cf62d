"""What the network really sees, against what was declared: the usual mix-ups have names."""

import io
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.image import normalise
from qa_assets.preprocessing.samples import LabelledSamples

DECLARED, OTHER = "declared", "other"
Pixels = NDArray[np.uint8]


def input_as(
    network: nn.Module, samples: LabelledSamples, spec: InputSpec, device: str, *, most: int = 16
) -> str:
    """How the input of the first layer with weights relates to the declared preprocessing.

    Returns:
        ``declared``, the name of a mix-up that gives exactly these numbers, or ``other``.
    """
    pixels = samples.pixels[:most]
    reference = normalise(pixels, spec)
    seen = _first_input(network, torch.from_numpy(reference).clone().to(device))
    if seen is None or seen.shape != reference.shape:
        return OTHER
    return _explain(seen, _mixups(pixels, reference, spec))


def decoded_as(samples: LabelledSamples, payloads: Mapping[str, bytes], spec: InputSpec) -> str:
    """How decoded samples relate to an independent decoding of the same bytes."""
    rows = [i for i, name in enumerate(samples.ids) if name in payloads]
    if not rows:
        return OTHER
    reference = np.stack([_decode(payloads[samples.ids[i]], spec) for i in rows])
    found = samples.pixels[rows].astype(np.float32)
    return _explain(found, _turned(reference.astype(np.float32), axes=(1, 2), channel=3, top=255.0))


def _explain(found: NDArray[np.float32], known: Iterator[tuple[str, NDArray[np.float32]]]) -> str:
    for name, right in known:
        scale = float(np.abs(right).max()) or 1.0
        if found.shape == right.shape and np.allclose(found, right, rtol=1e-3, atol=1e-3 * scale):
            return name
    return OTHER


def _mixups(
    pixels: Pixels, reference: NDArray[np.float32], spec: InputSpec
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    mean, std = (
        np.asarray(v, dtype=np.float32).reshape(1, -1, 1, 1) for v in (spec.mean, spec.std)
    )
    raw = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32)
    yield DECLARED, reference
    yield "not normalised", raw
    yield "not normalised", raw / np.float32(spec.scale)
    yield "normalised twice", (reference - mean) / std
    yield "normalised twice", (reference / np.float32(spec.scale) - mean) / std
    yield "normalised twice", reference / np.float32(spec.scale)
    yield from list(_turned(reference, axes=(2, 3), channel=1, top=0.0))[1:]
    yield "inverted", normalise((255 - pixels).astype(np.uint8), spec)


def _turned(
    right: NDArray[np.float32], *, axes: tuple[int, int], channel: int, top: float
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    tall, wide = axes
    yield DECLARED, right
    if right.shape[tall] == right.shape[wide]:
        yield "transposed", right.swapaxes(tall, wide)
        yield "turned by 90 degrees", np.rot90(right, 1, axes)
        yield "turned by 270 degrees", np.rot90(right, 3, axes)
    yield "turned by 180 degrees", np.rot90(right, 2, axes)
    yield "flipped left to right", np.flip(right, wide)
    yield "flipped upside down", np.flip(right, tall)
    if right.shape[channel] > 1:
        yield "channels swapped", np.flip(right, channel)
    if top:
        yield "inverted", np.float32(top) - right


def _first_input(network: nn.Module, pixels: Tensor) -> NDArray[np.float32] | None:
    """The input of the first module, in order of the calls, that holds parameters of its own."""
    seen: list[Tensor] = []

    def look(_: nn.Module, given: tuple[object, ...]) -> None:
        if not seen and given and isinstance(given[0], Tensor):
            seen.append(given[0].detach().clone())

    own = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    hooks = [m.register_forward_pre_hook(look) for m in own]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(pixels)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    if not seen:
        return None
    first = seen[0].float().cpu().numpy()
    if first.ndim != pixels.ndim and first.size == pixels.numel():  # flattened, in the same order
        first = first.reshape(pixels.shape)
    return first


def _decode(payload: bytes, spec: InputSpec) -> Pixels:
    """A second decoder, written without looking at the first: rows from top to bottom, RGB."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # the nearest of 256 steps; Pillow's own would clip
            upright = Image.fromarray(np.rint(np.asarray(upright) / (65535 / 255)).astype(np.uint8))
        plain = upright.convert("RGB" if spec.channels > 1 else "L")
    if plain.height != spec.height or plain.width != spec.width:
        method = Image.Resampling[spec.interpolation.upper()]
        plain = plain.resize((spec.width, spec.height), method)
    values = np.frombuffer(plain.tobytes(), dtype=np.uint8)
    return values.reshape(spec.height, spec.width, spec.channels)
