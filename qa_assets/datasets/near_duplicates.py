"""Groups of pictures that look the same: buckets of alike thumbnails, then a closer look.

Comparing all pairs would take n squared; pictures that share no bucket are never compared, and a
bucket that is too full is compared along one sorted line only. Where pictures were added, only the
buckets that a new one is in are looked at again: the outcome is that of looking at all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qa_assets.datasets.buckets import (
    Lines,
    few_bits,
    lines,
    neighbours,
    sharing,
)
from qa_assets.datasets.thumbs import near_thumbs

TABLES, TABLES_FOR_SMALL = 8, 16
"""Buckets a picture is in: of 8, thumbnails of correlation 0.999 share one with chance 0.99995; of
16, those of 0.993 (a small picture and its JPEG copy at quality 75) with 0.9997."""
MAX_BITS, MAX_BITS_SMALL = 12, 24
"""Of the 128 bits of the hash, so many may differ: what re-encoding changes."""
SMALL = 20
"""Below so many pixels of the shorter side a block of the thumbnail averages so few pixels that a
JPEG copy is no longer as near: the limits for small pictures hold, and their pixels decide."""
_CHUNK = 1 << 12
Confirm = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]
"""Whether each of some pairs that may look the same do so."""


def tables_of(sizes: NDArray[np.integer]) -> int:
    """In how many buckets each of some pictures is, by their sizes, shape (picture, 2)."""
    return TABLES_FOR_SMALL if _are_small(sizes).any() else TABLES


def _are_small(sizes: NDArray[np.integer]) -> NDArray[np.bool_]:
    return np.minimum(sizes[:, 0], sizes[:, 1]) < SMALL


class Thumbs(Protocol):
    """Thumbnails of some pictures: an array, or what reads one."""

    def __getitem__(self, places: NDArray[np.intp], /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True, slots=True)
class Looks:
    """What pictures are compared by.

    Attributes:
        hashes: uint64, shape (picture, 2).
        thumbs: uint8, shape (picture, pixel), read by picture.
        buckets: uint32, shape (table, picture): as of ``buckets.buckets``, a row a table.
        plain: Pictures with too little to see; they look like everything and are left out.
        sizes: Width and height of each, shape (picture, 2).
    """

    hashes: NDArray[np.uint64]
    thumbs: Thumbs
    buckets: NDArray[np.uint32]
    plain: NDArray[np.bool_]
    sizes: NDArray[np.integer]

    @property
    def small(self) -> NDArray[np.bool_]:
        """Those for which the limits for small pictures hold."""
        return _are_small(self.sizes)

    @property
    def tables(self) -> int:
        """In how many buckets each picture is."""
        return TABLES_FOR_SMALL if (self.small & ~self.plain).any() else TABLES


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pictures of one bucket whose hashes and thumbnails are near; sorted, each pair once.

    Attributes:
        first: Position of the one, the smaller.
        second: Position of the other.
        tables: uint32: bit t is set where they were found in a bucket of table t.
        same: Whether a closer look says that they look the same.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    tables: NDArray[np.uint32]
    same: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Before:
    """What was found before some pictures were added, and none taken away.

    Attributes:
        pairs: By positions of today.
        new: Pictures that were added.
    """

    pairs: Pairs
    new: NDArray[np.bool_]


def find(looks: Looks, confirm: Confirm, before: Before | None = None) -> Pairs:
    """Every pair that may look the same.

    Args:
        looks: The pictures.
        confirm: A closer look at pairs that their thumbnails cannot tell apart.
        before: What is known already.
    """
    count, known = len(looks.plain), before.pairs if before else _none()
    codes, tables = _alike(looks, before)
    old = known.first * count + known.second
    place = np.searchsorted(old, codes)
    there = np.zeros(len(codes), np.bool_)
    there[place < len(old)] = old[place[place < len(old)]] == codes[place < len(old)]
    first, second = np.divmod(codes, max(count, 1))
    same = np.zeros(len(codes), np.bool_)
    same[there] = known.same[place[there]]
    same[~there] = confirm(first[~there], second[~there])
    return Pairs(first, second, tables, same)


def _none() -> Pairs:
    nowhere = np.zeros(0, np.intp)
    return Pairs(nowhere, nowhere, np.zeros(0, np.uint32), np.zeros(0, np.bool_))


def _alike(looks: Looks, before: Before | None) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Pairs that are near, as first * count + second, sorted; and the tables that show it."""
    kept, small = np.flatnonzero(~looks.plain), looks.small
    if before is not None:
        return _continued(looks, kept, small, before)
    found = [_near(looks.buckets[t][kept], kept, looks, small) for t in range(looks.tables)]
    return _gathered(found)


