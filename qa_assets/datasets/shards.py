"""Samples packed into pairs of files: raw bytes, and beside them what was measured of each.

Payloads are Parquet. Measures are read whole by every new version: as Arrow writes them they are
mapped, and neither unpacked nor copied.
A pair never changes: the next version of a dataset uses it as it is, or a copy without what is
gone. What was measured by other code than today's is measured anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_json
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import MEASURES_SHARD, PAYLOAD_SHARD
from qa_assets.core.tables import compute, read_mapped, write_mapped
from qa_assets.datasets import keys
from qa_assets.datasets.contents import FACTS, Waiting
from qa_assets.datasets.pictures import Picture

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_BYTES = 64 << 20
"""Payload of one shard."""
GROUP_BYTES = 256 << 10
"""Payload that is written, and read, at once."""
_MEASURED_BY = b"measured_by"


@dataclass(frozen=True, slots=True)
class Pair:
    """One shard: its payloads, and the measures of the same samples."""

    payloads: Path
    measures: Path


@cache
def measured_by() -> str:
    """Identity of the code and the libraries that decide what is measured of given bytes."""
    import inspect

    import PIL

    from qa_assets.datasets import buckets, contents, measures, pictures, png
    from qa_assets.preprocessing import image

    modules = (buckets, contents, measures, pictures, png, image)
    sources = {m.__name__: inspect.getsource(m) for m in modules}
    return digest_json([sources, {"numpy": np.__version__, "pillow": PIL.__version__}])


class ShardWriter:
    """Writes pairs into a folder, as many as it takes; holds some megabytes at a time."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder = folder
        self._shard_bytes = shard_bytes
        self._keys: list[bytes] = []
        self._payloads: list[bytes] = []
        self._waiting = Waiting()
        self._pending = self._written = 0
        self._file: Any = None
        self._pairs: list[Pair] = []
        self._facts: list[pa.Table] = []

    def add(self, key: bytes, payload: bytes, picture: Picture) -> None:
        """Append one sample."""
        self._keys.append(key)
        self._payloads.append(payload)
        self._waiting.add(key, len(payload), picture)
        self._pending += len(payload)
        whole = self._written + self._pending >= self._shard_bytes
        if whole or self._pending >= GROUP_BYTES:
            self._write()
        if whole:
            self._finish()

    def facts(self) -> "list[pa.Table]":
        """Finish; ``FACTS`` of everything that was added."""
        self._write()
        self._finish()
        return self._facts

    def kept(self, wanted: NDArray[np.bool_]) -> list[Pair]:
        """The pairs, holding only what turned out to be usable.

        Args:
            wanted: Whether to keep each row of the facts.
        """
        return _kept(self._pairs, self._facts, wanted, self.folder, "kept-")

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._keys:
            return
        columns = {
            "id": keys.spelt(np.frombuffer(b"".join(self._keys), np.uint8).reshape(-1, keys.WIDTH)),
            "payload": pa.array(self._payloads, pa.large_binary()),
        }
        group = pa.table(columns)
        if self._file is None:
            place = self._next().payloads
            self._file = pq.ParquetWriter(place, group.schema, **PLAIN)
        self._file.write_table(group)
        self._written += self._pending
        self._keys, self._payloads, self._pending = [], [], 0

    def _finish(self) -> None:
        if self._file is None:
            return
        self._file.close()
        pair, table = self._next(), self._waiting.measured()
        write_measures(table, pair.measures)
        self._facts.append(table.select(FACTS))
        self._pairs.append(pair)
        self._file, self._written, self._waiting = None, 0, Waiting()

    def _next(self) -> Pair:
        number = len(self._pairs)
        return Pair(*(self.folder / n.format(number) for n in (PAYLOAD_SHARD, MEASURES_SHARD)))


# Image files are compressed already, and a dictionary of distinct bytes would only double them.
PLAIN: Mapping[str, Any] = {
    "compression": "none", "use_dictionary": False, "write_statistics": False
}  # fmt: skip


def write_measures(table: "pa.Table", place: Path) -> None:
    """Write what was measured, and by whose code."""
    write_mapped(place, table.replace_schema_metadata({_MEASURED_BY: measured_by().encode()}))


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier snapshot holds that need not be decoded again.

    Attributes:
        pairs: Its shards that today's code would measure alike.
        facts: ``FACTS`` of every sample in them.
        whole: Whether these are all of its shards.
    """

    pairs: tuple[Pair, ...] = ()
    facts: "tuple[pa.Table, ...]" = field(default=())
    whole: bool = True

    def kept(self, folder: Path, wanted: NDArray[np.bool_]) -> list[Pair]:
        """The pairs, as they are where all of their samples are still used."""
        return _kept(self.pairs, self.facts, wanted, folder, "earlier-")


def earlier_shards(snapshot: Record | None, folder: Path) -> Earlier:
    """The usable shards of an earlier snapshot."""
    found: list[Pair] = []
    facts: list[pa.Table] = []
    pairs = [*pairs_of(snapshot, folder)] if snapshot else []
    for pair in pairs:
        measures = read_mapped(pair.measures)
        said: dict[bytes, bytes] = measures.schema.metadata or {}
        if said.get(_MEASURED_BY) == measured_by().encode():
            found.append(pair)
            facts.append(measures.select(FACTS))
    return Earlier(tuple(found), tuple(facts), whole=len(found) == len(pairs))


def measured_alike(snapshot: Record, folder: Path) -> bool:
    """Whether all of its shards are as today's code would measure them."""
    found = earlier_shards(snapshot, folder)
    return found.whole and bool(found.pairs)


def pairs_of(snapshot: Record, folder: Path) -> Iterator[Pair]:
    """The shards of a snapshot that has measures beside all of its payloads."""
    number = 0
    while {PAYLOAD_SHARD.format(number), MEASURES_SHARD.format(number)} <= snapshot.files.keys():
        names = PAYLOAD_SHARD.format(number), MEASURES_SHARD.format(number)
        yield Pair(*(_on_disk(snapshot.files[name], folder / f"held-{name}") for name in names))
        number += 1


def _on_disk(body: bytes | Path, place: Path) -> Path:
    if isinstance(body, Path):
        return body
    place.write_bytes(body)
    return place


def _kept(
    pairs: Sequence[Pair],
    facts: "Sequence[pa.Table]",
    wanted: NDArray[np.bool_],
    folder: Path,
    prefix: str,
) -> list[Pair]:
    """Pairs without what is not wanted: each as it is, a new one, or none."""
    pieces = np.split(wanted, np.cumsum([len(f) for f in facts])[:-1]) if facts else []
    found: list[Pair] = []
    for pair, rows in zip(pairs, pieces, strict=True):
        if rows.all():
            found.append(pair)
        elif rows.any():
            found.append(_thinned(pair, rows, folder, prefix))
    return found


def _thinned(pair: Pair, wanted: NDArray[np.bool_], folder: Path, prefix: str) -> Pair:
    import pyarrow as pa
    import pyarrow.parquet as pq

    new = Pair(folder / f"{prefix}{pair.payloads.name}", folder / f"{prefix}{pair.measures.name}")
    left = read_mapped(pair.measures).filter(pa.array(wanted))
    write_measures(left, new.measures)
    spelt = keys.spelt(keys.of_column(left["key"]))
    with pq.ParquetFile(pair.payloads) as old, pq.ParquetWriter(
        new.payloads, old.schema_arrow, **PLAIN
    ) as out:  # fmt: skip
        for number in range(old.num_row_groups):
            group = old.read_row_group(number)
            out.write_table(group.filter(compute().is_in(group["id"], value_set=spelt)))
    return new
