"""Groups of pictures that look the same: buckets of alike thumbnails, then a closer look.

Comparing all pairs would take n squared; pictures that share no bucket are never compared, and a
bucket that is too full is compared along one sorted line only.

Source: Charikar (2002), Similarity estimation techniques from rounding algorithms: two vectors at
an angle a differ in the sign of a random projection with probability a / pi.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TABLES, SIGNS = 6, 18
"""Of so many buckets of so many signs two thumbnails of correlation 0.999 share one: 0.9998."""
FULL_BUCKET = 64
"""Above so many members only neighbours in the order of the hash are compared."""
REACH = 8
"""How many neighbours, each way."""
MAX_BITS = 12
"""Of the 128 bits of the hash, so many may differ: what re-encoding changes."""
MIN_CORRELATION = 0.997
"""Of the two thumbnails, whatever their brightness and contrast."""
MAX_DIFFERENCE = 3.0
"""Mean absolute difference of the two thumbnails, in grey levels of 255."""
_CHUNK = 1 << 18
_SEED = 20010209


def groups(
    hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8], plain: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Number of the group of each picture, -1 where it looks like no other.

    Args:
        hashes: Shape (picture, 2).
        thumbs: Shape (picture, pixel).
        plain: Pictures with too little to see; they look like everything and are left out.
    """
    parent = np.arange(len(hashes))
    kept = np.flatnonzero(~plain)
    centred, norms = _centred(thumbs)
    for one, two in _candidates(centred[kept], hashes[kept]):
        first, second = kept[one], kept[two]
        near = _bits(hashes[first] ^ hashes[second]) <= MAX_BITS
        first, second = first[near], second[near]
        products = np.einsum("ij,ij->i", centred[first], centred[second])
        alike = products >= MIN_CORRELATION * norms[first] * norms[second]
        first, second = first[alike], second[alike]
        apart = np.abs(thumbs[first].astype(np.int16) - thumbs[second]).mean(axis=1)
        close = apart <= MAX_DIFFERENCE
        _join(parent, first[close], second[close])
    return _numbered(parent)


def _centred(thumbs: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    values = thumbs.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return values, np.sqrt(np.einsum("ij,ij->i", values, values))


def _candidates(
    centred: NDArray[np.float32], hashes: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of positions that share a bucket, some of them more than once."""
    draw = np.random.default_rng(_SEED)
    places = 1 << np.arange(SIGNS, dtype=np.int64)
    for _ in range(TABLES):
        directions = draw.standard_normal((centred.shape[1], SIGNS)).astype(np.float32)
        keys = (centred @ directions > 0) @ places
        # Ties are broken by the hash, so that in a full bucket the most alike are neighbours.
        order = np.lexsort((hashes[:, 1], hashes[:, 0], keys))
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        sizes = np.diff(np.append(starts, len(ordered)))
        yield from _pairs(order, starts, sizes)


def _pairs(
    order: NDArray[np.intp], starts: NDArray[np.intp], sizes: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each member with those behind it in its bucket, as far as the bucket's size allows."""
    bucket = np.repeat(np.arange(len(starts)), sizes)
    end = (starts + sizes)[bucket]
    reach = np.where(sizes > FULL_BUCKET, REACH, FULL_BUCKET)[bucket]
    place = np.arange(len(order))
    for step in range(1, min(FULL_BUCKET, int(sizes.max(initial=1)))):
        first = place[(place + step < end) & (step <= reach)]
        for start in range(0, len(first), _CHUNK):
            chosen = first[start : start + _CHUNK]
            yield order[chosen], order[chosen + step]


def _bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.bitwise_count(words).sum(axis=1).astype(np.int64)


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
