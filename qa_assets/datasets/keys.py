"""Content digests by the million: 32 bytes each in one array, sorted, found and spelt as arrays."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

WIDTH = 32
"""Bytes of a SHA-256."""
Keys = NDArray[np.uint8]
"""Digests, shape (sample, WIDTH)."""
_HEX = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), np.uint16)


def of_column(column: Any) -> Keys:
    """The keys of an Arrow column of ``WIDTH`` bytes each, without a copy where it is one chunk."""
    packed = column.combine_chunks() if hasattr(column, "chunks") else column
    buffer = np.frombuffer(packed.buffers()[1], np.uint8) if len(packed) else np.zeros(0, np.uint8)
    start = packed.offset * WIDTH
    return buffer[start : start + len(packed) * WIDTH].reshape(len(packed), WIDTH)


def set_of(keys: Keys) -> set[bytes]:
    """The keys as bytes."""
    whole = np.ascontiguousarray(keys).view(f"V{WIDTH}").ravel()
    return set(whole.tolist())


def column(keys: Keys) -> "pa.Array":
    """The keys as an Arrow column."""
    import pyarrow as pa

    body = pa.py_buffer(np.ascontiguousarray(keys))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(WIDTH), len(keys), [None, body])


def spelt(keys: Keys) -> "pa.Array":
    """The keys as 64 hexadecimal digits each, as an Arrow column of text."""
    import pyarrow as pa

    digits = _HEX[keys]
    ends = np.arange(len(keys) + 1, dtype=np.int32) * (2 * WIDTH)
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(ends), pa.py_buffer(digits))


def read(text: Any) -> Keys:
    """The keys that an Arrow column of 64 hexadecimal digits each spells."""
    packed = text.combine_chunks() if hasattr(text, "chunks") else text
    if not len(packed):
        return np.zeros((0, WIDTH), np.uint8)
    ends = np.frombuffer(packed.buffers()[1], np.int32)[packed.offset :]
    digits = np.frombuffer(packed.buffers()[2], np.uint8)[ends[0] : ends[len(packed)]]
    return np.frombuffer(bytes.fromhex(digits.tobytes().decode("ascii")), np.uint8).reshape(
        len(packed), WIDTH
    )


def order(keys: Keys) -> NDArray[np.intp]:
    """Positions that sort the keys; equal ones stay in their order."""
    words = _words(keys)
    found = np.argsort(words[:, 0])
    first = words[found, 0]
    ties = first[1:] == first[:-1]
    if not ties.any():
        return found
    tied = np.zeros(len(found), np.bool_)
    tied[1:] |= ties
    tied[:-1] |= ties
    places = np.flatnonzero(tied)  # runs of one first word; mostly the same key several times
    rows = found[places]
    found[places] = rows[np.lexsort((rows, *words[rows].T[::-1]))]
    return found


def repeats(keys: Keys) -> NDArray[np.bool_]:
    """Of sorted keys: which ones are the same as the one before."""
    same = np.zeros(len(keys), np.bool_)
    if len(keys) > 1:
        words = _words(keys)
        same[1:] = (words[1:] == words[:-1]).all(axis=1)
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
    wanted, there = _words(keys), _words(among)[by_key]
    place = np.searchsorted(there[:, 0], wanted[:, 0])
    place = np.minimum(place, len(there) - 1)
    found = np.where((there[place] == wanted).all(axis=1), by_key[place], -1)
    if (there[1:, 0] == there[:-1, 0]).any():  # two digests alike in 64 bits: made on purpose
        places = {row.tobytes(): n for n, row in enumerate(among)}
        found = np.array([places.get(row.tobytes(), -1) for row in keys], np.intp)
    return found


def _words(keys: Keys) -> NDArray[np.uint64]:
    """As four big-endian numbers, so that numbers sort as digests do; shape (sample, 4)."""
    whole = np.ascontiguousarray(keys).view(">u8").reshape(len(keys), WIDTH // 8)
    return whole.astype(np.uint64)
