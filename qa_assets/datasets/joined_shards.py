"""Many small shards made one: a set that grows each night does not cost more each night."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qa_assets.core.tables import read_mapped
from qa_assets.datasets.shards import GROUP_BYTES, PLAIN, SHARD_BYTES, Pair, write_measures

if TYPE_CHECKING:
    import pyarrow as pa

MANY = 8
"""Of so many small pairs one is made."""


def together(pairs: Sequence[Pair], folder: Path) -> list[Pair]:
    """The pairs, in their order; where many small ones are the last, these are packed as one.

    Every pair costs its opening, so a set that grows each night would cost more each night. One
    that is more than twice as large as all behind it stays as it is, so that little is copied.

    Args:
        pairs: They; their files stay.
        folder: Where the new one is written.
    """
    few, size = 0, 0
    for pair in reversed(pairs):
        own = pair.payloads.stat().st_size
        if few and own > min(2 * size, SHARD_BYTES - size):
            break
        few, size = few + 1, size + own
    if few < MANY:
        return [*pairs]
    return [*pairs[:-few], _joined(pairs[-few:], folder)]


def _joined(pairs: Sequence[Pair], folder: Path) -> Pair:
    import pyarrow as pa
    import pyarrow.parquet as pq

    new = Pair(folder / "joined-payloads", folder / "joined-measures")
    measures = pa.concat_tables([read_mapped(pair.measures) for pair in pairs])
    write_measures(measures.unify_dictionaries(), new.measures)
    waiting: list[pa.Table] = []
    with pq.ParquetFile(pairs[0].payloads) as first:
        out = pq.ParquetWriter(new.payloads, first.schema_arrow, **PLAIN)
    with out:
        for group in _groups(pairs):
            waiting.append(group)
            if sum(g.nbytes for g in waiting) >= GROUP_BYTES:
                out.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting = []
        if waiting:
            out.write_table(pa.concat_tables(waiting).combine_chunks())
    return new


def _groups(pairs: Sequence[Pair]) -> "Iterator[pa.Table]":
    import pyarrow.parquet as pq

    for pair in pairs:
        with pq.ParquetFile(pair.payloads) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
