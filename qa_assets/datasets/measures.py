"""What one decoded picture is like: light, contrast, sharpness, entropy, and a hash of its look.

Pictures of one size are measured together, so that a small one costs a few microseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
QUANTILES = {"p01": 0.01, "p05": 0.05, "p50": 0.5, "p95": 0.95, "p99": 0.99}
"""Brightness below which that share of the pixels lies."""
MEASURES = ("brightness", "contrast", *QUANTILES, "entropy", "sharpness", "aspect", "warmth")
"""Columns of numbers; all but entropy (bits), sharpness, aspect and warmth are in [0, 1]."""
HASHES, THUMB = ("hash_a", "hash_b"), "thumb"
SIDE = 8
"""Blocks a side of the hash and of the thumbnail."""
LONGEST_SIDE = 512
"""Larger pictures are thinned by a whole factor before they are measured."""
HASH_MARGIN = 0.05
"""A bit is set by a step above this share of the picture's own contrast, so noise sets none."""


@dataclass(frozen=True, slots=True)
class Look:
    """Measures of some pictures of one size.

    Attributes:
        numbers: float32 by name of ``MEASURES``, shape (picture,).
        hashes: uint64 by name of ``HASHES``: steps to the right, and downwards.
        thumbs: uint8, shape (picture, SIDE * SIDE): mean grey of each block.
    """

    numbers: Mapping[str, NDArray[np.float32]]
    hashes: Mapping[str, NDArray[np.uint64]]
    thumbs: NDArray[np.uint8]


def thinned(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every k-th pixel of a large picture, the picture itself where it is small."""
    step = -(-max(luma.shape) // LONGEST_SIDE)
    return luma[::step, ::step].copy() if step > 1 else luma


def measure(stack: NDArray[np.uint8], warmth: NDArray[np.float32] | None = None) -> Look:
    """Measure pictures of one size.

    Args:
        stack: Grey values, shape (picture, height, width).
        warmth: Mean red minus mean blue of each, taken when it was decoded; 0 by default.

    Brightness is the mean and contrast the standard deviation over pixels in [0, 1]; entropy that
    of the grey values; sharpness the standard deviation of the discrete Laplacian in [0, 1].
    """
    count, height, width = stack.shape
    numbers = _of_histograms(_histograms(stack), height * width)
    numbers["sharpness"] = _sharpness(stack)
    numbers["aspect"] = np.full(count, width / height)
    numbers["warmth"] = np.zeros(count) if warmth is None else warmth.astype(np.float64)
    light = stack.astype(np.float32)
    grid = _blocks(light, SIDE + 1)
    hashes = {"hash_a": _bits(grid, 2)[:, :SIDE], "hash_b": _bits(grid, 1)[:, :, :SIDE]}
    thumbs = np.rint(_blocks(light, SIDE)).astype(np.uint8).reshape(count, -1)
    return Look(
        {name: np.asarray(values, np.float32) for name, values in numbers.items()},
        {name: _packed(bits) for name, bits in hashes.items()},
        thumbs,
    )


def _histograms(stack: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Shape (picture, level)."""
    count = len(stack)
    flat = stack.reshape(count, -1)
    if flat.shape[1] > 4 * LEVELS:
        return np.stack([np.bincount(row, minlength=LEVELS) for row in flat])
    shifted = flat.astype(np.int64) + np.arange(count)[:, None] * LEVELS
    return np.bincount(shifted.ravel(), minlength=count * LEVELS).reshape(count, LEVELS)


def _of_histograms(counts: NDArray[np.int64], pixels: int) -> dict[str, NDArray[np.float64]]:
    share = counts / pixels
    levels = np.arange(LEVELS) / (LEVELS - 1)
    mean = share @ levels
    variance = share @ levels**2 - mean**2
    below = np.cumsum(counts, axis=1)
    numbers = {"brightness": mean, "contrast": np.sqrt(np.maximum(variance, 0.0))}
    for name, quantile in QUANTILES.items():
        rank = max(1, int(np.ceil(quantile * pixels)))
        numbers[name] = levels[np.argmax(below >= rank, axis=1)]
    logs = np.log2(share, where=share > 0, out=np.zeros_like(share))
    numbers["entropy"] = -(share * logs).sum(axis=1)
    return numbers


def _sharpness(stack: NDArray[np.uint8]) -> NDArray[np.float64]:
    if min(stack.shape[1:]) < 3:
        return np.zeros(len(stack))
    grey = stack.astype(np.int16)
    laplace = 4 * grey[:, 1:-1, 1:-1] - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1]
    laplace -= grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    values = laplace.reshape(len(stack), -1).astype(np.float64)
    # sums of whole numbers are exact; half the passes over the pixels that a plain std takes
    count, total = values.shape[1], values.sum(axis=1)
    spread = count * np.einsum("ij,ij->i", values, values) - total**2
    return np.sqrt(np.maximum(spread, 0.0)) / count / (LEVELS - 1)


def _blocks(stack: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mean grey of the blocks that cover a picture; shape (picture, side, side)."""
    rows, columns = _cover(stack.shape[1], side), _cover(stack.shape[2], side)
    return np.asarray(rows @ stack @ columns.T, np.float32)


def _cover(length: int, parts: int) -> NDArray[np.float32]:
    """Share of each pixel in each part, rows sum to one; shape (part, pixel)."""
    edges = np.linspace(0, length, parts + 1)
    low = np.maximum(edges[:-1, None], np.arange(length))
    high = np.minimum(edges[1:, None], np.arange(1, length + 1))
    weights = np.clip(high - low, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _bits(grid: NDArray[np.float32], axis: int) -> NDArray[np.bool_]:
    margin = HASH_MARGIN * grid.std(axis=(1, 2), keepdims=True)
    return np.diff(grid, axis=axis) > margin


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    flat = np.ascontiguousarray(bits[:, :SIDE, :SIDE]).reshape(len(bits), -1)
    return np.packbits(flat, axis=1).view(np.uint64).ravel()
