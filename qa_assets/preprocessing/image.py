"""Images: raw bytes -> decoded pixels -> what the network sees.

The two steps are kept apart because a device repeats them: the decoder is the target's, everything
after it is part of the exported model. These NumPy functions are the reference of both.
"""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec

if TYPE_CHECKING:
    from PIL.Image import Image

SIXTEEN_BITS = 257
"""A 16-bit value over this is the 8-bit one: 65535 becomes 255, nothing wraps or clips."""
_TURNS = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
"""Where an opened image may say how it has to be turned."""


def decode(payload: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """Decode one image file to the declared size and channels.

    Args:
        payload: The file's bytes; it was accepted into the snapshot before.
        spec: Size, channels and interpolation.

    Returns:
        Pixels, uint8, shape (height, width, channels).

    EXIF orientation is applied: a viewer shows the image so, a person labelled it so. Pixels of 16
    bits are divided by 257; transparency is dropped.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(payload)) as image:
            upright = eight_bits(turned(image), "L" if spec.channels == 1 else "RGB")
    if upright.size != (spec.width, spec.height):
        method = Image.Resampling[spec.interpolation.upper()]
        upright = upright.resize((spec.width, spec.height), method)
    return np.asarray(upright, dtype=np.uint8).reshape(spec.shape)


def grey(payload: bytes) -> NDArray[np.uint8]:
    """The grey values of an image file as a viewer shows it, shape (height, width)."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(payload)) as image:
            return np.asarray(eight_bits(turned(image), "L"))


def turned(image: "Image") -> "Image":
    """The image as a viewer shows it; an orientation that means nothing is ignored."""
    from PIL import ImageOps

    if image.format != "TIFF" and not any(key in image.info for key in _TURNS):
        return image
    try:
        return ImageOps.exif_transpose(image)
    except (ValueError, OSError, SyntaxError, KeyError, TypeError, ZeroDivisionError):
        return image


def eight_bits(image: "Image", mode: str) -> "Image":
    """The image as ``L`` or ``RGB``; 16-bit pixels are scaled, never wrapped or clipped."""
    from PIL import Image

    image.load()
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((deep + SIXTEEN_BITS // 2) // SIXTEEN_BITS).astype(np.uint8))
    return image if image.mode == mode else image.convert(mode)


def normalise(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Decoded pixels as the network sees them.

    Args:
        pixels: uint8, shape (batch, height, width, channels).
        spec: Scale, mean and std.

    Returns:
        ``(pixels / scale - mean) / std``, float32, shape (batch, channels, height, width).
    """
    scaled = pixels.astype(np.float32) / np.float32(spec.scale)
    centred = scaled - np.asarray(spec.mean, dtype=np.float32)
    return np.ascontiguousarray(
        (centred / np.asarray(spec.std, dtype=np.float32)).transpose(0, 3, 1, 2)
    )


def denormalise(seen: NDArray[np.float32], spec: InputSpec) -> NDArray[np.float32]:
    """What :func:`normalise` made, brought back to stored values, not rounded.

    Args:
        seen: float32, shape (batch, channels, height, width).
        spec: Scale, mean and std.

    Returns:
        float32, shape (batch, height, width, channels).
    """
    scaled = seen.transpose(0, 2, 3, 1) * np.asarray(spec.std, dtype=np.float32)
    return (scaled + np.asarray(spec.mean, dtype=np.float32)) * np.float32(spec.scale)
