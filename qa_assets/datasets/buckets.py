"""Buckets of pictures whose thumbnails lie on the same side of the same planes, and pairs in them.

Source: Charikar (2002), Similarity estimation techniques from rounding algorithms: two vectors at
an angle a differ in the sign of a random projection with probability a / pi.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIGNS = 24
"""Signs that name a bucket."""
TABLES = 16
"""Independent sets of so many planes."""
FULL_BUCKET = 64
"""Above so many members only neighbours in the order of the hash are compared."""
REACH = 8
"""How many neighbours, each way."""
_CHUNK = 1 << 13
_SEED = 20010209
_STEPS = 32
_BYTES = SIGNS // 8
_MIX, _MIXED_AWAY = np.uint32(2654435761), 14
"""Multiplying spreads what buckets differ in over the upper bits; the lower ones are left."""
Positions = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Positions of the first and of the second picture of some pairs."""


def buckets(thumbs: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The bucket of each thumbnail in each table: on which side of its planes it lies.

    Directions are whole numbers, so that sums are exact: every machine finds the same buckets.

    Args:
        thumbs: Shape (picture, pixel).

    Returns:
        Shape (picture, TABLES), each a number of ``SIGNS`` bits.
    """
    found = np.zeros((len(thumbs), TABLES, 4), np.uint8)
    directions = _directions(thumbs.shape[1])
    for at in range(0, len(thumbs), _CHUNK):
        side = thumbs[at : at + _CHUNK].astype(np.float32) @ directions > 0
        found[at : at + _CHUNK, :, :_BYTES] = np.packbits(side.reshape(-1, TABLES, SIGNS), axis=2)
    return found.view("<u4")[..., 0].astype(np.uint32, copy=False)


@cache
def _directions(pixels: int) -> NDArray[np.float32]:
    draw = np.random.default_rng(_SEED)
    drawn = np.rint(draw.standard_normal((pixels, TABLES * SIGNS)) * _STEPS)
    spare, pixel = drawn.sum(axis=0).astype(np.int64), np.arange(pixels)[:, None]
    drawn -= spare // pixels + (pixel < spare % pixels)  # brightness has no part in it
    return drawn.astype(np.float32)


def sharing(keys: NDArray[np.uint32], new: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which pictures are in a bucket with a new one; few others are among them."""
    mixed = keys * _MIX >> _MIXED_AWAY
    wanted = np.zeros(1 << (32 - _MIXED_AWAY), np.bool_)
    wanted[mixed[new]] = True
    return np.flatnonzero(wanted[mixed])


@dataclass(frozen=True, slots=True)
class Lines:
    """Pictures in the order in which neighbours are compared: by bucket, then by hash.

    Attributes:
        order: Their positions.
        place: Where each stands in that order.
        low: Of each place, the first place it is compared with.
        high: And the one behind the last.
    """

    order: NDArray[np.intp]
    place: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]

    def joining(self, new: NDArray[np.bool_]) -> Positions:
        """Each new picture with every other one it is compared with; two new ones twice."""
        added = self.place[new]
        low, sizes = self.low[added], self.high[added] - self.low[added]
        inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        one, two = np.repeat(added, sizes), np.repeat(low, sizes) + inside
        return self.order[one[one != two]], self.order[two[one != two]]

    def apart(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the two pictures of a pair are no longer compared."""
        one, two = self.place[first], self.place[second]
        return (two < self.low[one]) | (two >= self.high[one])


def lines(keys: NDArray[np.uint32], hashes: NDArray[np.uint64]) -> Lines:
    """Who is compared with whom: all of a bucket, neighbours where it is full."""
    order, sizes = _sorted(keys, hashes)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    edges = np.cumsum([0, *sizes])
    low, high = np.repeat(edges[:-1], sizes), np.repeat(edges[1:], sizes)
    reach = np.repeat(np.where(sizes > FULL_BUCKET, REACH, len(order)), sizes)
    here = np.arange(len(order))
    return Lines(order, place, np.maximum(low, here - reach), np.minimum(high, here + reach + 1))


def few_bits(
    hashes: NDArray[np.uint64], most: NDArray[np.uint8], pairs: Positions
) -> NDArray[np.bool_]:
    """Whether the hashes of each of some pairs differ in few bits; as of :func:`neighbours`."""
    one, two = pairs
    bits = np.bitwise_count(hashes[one] ^ hashes[two]).sum(axis=1)
    return bits <= np.minimum(most[one], most[two])


def neighbours(
    keys: NDArray[np.uint32], hashes: NDArray[np.uint64], most: NDArray[np.uint8]
) -> Iterator[Positions]:
    """Pairs of one bucket whose hashes differ in few bits.

    Args:
        keys: Bucket of each picture.
        hashes: Shape (picture, 2).
        most: Bits by which the hash of each may differ from another.
    """
    order, sizes = _sorted(keys, hashes)
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


def _sorted(
    keys: NDArray[np.uint32], hashes: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions by bucket, and how many are in each."""
    # Ties are broken by the hash, so that in a full bucket the most alike are neighbours.
    both = keys.astype(np.uint64) << 32 | hashes[:, 0] >> 32
    order = np.argsort(both)
    ordered = both[order]
    tied = np.zeros(len(order), np.bool_)
    tied[1:] = ordered[1:] == ordered[:-1]
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    rows = order[places]
    order[places] = rows[np.lexsort((rows, hashes[rows, 0], both[rows]))]
    return order, np.diff(np.flatnonzero(np.diff(ordered >> 32, prepend=1 << 32, append=1 << 32)))
