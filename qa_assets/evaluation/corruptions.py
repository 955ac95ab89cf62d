"""Pictures made worse in the ways the world does it, at five severities.

Source: Mu & Gilmer (2019), MNIST-C; Hendrycks & Dietterich (2019), ImageNet-C. Lengths are shares
of the picture's side, so that a kind means the same at any size.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_bytes

Pixels = NDArray[np.uint8]
Real = NDArray[np.float64]
Change = Callable[[Real, int, np.random.Generator], Real]


def corrupt(name: str, pixels: Pixels, severity: int) -> Pixels:
    """Corrupt pictures; the same pictures give the same result everywhere.

    Args:
        name: A kind of :data:`CORRUPTIONS`.
        pixels: uint8, shape (sample, height, width, channel).
        severity: 1 (hardly seen) to 5 (hardly readable).

    Returns:
        Changed pictures of the same shape and type.
    """
    seed = int(digest_bytes(f"{name} {severity}".encode())[:8], 16)
    real = pixels.astype(np.float64) / 255
    changed = CORRUPTIONS[name](real, severity, np.random.default_rng(seed))
    return np.clip(np.round(changed * 255), 0, 255).astype(np.uint8)


def _shot(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    return (
        drawn.poisson(x * (250, 120, 60, 25, 10)[severity - 1])
        / (250, 120, 60, 25, 10)[severity - 1]
    )


def _impulse(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    where = drawn.random(x.shape[:3])[..., None]
    amount = (0.01, 0.03, 0.06, 0.12, 0.2)[severity - 1]
    return np.where(where < amount / 2, 0.0, np.where(where < amount, 1.0, x))


def _gaussian_noise(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    return x + drawn.normal(0, (0.03, 0.06, 0.1, 0.15, 0.25)[severity - 1], x.shape)


def _blur(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    from scipy import ndimage

    sigma = (0.015, 0.03, 0.05, 0.08, 0.12)[severity - 1] * x.shape[1]
    return ndimage.gaussian_filter(x, (0, sigma, sigma, 0), mode="nearest")


def _motion(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    length = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    parts = [_moved(x, 0.0, length * k / 4) for k in range(-2, 3)]
    return np.asarray(np.mean(parts, axis=0), dtype=np.float64)


def _shear(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    by = (0.1, 0.2, 0.3, 0.45, 0.6)[severity - 1]
    return _warped(x, np.array([[1.0, 0.0], [by, 1.0]]))


def _scale(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    by = (0.95, 0.88, 0.8, 0.7, 0.6)[severity - 1]
    return _warped(x, np.eye(2) / by)


def _rotate(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    angle = np.deg2rad((5, 10, 15, 25, 40)[severity - 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _warped(x, turn)


def _translate(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    by = (0.03, 0.06, 0.1, 0.15, 0.22)[severity - 1]
    return _moved(x, by, by)


def _brightness(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    return x + (0.05, 0.1, 0.2, 0.35, 0.5)[severity - 1]


def _contrast(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    return (x - mean) * (0.85, 0.7, 0.5, 0.35, 0.2)[severity - 1] + mean


def _stripe(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    wide = max(1, round((0.04, 0.08, 0.12, 0.16, 0.2)[severity - 1] * x.shape[2]))
    start = (x.shape[2] - wide) // 2
    out = x.copy()
    out[:, :, start : start + wide] = 1 - out[:, :, start : start + wide]
    return out


def _fog(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    from scipy import ndimage

    cloud = drawn.random((len(x), 4, 4))
    size = (1, x.shape[1] / 4, x.shape[2] / 4)
    zoomed = np.asarray(ndimage.zoom(cloud, size, order=1), dtype=np.float64)[..., None]
    amount = (0.1, 0.2, 0.3, 0.45, 0.6)[severity - 1]
    return (1 - amount) * x + amount * (0.5 + 0.5 * zoomed)


def _dotted_line(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    out, n = x.copy(), x.shape[1]
    for sample in range(len(x)):
        for _ in range(severity):
            (r0, c0), (r1, c1) = drawn.integers(0, (n, x.shape[2]), (2, 2))
            steps = np.linspace(0, 1, n)[::2]
            rows, columns = r0 + steps * (r1 - r0), c0 + steps * (c1 - c0)
            out[sample, np.round(rows).astype(int), np.round(columns).astype(int)] = 1.0
    return out


def _jpeg(x: Real, severity: int, drawn: np.random.Generator) -> Real:
    from PIL import Image

    quality = (80, 50, 30, 18, 10)[severity - 1]
    out = np.empty_like(x)
    for i, picture in enumerate(np.round(x * 255).astype(np.uint8)):
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        out[i] = np.asarray(Image.open(stream)).reshape(picture.shape) / 255
    return out


def occluded(pixels: Pixels) -> Pixels:
    """The middle of each picture, half as high and as wide, filled with the picture's median."""
    out = pixels.copy()
    height, width = pixels.shape[1:3]
    fill = np.median(pixels, axis=(1, 2), keepdims=True).astype(np.uint8)
    out[:, height // 4 : height - height // 4, width // 4 : width - width // 4] = fill
    return out


def _moved(x: Real, down: float, right: float) -> Real:
    from scipy import ndimage

    shift = (0, down * x.shape[1], right * x.shape[2], 0)
    return ndimage.shift(x, shift, order=1, mode="nearest")


def _warped(x: Real, matrix: Real) -> Real:
    from scipy import ndimage

    whole = np.eye(4)
    whole[1:3, 1:3] = matrix
    centre = (np.array(x.shape) - 1) / 2
    offset: Any = centre - whole @ centre  # typed as one number, taken one an axis
    moved = ndimage.affine_transform(x, whole, offset, order=1, mode="nearest")
    return np.asarray(moved, dtype=np.float64)


CORRUPTIONS: Mapping[str, Change] = {
    "shot_noise": _shot,
    "impulse_noise": _impulse,
    "gaussian_noise": _gaussian_noise,
    "gaussian_blur": _blur,
    "motion_blur": _motion,
    "shear": _shear,
    "scale": _scale,
    "rotate": _rotate,
    "translate": _translate,
    "brightness": _brightness,
    "contrast": _contrast,
    "stripe": _stripe,
    "fog": _fog,
    "dotted_line": _dotted_line,
    "jpeg": _jpeg,
}
