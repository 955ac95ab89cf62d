"""What an input is, against what was declared: the usual mix-ups have names."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.image import normalise

DECLARED, OTHER, DEPARTS = "declared", "other", "departs"
Pixels = NDArray[np.uint8]


def given_as(seen: NDArray[np.float32], pixels: Pixels, spec: InputSpec) -> str:
    """How what a network was given relates to the declared preprocessing.

    Args:
        seen: Its input, float32, shape (batch, channel, height, width).
        pixels: The decoded pixels it was made of, uint8, shape (batch, height, width, channel).
        spec: What is declared.

    Returns:
        ``declared``, the name of a mix-up that gives exactly these numbers, or ``departs``.
    """
    reference = normalise(pixels, spec)
    if seen.shape != reference.shape:
        return DEPARTS
    found = explain(seen, mixups(pixels, reference, spec))
    return DEPARTS if found == OTHER else found


def explain(found: NDArray[np.float32], known: Iterator[tuple[str, NDArray[np.float32]]]) -> str:
    """The name of the first of ``known`` that has the same numbers, else ``other``."""
    for name, right in known:
        scale = float(np.abs(right).max()) or 1.0
        if found.shape == right.shape and np.allclose(found, right, rtol=1e-3, atol=1e-3 * scale):
            return name
    return OTHER


def mixups(
    pixels: Pixels, reference: NDArray[np.float32], spec: InputSpec
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every input that a known mix-up would have made, the declared one first."""
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
    yield from list(turned(reference, axes=(2, 3), channel=1, top=0.0))[1:]
    yield "inverted", normalise((255 - pixels).astype(np.uint8), spec)


def turned(
    right: NDArray[np.float32], *, axes: tuple[int, int], channel: int, top: float
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Pictures turned, mirrored, or with their channels swapped; as they are first."""
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
