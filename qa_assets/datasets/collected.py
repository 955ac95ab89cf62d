"""What a source held, before it is known whether that is a dataset, and the files made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.datasets import (
    BLOCKS,
    MEASURES_SHARD,
    PARTS,
    PAYLOAD_SHARD,
    ROWS,
    SAMPLES,
    Quarantined,
    Remark,
)
from qa_assets.core.tables import write_mapped
from qa_assets.datasets import keys
from qa_assets.datasets.blocks import blocks_table
from qa_assets.datasets.contents import WORDS
from qa_assets.datasets.intake import Taken
from qa_assets.datasets.joined_shards import together
from qa_assets.datasets.measured import grown
from qa_assets.datasets.merge import Merged, coded
from qa_assets.datasets.remarks import NAMED, remarks_of, remarks_of_copies
from qa_assets.datasets.remedies import with_remedy
from qa_assets.datasets.shards import Earlier, Pair, ShardWriter

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = (
    *("id", "label", "group", "name", "attributes"),
    *("copies", "bytes", "format", "width", "height", "mode"),
)
_OF_CONTENT = ["bytes", "format", "width", "height", "mode"]
_SLICE = 1 << 16
"""Rows of the sample table that are written at once."""


@dataclass(frozen=True)
class Collected:
    """What a source holds, before it is known whether that is a dataset.

    Attributes:
        taken: One row a usable file, in the order of reading, and what is not usable.
        facts: One row a content of the files, and maybe some that are no longer used.
        merged: One row a content.
        shards: The new contents.
        earlier: Those that an earlier snapshot has.
        base: Version of that snapshot, if all of its shards could be used.
        stored: Whether the source holds files of pictures, and not arrays of their pixels.
    """

    taken: Taken
    facts: "pa.Table | None"
    merged: Merged
    shards: ShardWriter
    earlier: Earlier
    base: str = ""
    stored: bool = True

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Row among the facts of each file that was found."""
        assert self.facts is not None
        found = keys.of_column(self.taken.found["key"])
        return keys.locate(found, keys.of_column(self.facts["key"]))

    @property
    def rows(self) -> NDArray[np.intp]:
        """Row among the facts of each sample."""
        return self.places[self.merged.first]

    @property
    def aside(self) -> list[Quarantined]:
        """What was set aside."""
        return [with_remedy(q) for q in (*self.taken.aside, *self.merged.conflicts)]

    def noticed(self) -> tuple[tuple[Remark, ...], dict[str, int]]:
        """What is odd about the rest: the first of each kind, and how often by kind."""
        import pyarrow as pa

        remarks, counts = list(self.taken.noticed), self.taken.counts.copy()
        for found in remarks_of_copies(self.merged.repeated):
            remarks += found.first[: max(0, NAMED - counts[found.code])]
            counts[found.code] += found.count
        if self.facts is None:
            return tuple(remarks), dict(counts)
        coded = {word: keys.one_array(self.facts[word]) for word in WORDS}
        told = {
            word: pa.DictionaryArray.from_arrays(
                column.indices.to_numpy()[self.places], column.dictionary, safe=False
            )
            for word, column in coded.items()
        }
        files = pa.table({**told, "name": self.taken.found["name"]})
        given = np.ones(len(files), np.bool_)
        for met in self.taken.met:  # of samples that we named the first tells what to say
            given[met.start + 1 : met.start + met.count] &= not met.numbered
        return remarks_of(files, remarks, counts, given, stored=self.stored)

    def files(self) -> Mapping[str, bytes | Path]:
        """The files of its snapshot, written into the folder of the shards."""
        import pyarrow as pa

        assert self.facts is not None
        folder, old = self.shards.folder, sum(map(len, self.earlier.facts))
        used = np.zeros(len(self.facts), np.bool_)
        used[self.rows] = True
        kept = [*self.earlier.kept(folder, used[:old]), *self.shards.kept(used[old:])]
        pairs = together(kept, folder)
        place = np.where(used, np.cumsum(used) - 1, -1)  # among the measures that are kept
        rows = pa.table({"row": place[self.rows].astype(np.uint32)})
        if self.base and used[:old].all():
            rows = rows.replace_schema_metadata(grown(self.base, old))
        tables = {ROWS: rows, BLOCKS: blocks_table(self.taken.met, place[self.places])}
        told = {n: t for n, t in tables.items() if t is not None}
        for name, table in told.items():
            write_mapped(folder / name, table)
        return {**_tables(self, folder), **_numbered(pairs), **{n: folder / n for n in told}}


def _numbered(pairs: list[Pair]) -> Mapping[str, Path]:
    payloads = {PAYLOAD_SHARD.format(n): pair.payloads for n, pair in enumerate(pairs)}
    return payloads | {MEASURES_SHARD.format(n): pair.measures for n, pair in enumerate(pairs)}


def _tables(found: Collected, folder: Path) -> Mapping[str, Path]:
    """The sample table and what stands beside it as files."""
    import pyarrow as pa

    assert found.facts is not None
    ids = found.merged.keys
    facts = found.facts.select(_OF_CONTENT).take(pa.array(found.rows))
    rows = found.merged.columns
    for name in _OF_CONTENT:
        rows = rows.append_column(name, coded(facts[name]) if name in WORDS else facts[name])
    schema = pa.schema(
        [("id", pa.binary(keys.WIDTH)), *((n, rows.schema.field(n).type) for n in TABLE[1:])]
    )
    starts, rest = range(0, len(ids), _SLICE), rows.select(TABLE[1:])
    samples = (
        pa.table([keys.column(ids[s : s + _SLICE]), *rest.slice(s, _SLICE).columns], schema=schema)
        for s in starts
    )
    sides = rows.select(["part"])
    return {
        SAMPLES: _parquet(folder / SAMPLES, schema, samples),
        PARTS: _parquet(folder / PARTS, sides.schema, (sides.slice(s, _SLICE) for s in starts)),
    }


def _parquet(place: Path, schema: "pa.Schema", pieces: "Iterable[pa.Table]") -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    # digests cannot be packed; words are text to any reader
    options: Mapping[str, Any] = {
        "compression": {n: "none" if n == "id" else "lz4" for n in schema.names},
        "use_dictionary": words,
        "write_statistics": False,
        "store_schema": not words,
    }
    with pq.ParquetWriter(place, schema, **options) as out:
        for piece in pieces:
            out.write_table(piece)
    return place
