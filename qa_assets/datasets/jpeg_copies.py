"""Whether two small pictures of one size differ by no more than a JPEG encoder may have changed.

A JPEG encoder divides each coefficient of an 8x8 block by a step and rounds, so that of a copy is
at most half a step away. Over a block, the root mean square of the differences in half steps is
therefore at most 1, and what a decoder clips at black and white adds to it; of several blocks the
worst counts. Measured at quality 75: at most 1.50 on scikit-learn's digits (one block), where the
nearest two different ones are at 1.80; at most 2.47 on 3,000 MNIST pictures (16 blocks; 95% of them
are below 1.71), where the nearest two different ones of 70,000 are at 2.62. At quality 60 it is
below 2.5 for 95% of these. A copy may have been made brighter or given more contrast before: the
two are compared as they are, and levelled; the distances of different ones include that.

Source: ITU-T T.81 (JPEG), Annex A.3.3 (transform), Table K.1 (steps); libjpeg's scale of quality.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qa_assets.datasets.thumbs import levelled

MAX_STEPS, MAX_STEPS_SMALL = 2.5, 1.7
"""Largest root mean square difference of a block, in half steps of quality 75."""
SMALL = 20
"""Shorter side, in pixels, below which the limit for small pictures holds."""
BLOCK = 8
LARGEST = 64
"""Shorter side, in pixels, up to which pixels are compared; above, thumbnails are sure enough."""
_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80"
    " 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101"
    " 72 92 95 98 112 100 103 99"
)
"""Steps of quality 50, row by row; those of quality 75 are half of them, rounded up."""


def copies(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each picture may be a copy of its partner.

    Args:
        one: Grey values, shape (pair, height, width).
        two: The same shape.
    """
    first, second = one.astype(np.float32), two.astype(np.float32)
    flat = len(one), one[0].size if len(one) else 0
    level = [
        side.reshape(one.shape) for side in levelled(first.reshape(flat), second.reshape(flat))
    ]
    most = MAX_STEPS_SMALL if min(one.shape[1:]) < SMALL else MAX_STEPS
    return np.minimum(_steps(first - second), _steps(level[0] - level[1])) <= most


def _steps(apart: NDArray[np.float32]) -> NDArray[np.float32]:
    """What lies between two pictures, in half steps, of the block where that is most."""
    cosines = _cosines()
    steps = (cosines @ _blocks(apart) @ cosines.T) / _half_steps()
    return np.sqrt(np.square(steps).mean(axis=(-2, -1))).max(axis=1)


def pairs_are_copies(
    pictures: Mapping[int, NDArray[np.uint8]], first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """The same for pairs of pictures of any size; those of different sizes are no copies."""
    found = np.zeros(len(first), np.bool_)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    sizes = [(pictures[i].shape, pictures[j].shape) for i, j in pairs]
    shapes = np.array(sizes, np.int64).reshape(-1, 2, 2)
    alike = (shapes[:, 0] == shapes[:, 1]).all(axis=1)
    for shape in {tuple(s) for s in shapes[alike, 0].tolist()}:
        rows = np.flatnonzero(alike & (shapes[:, 0] == shape).all(axis=1))
        sides = (np.stack([pictures[i] for i in side[rows].tolist()]) for side in (first, second))
        found[rows] = copies(*sides)
    return found


def _blocks(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shape (pair, block, 8, 8); what is left at the edges is filled up with its last pixels."""
    count, height, width = pixels.shape
    pad = [(0, 0), (0, -height % BLOCK), (0, -width % BLOCK)]
    whole = np.pad(pixels, pad, mode="edge")
    cut = whole.reshape(count, whole.shape[1] // BLOCK, BLOCK, -1, BLOCK)
    return cut.transpose(0, 1, 3, 2, 4).reshape(count, -1, BLOCK, BLOCK)


def _half_steps() -> NDArray[np.float32]:
    steps = np.array(_LUMINANCE.split(), np.float32).reshape(BLOCK, BLOCK)
    return np.asarray(np.ceil(steps / 2) / 2, np.float32)


def _cosines() -> NDArray[np.float32]:
    """The orthonormal discrete cosine transform as a matrix, a frequency a row."""
    places = np.arange(BLOCK)
    waves = np.cos(np.pi * np.outer(places, 2 * places + 1) / (2 * BLOCK))
    waves[0] /= np.sqrt(2)
    return np.asarray(waves * np.sqrt(2 / BLOCK), np.float32)
