"""Tables and arrays inside records: Parquet and NumPy's own format, imported when first used."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Record

if TYPE_CHECKING:
    import pandas as pd


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
    import pandas as pd

    body = record.files[name]
    source = io.BytesIO(body) if isinstance(body, bytes) else body
    wanted = None if columns is None else list(columns)
    if words:
        import pyarrow.parquet as pq

        return pq.read_table(source, columns=wanted, read_dictionary=list(words)).to_pandas()
    return pd.read_parquet(source, columns=wanted)


def compute() -> Any:
    """Arrow's functions on whole columns; made at run time, so unknown to type checkers."""
    import pyarrow.compute

    return pyarrow.compute


def table_bytes(frame: "pd.DataFrame") -> bytes:
    """A table as Parquet whose bytes follow from its content alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    content = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(content, out, compression="zstd")
    return out.getvalue()


def read_array(record: Record, name: str) -> "NDArray[np.generic]":
    """One of a record's arrays; arrays of objects are refused."""
    return np.load(io.BytesIO(record.read(name)), allow_pickle=False)


def array_bytes(array: "NDArray[np.generic]") -> bytes:
    """An array in NumPy's format."""
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(array), allow_pickle=False)
    return out.getvalue()
