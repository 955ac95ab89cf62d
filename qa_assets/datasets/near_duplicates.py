"""Groups of pictures that look the same: buckets of alike thumbnails, then a closer look.

Comparing all pairs would take n squared; pictures that share no bucket are never compared, and a
bucket that is too full is compared along one sorted line only.

Source: Charikar (2002), Similarity estimation techniques from rounding algorithms: two vectors at
an angle a differ in the sign of a random projection with probability a / pi.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

SIGNS = 24
"""Signs that name a bucket."""
TABLES, TABLES_FOR_SMALL = 8, 16
"""Buckets a picture is in: of 8, thumbnails of correlation 0.999 share one with chance 0.99995; of
16, those of 0.993 (a small picture and its JPEG copy at quality 75) with 0.9997."""
FULL_BUCKET = 64
"""Above so many members only neighbours in the order of the hash are compared."""
REACH = 8
"""How many neighbours, each way."""
MAX_BITS, MAX_BITS_SMALL = 12, 24
"""Of the 128 bits of the hash, so many may differ: what re-encoding changes."""
MIN_CORRELATION, MIN_CORRELATION_SMALL = 0.997, 0.99
"""Of the two thumbnails, whatever their brightness and contrast."""
MAX_DIFFERENCE, MAX_DIFFERENCE_SMALL = 3.0, 8.0
"""Mean absolute difference of the two thumbnails, in grey levels of 255."""
SMALL = 20
"""Below so many pixels of the shorter side a block of the thumbnail averages so few pixels that a
JPEG copy is no longer as near: the limits for small pictures hold, and their pixels decide."""
_CHUNK = 1 << 16
_SEED = 20010209
Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Positions of the first and of the second picture of some pairs."""
Confirm = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]
"""Whether each of some pairs that may look the same do so."""


def groups(
    hashes: NDArray[np.uint64],
    thumbs: NDArray[np.uint8],
    plain: NDArray[np.bool_],
    sizes: NDArray[np.integer],
    confirm: Confirm,
) -> NDArray[np.int64]:
    """Number of the group of each picture, -1 where it looks like no other.

    Args:
        hashes: Shape (picture, 2).
        thumbs: Shape (picture, pixel).
        plain: Pictures with too little to see; they look like everything and are left out.
        sizes: Width and height of each picture, shape (picture, 2).
        confirm: A closer look at pairs that their thumbnails cannot tell apart.
    """
    kept = np.flatnonzero(~plain)
    found = _alike(hashes[kept], thumbs[kept], sizes[kept])
    first, second = kept[found[0]], kept[found[1]]
    same = confirm(first, second)
    parent = np.arange(len(hashes))
    _join(parent, first[same], second[same])
    return _numbered(parent)


def _alike(
    hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8], sizes: NDArray[np.integer]
) -> Pairs:
    """Pairs whose hashes and thumbnails are near, each once, in order."""
    small = sizes.min(axis=1) < SMALL
    most = np.where(small, MAX_BITS_SMALL, MAX_BITS).astype(np.uint8)
    near: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    count = len(hashes)
    for keys in _keys(thumbs, TABLES_FOR_SMALL if small.any() else TABLES):
        for one, two in _neighbours(keys, hashes, most):
            for at in range(0, len(one), _CHUNK):
                first, second = one[at : at + _CHUNK], two[at : at + _CHUNK]
                tiny = small[first] & (sizes[first] == sizes[second]).all(axis=1)
                close = _close(thumbs[first], thumbs[second], tiny)
                low = np.minimum(first[close], second[close])
                near.append(low * count + np.maximum(first[close], second[close]))
    codes = np.unique(np.concatenate(near))
    return codes // max(count, 1), codes % max(count, 1)


def _keys(thumbs: NDArray[np.uint8], tables: int) -> Iterator[NDArray[np.int32]]:
    """The bucket of each picture in each table."""
    draw = np.random.default_rng(_SEED)
    places = 1 << np.arange(SIGNS, dtype=np.int32)
    for _ in range(tables):
        directions = draw.standard_normal((thumbs.shape[1], SIGNS)).astype(np.float32)
        directions -= directions.mean(axis=0)  # so that brightness has no part in it
        keys = np.zeros(len(thumbs), np.int32)
        for at in range(0, len(thumbs), _CHUNK):
            signs = thumbs[at : at + _CHUNK].astype(np.float32) @ directions > 0
            keys[at : at + _CHUNK] = signs @ places
        yield keys


def _neighbours(
    keys: NDArray[np.int32], hashes: NDArray[np.uint64], most: NDArray[np.uint8]
) -> Iterator[Pairs]:
    """Pairs of one bucket whose hashes differ in few bits."""
    # Ties are broken by the hash, so that in a full bucket the most alike are neighbours.
    order = np.lexsort((hashes[:, 0], keys))
    sizes = np.diff(np.flatnonzero(np.diff(keys[order], prepend=-1, append=-1)))
    reach = np.repeat(np.where(sizes > FULL_BUCKET, REACH, sizes - 1), sizes)
    step = 1
    while len(order):
        there = reach >= step  # buckets stay whole, so neighbours stay neighbours
        order, reach = order[there], reach[there]
        bucket, one, two = keys[order], hashes[order, 0], hashes[order, 1]
        limit = most[order]
        for distance in range(step, 2 * step):
            if distance >= len(order):
                return
            bits = np.bitwise_count(one[distance:] ^ one[:-distance])
            bits += np.bitwise_count(two[distance:] ^ two[:-distance])
            near = (bucket[distance:] == bucket[:-distance]) & (
                bits <= np.minimum(limit[distance:], limit[:-distance])
            )
            near &= reach[distance:] >= distance
            rows = np.flatnonzero(near)
            yield order[rows], order[rows + distance]
        step *= 2


def _close(
    one: NDArray[np.uint8], two: NDArray[np.uint8], small: NDArray[np.bool_]
) -> NDArray[np.bool_]:
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


def _join(parent: NDArray[np.intp], first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
    """Union-find, path halving."""
    for one, two in zip(first.tolist(), second.tolist(), strict=True):
        a, b = _root(parent, one), _root(parent, two)
        if a != b:
            parent[max(a, b)] = min(a, b)


def _root(parent: NDArray[np.intp], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = int(parent[place])
    return place


def _numbered(parent: NDArray[np.intp]) -> NDArray[np.int64]:
    while (parent[parent] != parent).any():
        parent = parent[parent]
    counts = np.bincount(parent, minlength=len(parent))
    numbers = np.cumsum(counts > 1) - 1
    return np.where(counts[parent] > 1, numbers[parent], -1).astype(np.int64)
