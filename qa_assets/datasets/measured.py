"""The measures of a snapshot's samples, in the order of its sample table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.datasets import keys
from qa_assets.datasets.measures import HASHES, MEASURES, SIDE, THUMB


@dataclass(frozen=True, slots=True)
class Measured:
    """One row a sample.

    Attributes:
        numbers: float32 by name of ``MEASURES``.
        hashes: uint64, shape (sample, 2).
        thumbs: uint8, shape (sample, SIDE * SIDE).
        noticed: Place in ``codes``.
        codes: What may be noticed about a sample, each joined by commas.
    """

    numbers: Mapping[str, NDArray[np.float32]]
    hashes: NDArray[np.uint64]
    thumbs: NDArray[np.uint8]
    noticed: NDArray[np.int32]
    codes: tuple[str, ...]


def measured(snapshot: DatasetSnapshot) -> Measured:
    """Read what was measured when the samples were first seen; one shard at a time."""
    ids = keys.read(_column(snapshot, SAMPLES, "id"))
    numbers = {name: np.zeros(len(ids), np.float32) for name in MEASURES}
    hashes = np.zeros((len(ids), len(HASHES)), np.uint64)
    thumbs = np.zeros((len(ids), SIDE * SIDE), np.uint8)
    noticed = np.zeros(len(ids), np.int32)
    codes: dict[str, int] = {}
    for name in sorted(n for n in snapshot.files if n.startswith("measures-")):
        shard = _table(snapshot, name)
        rows = keys.locate(keys.of_column(shard["key"]), ids)
        for column, values in numbers.items():
            values[rows] = shard[column].to_numpy()
        for place, column in enumerate(HASHES):
            hashes[rows, place] = shard[column].to_numpy()
        thumbs[rows] = _thumbs(shard)
        told = shard["noticed"].cast("string").combine_chunks().dictionary_encode()
        places = [codes.setdefault(code, len(codes)) for code in told.dictionary.to_pylist()]
        noticed[rows] = np.array(places, np.int32)[told.indices.to_numpy()]
    return Measured(numbers, hashes, thumbs, noticed, tuple(codes))


def thumbnails(snapshot: DatasetSnapshot, first: int | None = None) -> NDArray[np.uint8]:
    """Mean grey of the blocks of the first samples (all by default) of the sample table."""
    ids = keys.read(_column(snapshot, SAMPLES, "id").slice(0, first))
    thumbs = np.zeros((len(ids), SIDE * SIDE), np.uint8)
    for name in sorted(n for n in snapshot.files if n.startswith("measures-")):
        shard = _table(snapshot, name, ["key", THUMB])
        rows = keys.locate(keys.of_column(shard["key"]), ids)
        thumbs[rows[rows >= 0]] = _thumbs(shard)[rows >= 0]
    return thumbs


def _table(snapshot: DatasetSnapshot, name: str, columns: list[str] | None = None) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = snapshot.files[name]
    return pq.read_table(pa.BufferReader(body) if isinstance(body, bytes) else body,
                         columns=columns)  # fmt: skip


def _column(snapshot: DatasetSnapshot, name: str, column: str) -> Any:
    return _table(snapshot, name, [column])[column]


def _thumbs(shard: Any) -> NDArray[np.uint8]:
    packed = shard[THUMB].combine_chunks()
    width = packed.type.byte_width
    buffer = np.frombuffer(packed.buffers()[1], np.uint8)
    start = packed.offset * width
    return buffer[start : start + len(packed) * width].reshape(len(packed), width)
