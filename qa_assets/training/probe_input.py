"""What the network really sees, against what was declared: the usual mix-ups have names."""

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.recognise import (
    DECLARED,
    DEPARTS,
    OTHER,
    explain,
    given_as,
    turned,
)
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.watched import call

Pixels = NDArray[np.uint8]


def input_as(network: nn.Module, given: Tensor, pixels: Pixels, spec: InputSpec) -> str:
    """How the input of the first layer with weights relates to the declared preprocessing.

    Args:
        network: What learns.
        given: A batch as the training makes it, float32 (batch, channel, height, width).
        pixels: The decoded pixels of that batch.
        spec: What is declared.

    Returns:
        ``declared``, the name of a mix-up that gives exactly these numbers, ``departs`` where the
        batch is another one already, or ``other`` where the network does something of its own.
    """
    relation = given_as(given.cpu().numpy(), pixels, spec)
    if relation != DECLARED:
        return relation
    seen = _first_input(network, given)
    found = OTHER if seen is None else given_as(seen, pixels, spec)
    return OTHER if found == DEPARTS else found


def decoded_as(samples: LabelledSamples, payloads: Mapping[str, bytes], spec: InputSpec) -> str:
    """How decoded samples relate to an independent decoding of the same bytes."""
    rows = [i for i, name in enumerate(samples.ids) if name in payloads]
    if not rows:
        return OTHER
    reference = np.stack([_decode(payloads[samples.ids[i]], spec) for i in rows])
    found = samples.pixels[rows].astype(np.float32)
    return explain(found, turned(reference.astype(np.float32), axes=(1, 2), channel=3, top=255.0))


def _first_input(network: nn.Module, pixels: Tensor) -> NDArray[np.float32] | None:
    """The input of the first module, in order of the calls, that holds parameters of its own."""
    seen: list[Tensor] = []

    def look(_: nn.Module, given: tuple[object, ...]) -> None:
        if not seen and given and isinstance(given[0], Tensor):
            seen.append(given[0].detach().clone())

    own = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    call(network, pixels, [m.register_forward_pre_hook(look) for m in own])
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
