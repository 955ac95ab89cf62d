"""Tables and arrays inside records: Parquet and NumPy's own format, imported when first used."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Record

if TYPE_CHECKING:
    import pandas as pd


def read_table(record: Record, name: str) -> "pd.DataFrame":
    """One of a record's Parquet files; text columns stay text (``NA`` is a word, not a gap)."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(record.read(name)))


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
