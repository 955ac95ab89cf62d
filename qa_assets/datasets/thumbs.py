"""Whether two thumbnails show the same, whatever the brightness and contrast of their pictures."""

import numpy as np
from numpy.typing import NDArray

MIN_CORRELATION, MIN_CORRELATION_SMALL = 0.997, 0.99
"""Of the two thumbnails, whatever their brightness and contrast."""
MAX_DIFFERENCE, MAX_DIFFERENCE_SMALL = 3.0, 8.0
"""Mean absolute difference of the two thumbnails, in grey levels of 255."""


def near_thumbs(
    one: NDArray[np.uint8], two: NDArray[np.uint8], small: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each of some pairs of thumbnails are near.

    Args:
        one: Thumbnails, shape (pair, pixel).
        two: Those beside them.
        small: Pairs for which the limits for small pictures hold.
    """
    most = np.where(small, MAX_DIFFERENCE_SMALL, MAX_DIFFERENCE) * one.shape[1]
    near = (np.maximum(one, two) - np.minimum(one, two)).sum(axis=1, dtype=np.uint32) <= most
    near[near] = _correlated(one[near], two[near], small[near])
    return near


def _correlated(
    one: NDArray[np.uint8], two: NDArray[np.uint8], small: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    first, second = (side.astype(np.float32) for side in (one, two))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    products = np.einsum("ij,ij->i", first, second)
    norms = np.einsum("ij,ij->i", first, first) * np.einsum("ij,ij->i", second, second)
    return products >= np.where(small, MIN_CORRELATION_SMALL, MIN_CORRELATION) * np.sqrt(norms)
