"""The measures of a snapshot's samples, in the order of its sample table."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_bytes
from qa_assets.core.records.datasets import ROWS, DatasetSnapshot
from qa_assets.core.tables import read_mapped
from qa_assets.core.unchanged import digest_of
from qa_assets.datasets import keys
from qa_assets.datasets.buckets import TABLES
from qa_assets.datasets.contents import BUCKETS
from qa_assets.datasets.measures import HASHES, MEASURES, SIDE, THUMB
from qa_assets.datasets.merge import coded
from qa_assets.preprocessing.samples import packed_rows

_BASE = b"grown"


@dataclass(frozen=True, slots=True)
class Measured:
    """One row a sample.

    Attributes:
        numbers: float32 by name of ``MEASURES``.
        hashes: uint64, shape (sample, 2).
        thumbs: uint8, shape (sample, SIDE * SIDE), read by sample.
        buckets: uint32, shape (table, sample): as of ``buckets.buckets``, a row a table.
        noticed: Place in ``codes``.
        codes: What may be noticed about a sample, each joined by commas.
    """

    numbers: Mapping[str, NDArray[np.float32]]
    hashes: NDArray[np.uint64]
    thumbs: "Packed"
    buckets: NDArray[np.uint32]
    noticed: NDArray[np.int32]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows as they were packed, which stay where they were read, by place in the sample table.

    Attributes:
        pieces: Of one shard each.
        rows: Of each sample among all of them.
    """

    pieces: tuple[NDArray[np.uint8], ...]
    rows: NDArray[np.integer]

    def __getitem__(self, places: NDArray[np.integer]) -> NDArray[np.uint8]:
        sizes = [len(piece) for piece in self.pieces]
        return _taken(self.rows[places], sizes, self.pieces.__getitem__)


def _taken(
    rows: NDArray[np.integer], sizes: Sequence[int], piece: Callable[[int], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Some rows of the thumbnails of all shards; a shard without one is not asked for."""
    found, start = np.empty((len(rows), SIDE * SIDE), np.uint8), 0
    for number, size in enumerate(sizes):
        here = np.flatnonzero((rows >= start) & (rows < start + size))
        if len(here):
            found[here] = piece(number)[rows[here] - start]
        start += size
    return found


def measured(snapshot: DatasetSnapshot, tables: int = TABLES) -> Measured:
    """Read what was measured when the samples were first seen; one shard at a time.

    Args:
        snapshot: The samples.
        tables: Of so many tables their buckets are read.
    """
    shards = shards_of(snapshot)
    count = sum(len(rows) for _, rows in shards)
    numbers = {name: np.zeros(count, np.float32) for name in MEASURES}
    hashes = np.zeros((count, len(HASHES)), np.uint64)
    thumbs: list[NDArray[np.uint8]] = []
    near = np.zeros((tables, count), np.uint32)
    noticed = np.zeros(count, np.int32)
    codes: dict[str, int] = {}
    for name, rows in shards:
        shard = read_mapped(snapshot.files[name])
        for column, values in numbers.items():
            values[rows] = shard[column].to_numpy()
        for place, column in enumerate(HASHES):
            hashes[rows, place] = shard[column].to_numpy()
        thumbs.append(keys.of_column(shard[THUMB]))
        near[:, rows] = keys.of_column(shard[BUCKETS], np.uint32).T[:tables]
        told = coded(shard["noticed"])
        places = [codes.setdefault(code, len(codes)) for code in told.dictionary.to_pylist()]
        noticed[rows] = np.array(places, np.int32)[told.indices.to_numpy()]
    packed = Packed(tuple(thumbs), packed_rows(snapshot))
    return Measured(numbers, hashes, packed, near, noticed, tuple(codes))


def thumbnails(
    snapshot: DatasetSnapshot, places: NDArray[np.integer] | None = None
) -> NDArray[np.uint8]:
    """Mean grey of the blocks of some samples, by their rows of the sample table (all of them)."""
    packed = packed_rows(snapshot)
    shards = shards_of(snapshot)

    def piece(number: int) -> NDArray[np.uint8]:
        return keys.of_column(read_mapped(snapshot.files[shards[number][0]])[THUMB])

    rows = packed if places is None else packed[places]
    return _taken(rows, [len(there) for _, there in shards], piece)


def grown(version: str, samples: int) -> dict[bytes, bytes]:
    """What the rows of a snapshot say that holds all samples of another, and maybe more.

    Args:
        version: That other snapshot's.
        samples: How many it has; they were packed first.
    """
    return {_BASE: json.dumps([version, samples]).encode()}


def added(snapshot: DatasetSnapshot, since: str) -> NDArray[np.bool_] | None:
    """Which samples an earlier version did not have; None where that is not known."""
    table = read_mapped(snapshot.files[ROWS])
    version, samples = json.loads((table.schema.metadata or {}).get(_BASE, b'["", 0]'))
    return table["row"].to_numpy() >= samples if version and version == since else None


def shards_of(snapshot: DatasetSnapshot) -> list[tuple[str, NDArray[np.intp]]]:
    """The files of measures, and the place of each of their rows in the sample table."""
    names = sorted(n for n in snapshot.files if n.startswith("measures-"))
    sizes = [len(read_mapped(snapshot.files[name])) for name in names]
    rows = packed_rows(snapshot)
    places = np.zeros(len(rows), np.intp)
    places[rows] = np.arange(len(rows))
    return list(zip(names, np.split(places, np.cumsum(sizes)[:-1]), strict=True))


def shards_by_digest(snapshot: DatasetSnapshot) -> Mapping[str, NDArray[np.intp]]:
    """Places in the sample table by the digest of the measures that hold them."""
    found: dict[str, NDArray[np.intp]] = {}
    for name, rows in shards_of(snapshot):
        body = snapshot.files[name]
        found[digest_bytes(body) if isinstance(body, bytes) else digest_of(body)] = rows
    return found
