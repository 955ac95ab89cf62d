"""Tables and arrays inside records: Parquet and NumPy's own format, imported when first used.

Digests may be stored as the 32 bytes that they are; who reads a table here sees them as text.
"""

import io
from binascii import hexlify
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Record

DIGEST_BYTES = 32
"""Of a SHA-256."""

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_table(
    record: Record, name: str, columns: Sequence[str] | None = None, *, words: Sequence[str] = ()
) -> "pd.DataFrame":
    """One of a record's Parquet files; text columns stay text (``NA`` is a word, not a gap).

    Args:
        record: It holds the file.
        name: The file's name.
        columns: Only these; all by default.
        words: Columns of few different words, each of which is kept once (a categorical).
    """
    return read_columns(record.files[name], columns, words=words).to_pandas()


def read_columns(
    body: bytes | Path,
    columns: Sequence[str] | None = None,
    *,
    words: Sequence[str] = (),
    spelt: bool = True,
) -> "pa.Table":
    """Columns of a Parquet file as Arrow has them, without its slower reader of many files.

    The file is mapped: half the memory that reading it first would take.

    Args:
        body: The file, or its bytes.
        columns: Only these; all by default.
        words: Columns that are read as dictionaries.
        spelt: Whether digests are text, or stay the bytes that they may be stored as.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(body) if isinstance(body, bytes) else body
    with pq.ParquetFile(source, read_dictionary=list(words), memory_map=True) as file:
        found = file.read(columns=None if columns is None else list(columns))
    for place, field in enumerate(found.schema):
        if spelt and field.type == pa.binary(DIGEST_BYTES):
            text = pa.chunked_array(map(spelt_digests, found[field.name].chunks), pa.string())
            found = found.set_column(place, field.name, text)
    return found


def spelt_digests(column: "pa.FixedSizeBinaryArray") -> "pa.StringArray":
    """Digests of 32 bytes as 64 hexadecimal digits each."""
    import pyarrow as pa

    start, end = (DIGEST_BYTES * (column.offset + n) for n in (0, len(column)))
    body = column.buffers()[1]
    digits = hexlify(memoryview(body)[start:end]) if len(column) else b""
    ends = np.arange(len(column) + 1, dtype=np.int32) * (2 * DIGEST_BYTES)
    return pa.StringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(digits))


def read_first(body: bytes | Path, column: str, count: int) -> "pa.Array":
    """The first values of a column of a Parquet file as they are stored; others are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(body) if isinstance(body, bytes) else body
    found: list[pa.Array] = []
    with pq.ParquetFile(source, memory_map=True) as file:
        kind = file.schema_arrow.field(column).type
        for batch in file.iter_batches(count, columns=[column]):
            found.append(batch[column])
            if sum(map(len, found)) >= count:
                break
    return pa.concat_arrays([pa.array([], kind), *found])[:count]


def write_mapped(place: Path, table: "pa.Table") -> None:
    """Write a table as Arrow has it in memory: larger than Parquet, and read without a copy."""
    import pyarrow as pa

    with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table.combine_chunks())


def read_mapped(body: bytes | Path) -> "pa.Table":
    """What :func:`write_mapped` wrote; it stays in its file."""
    import pyarrow as pa

    source = pa.BufferReader(body) if isinstance(body, bytes) else pa.memory_map(str(body))
    return pa.ipc.open_file(source).read_all()


def compute() -> Any:
    """Arrow's functions on whole columns; made at run time, so unknown to type checkers."""
    import pyarrow.compute

    return pyarrow.compute


def table_bytes(frame: "pd.DataFrame") -> bytes:
    """A table as Parquet whose bytes follow from its content alone."""
    import pyarrow as pa

    content = pa.Table.from_pandas(frame, preserve_index=False)
    return _written(content.replace_schema_metadata(None))


def columns_bytes(columns: Mapping[str, Any]) -> bytes:
    """The same of columns, without the way through a data frame."""
    import pyarrow as pa

    return _written(pa.table(dict(columns)))


def _written(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def read_array(record: Record, name: str) -> "NDArray[np.generic]":
    """One of a record's arrays; arrays of objects are refused."""
    return np.load(io.BytesIO(record.read(name)), allow_pickle=False)


def array_bytes(array: "NDArray[np.generic]") -> bytes:
    """An array in NumPy's format."""
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(array), allow_pickle=False)
    return out.getvalue()
