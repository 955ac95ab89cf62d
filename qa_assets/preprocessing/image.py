"""Images: raw bytes -> decoded pixels -> what the network sees.

The two steps are kept apart because a device repeats them: the decoder is the target's, everything
after it is part of the exported model. These NumPy functions are the reference of both.
"""

import io
import warnings

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec


def decode(payload: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """Decode one image file to the declared size and channels.

    Args:
        payload: The file's bytes; it was accepted into the snapshot before.
        spec: Size, channels and interpolation.

    Returns:
        Pixels, uint8, shape (height, width, channels).

    EXIF orientation is applied: a viewer shows the image so, a person labelled it so.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(payload)) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if spec.channels == 1 else "RGB")
    if upright.size != (spec.width, spec.height):
        method = Image.Resampling[spec.interpolation.upper()]
        upright = upright.resize((spec.width, spec.height), method)
    return np.asarray(upright, dtype=np.uint8).reshape(spec.shape)


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
