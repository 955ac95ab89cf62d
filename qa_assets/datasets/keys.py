"""Content digests by the million: 32 bytes each in one array, sorted, found and spelt as arrays."""

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.tables import DIGEST_BYTES, spelt_digests

if TYPE_CHECKING:
    import pyarrow as pa

WIDTH = DIGEST_BYTES
Keys = NDArray[np.uint8]
"""Digests, shape (sample, WIDTH)."""
_FIRST = 8
"""Bytes that keys are sorted by."""


class Index:
    """Tells which keys are among many: 16 bytes for each, beside the keys themselves."""

    def __init__(self, keys: Keys) -> None:
        self._keys, self._by_key = keys, order(keys)
        self._first = array("Q", _first_words(keys)[self._by_key].tobytes())

    def __contains__(self, key: bytes) -> bool:
        first = int.from_bytes(key[:_FIRST], "big")
        place = bisect_left(self._first, first)
        while place < len(self._first) and self._first[place] == first:
            if self._keys[self._by_key[place]].tobytes() == key:
                return True
            place += 1
        return False


def of_column(column: Any, kind: type[np.generic] = np.uint8) -> NDArray[Any]:
    """The rows of an Arrow column of so many bytes each, without a copy where it is one chunk.

    Args:
        column: As of :func:`column`.
        kind: What the bytes are.
    """
    packed = one_array(column)
    width, each = packed.type.byte_width, np.dtype(kind).itemsize
    buffer = np.frombuffer(packed.buffers()[1], np.uint8) if len(packed) else np.zeros(0, np.uint8)
    start = packed.offset * width
    body = buffer[start : start + len(packed) * width]
    return body.view(kind).reshape(len(packed), width // each)


def one_array(column: Any) -> Any:
    """An Arrow column as one array, without a copy where it is one chunk."""
    import pyarrow as pa

    if not isinstance(column, pa.ChunkedArray):
        return column
    one = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return one.chunk(0) if isinstance(one, pa.ChunkedArray) else one


def column(rows: NDArray[Any]) -> "pa.Array":
    """The bytes of each row, such as keys, as an Arrow column."""
    import pyarrow as pa

    whole = np.ascontiguousarray(rows)
    kind = pa.binary(whole.shape[1] * whole.itemsize)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(whole), [None, pa.py_buffer(whole)])


def spelt(keys: Keys) -> "pa.Array":
    """The keys as 64 hexadecimal digits each, as an Arrow column of text."""
    return spelt_digests(column(keys))


def order(keys: Keys) -> NDArray[np.intp]:
    """Positions that sort the keys; equal ones stay in their order."""
    words = _first_words(keys)
    found = np.argsort(words)
    first = words[found]
    ties = first[1:] == first[:-1]
    if not ties.any():
        return found
    tied = np.zeros(len(found), np.bool_)
    tied[1:] |= ties
    tied[:-1] |= ties
    places = np.flatnonzero(tied)  # runs of one first word; mostly the same key several times
    rows = found[places]
    found[places] = rows[np.lexsort((rows, *_words(keys[rows]).T[::-1]))]
    return found


def repeats(keys: Keys) -> NDArray[np.bool_]:
    """Of sorted keys: which ones are the same as the one before."""
    first, same = _first_words(keys), np.zeros(len(keys), np.bool_)
    maybe = np.flatnonzero(first[1:] == first[:-1]) + 1
    same[maybe] = (keys[maybe] == keys[maybe - 1]).all(axis=1)
    return same


def locate(keys: Keys, among: Keys) -> NDArray[np.intp]:
    """Where each key stands in ``among``, whose keys differ; -1 where it does not."""
    found = np.full(len(keys), -1, np.intp)
    both = min(len(keys), len(among))
    same = (keys[:both].view(np.uint64) == among[:both].view(np.uint64)).all(axis=1)
    found[:both][same] = np.flatnonzero(same)  # most of them, where data only grew
    rest = np.flatnonzero(found < 0)
    if len(rest) and len(among):
        found[rest] = _located(keys[rest], among)
    return found


def _located(keys: Keys, among: Keys) -> NDArray[np.intp]:
    by_key = order(among)
    first = _first_words(among)[by_key]
    place = np.minimum(np.searchsorted(first, _first_words(keys)), len(first) - 1)
    rows = by_key[place]
    found = np.where((among[rows] == keys).all(axis=1), rows, -1)
    if (first[1:] == first[:-1]).any():  # two digests alike in 64 bits: made on purpose
        places = {row.tobytes(): n for n, row in enumerate(among)}
        found = np.array([places.get(row.tobytes(), -1) for row in keys], np.intp)
    return found


def _first_words(keys: Keys) -> NDArray[np.uint64]:
    """Their first ``_FIRST`` bytes as numbers."""
    return np.ascontiguousarray(keys[:, :_FIRST]).view(">u8")[:, 0].astype(np.uint64)


def _words(keys: Keys) -> NDArray[np.uint64]:
    """As four big-endian numbers, so that numbers sort as digests do; shape (sample, 4)."""
    whole = np.ascontiguousarray(keys).view(">u8").reshape(len(keys), WIDTH // 8)
    return whole.astype(np.uint64)