def _continued(
    looks: Looks, kept: NDArray[np.intp], small: NDArray[np.bool_], before: Before
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """What is known, without what new pictures came between, and pairs with a new picture."""
    known, count = before.pairs, len(looks.plain)
    most = np.where(small, MAX_BITS_SMALL, MAX_BITS).astype(np.uint8)
    left, found = known.tables.copy(), list[NDArray[np.int64]]()
    for table in range(looks.tables):
        keys = looks.buckets[table][kept]
        shared = sharing(keys, before.new[kept])
        rows = kept[shared]
        there = lines(keys[shared], looks.hashes[rows])
        one, two = there.joining(before.new[rows])
        few = few_bits(looks.hashes[rows], most[rows], (one, two))
        first, second = rows[one[few]], rows[two[few]]
        found.append(np.minimum(first, second) * count + np.maximum(first, second))
        left[_apart(there, rows, known, count)] &= ~np.uint32(1 << table)
    codes, tables = _gathered(found)
    near = _are_near(*np.divmod(codes, max(count, 1)), looks, small)
    return _merged(
        np.concatenate([known.first * count + known.second, codes[near]]),
        np.concatenate([left, tables[near]]),
    )


def _apart(found: Lines, rows: NDArray[np.intp], known: Pairs, count: int) -> NDArray[np.intp]:
    """Known pairs that new pictures came between."""
    place = np.full(count, -1, np.intp)
    place[rows] = np.arange(len(rows))
    first, second = place[known.first], place[known.second]
    there = np.flatnonzero((first >= 0) & (second >= 0))
    return there[found.apart(first[there], second[there])]


def _gathered(
    found: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """The codes found in each table: each once, with the tables it was found in."""
    bits = [np.full(len(codes), 1 << table, np.uint32) for table, codes in enumerate(found)]
    return _merged(np.concatenate(found), np.concatenate(bits))


def _merged(
    codes: NDArray[np.int64], bits: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Each code once, with all of its bits, where it has some."""
    once, place = np.unique(codes, return_inverse=True)
    tables = np.zeros(len(once), np.uint32)
    np.bitwise_or.at(tables, place, bits)
    return once[tables > 0], tables[tables > 0]


def _near(
    keys: NDArray[np.uint32], rows: NDArray[np.intp], looks: Looks, small: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs within the buckets of one table, as first * count + second.

    Args:
        keys: Bucket of each of some pictures.
        rows: Positions of these.
        looks: All of them.
        small: Those for which the limits for small pictures hold.
    """
    most = np.where(small[rows], MAX_BITS_SMALL, MAX_BITS).astype(np.uint8)
    near: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for one, two in neighbours(keys, looks.hashes[rows], most):
        first, second = np.minimum(rows[one], rows[two]), np.maximum(rows[one], rows[two])
        close = _are_near(first, second, looks, small)
        near.append(first[close] * len(looks.plain) + second[close])
    return np.concatenate(near)


def _are_near(
    one: NDArray[np.intp], two: NDArray[np.intp], looks: Looks, small: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether the thumbnails of each of some pairs are near."""
    near = np.zeros(len(one), np.bool_)
    for at in range(0, len(one), _CHUNK):
        first, second = one[at : at + _CHUNK], two[at : at + _CHUNK]
        tiny = small[first] & (looks.sizes[first] == looks.sizes[second]).all(axis=1)
        near[at : at + _CHUNK] = near_thumbs(looks.thumbs[first], looks.thumbs[second], tiny)
    return near
