"""Sketches of a table, batch by batch: memory is one batch and the sketches."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.sketches import Sketch, of_numbers, of_words

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCK_BYTES = 2 << 20
"""Text of a CSV that is parsed at once. Arrow reads 32 blocks ahead, so resident memory stays below
256 MiB, imports included, however long the table is; a row may not be longer than a block."""
BATCH_ROWS = 32_768
_TAKEN = (
    "Give a CSV with a line of column names or a Parquet file; or pictures: a folder, zip, tar, \
IDX or NPZ."
)
_AGAIN = "It is damaged: fetch it again."
_MEANING = {
    "UTF8": ("CSV_ENCODING", "Save it as UTF-8."),
    "Expected": ("CSV_RAGGED", "Give each row as many fields as there are columns."),
    "magic bytes": ("CSV_ENCODING", _AGAIN),
    "end of stream": ("CSV_ENCODING", _AGAIN),
}
"""Code and remedy by what Arrow says of a text."""
_PARQUET, _UTF16 = b"PAR1", (b"\xff\xfe", b"\xfe\xff")
_SINGLE = "Give one text or number a row; pictures as their bytes, or as files beside the table."
_HEAD, _KIND = 1 << 12, 60
_TRIED = 1 << 10
"""Rows by which bytes are told from text that was written without saying so."""


def sketch_file(source: Path) -> dict[str, Sketch]:
    """One sketch a column of a CSV or Parquet file, without those of ``unsketched``.

    Raises:
        InputRefused: ``SET_MISSING``, ``CSV_EMPTY``, ``CSV_RAGGED``, ``CSV_NESTED`` or
            ``CSV_ENCODING``.
    """
    if not source.is_file():
        what = "does not exist or is a folder."
        raise InputRefused.of("SET_MISSING", str(source), what, "Give the table itself.")
    _refuse_binary(source)
    merged: dict[str, Sketch] = {}
    with _readable(source):
        for batch in _batches(source):
            merged = merge(merged, sketch_batch(batch))
    if not merged and (others := unsketched(source)):
        column, kind = next(iter(others.items()))
        what = f"holds {kind} in the column {_shown(column)!r}, and nothing else."
        raise InputRefused.of("CSV_NESTED", source.name, what, _SINGLE)
    if not merged or not any(s.count for s in merged.values()):
        raise InputRefused.of("CSV_EMPTY", source.name, "has no rows.", _TAKEN)
    return merged


def unsketched(source: Path) -> dict[str, str]:
    """Columns of a Parquet file whose values are neither numbers nor words, with their kind.

    Raises:
        InputRefused: ``CSV_ENCODING``.
    """
    import pyarrow.parquet as pq

    if not _is_parquet(source):
        return {}
    with _readable(source), pq.ParquetFile(source, pre_buffer=False) as file:
        words = _sketched(file)
        fields = [f for f in file.schema_arrow if f.name not in words]
        return {f.name: _shown(f.type) for f in fields}


def _shown(of: object) -> str:
    from qa_assets.datasets.source import visible  # imports what settings need: 10 MiB

    return visible(str(of))[:_KIND]


def _sketched(file: "pq.ParquetFile") -> list[str]:
    """Columns of numbers and words."""
    import pyarrow as pa
    import pyarrow.types as kinds

    def is_text(name: str) -> bool:
        first = next(iter(file.iter_batches(_TRIED, columns=[name], use_threads=False)), None)
        try:
            return first is None or bool(first[0].cast("string").type)
        except pa.ArrowException:
            return False

    fields = [f for f in file.schema_arrow if not kinds.is_nested(f.type)]
    return [f.name for f in fields if not _is_binary(f.type) or is_text(f.name)]


def _is_binary(kind: Any) -> bool:
    import pyarrow.types as kinds

    any_length = kinds.is_binary(kind) or kinds.is_large_binary(kind)
    return any_length or kinds.is_fixed_size_binary(kind)


@contextmanager
def _readable(source: Path) -> Generator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = f"cannot be read as a table: {str(error)[:200].rstrip('.')}."
        said = (m for text, m in _MEANING.items() if text in str(error))
        code, remedy = next(said, ("CSV_ENCODING", _TAKEN))
        raise InputRefused.of(code, source.name, what, remedy) from error


def _refuse_binary(source: Path) -> None:
    """Refuse what is no text, in words of its own."""
    with source.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise InputRefused.of("CSV_EMPTY", source.name, "is an empty file.", _TAKEN)
    if head.startswith(_UTF16):
        raise InputRefused.of("CSV_ENCODING", source.name, "is UTF-16.", "Save it as UTF-8.")
    if b"\0" in head and not head.startswith(_PARQUET):
        what = "is no table: it holds bytes that no text has."
        raise InputRefused.of("CSV_ENCODING", source.name, what, _TAKEN)


def sketch_batch(batch: "pa.RecordBatch | pa.Table") -> dict[str, Sketch]:
    """One sketch a column; numbers as numbers, everything else as words."""
    return {name: _sketch(batch[name]) for name in batch.schema.names}


def merge(first: Mapping[str, Sketch], second: Mapping[str, Sketch]) -> dict[str, Sketch]:
    """The sketches of both tables together; a column is of one kind in both, or is dropped."""
    if not first or not second:
        return dict(first or second)
    both = [n for n in first if n in second and type(first[n]) is type(second[n])]
    return {n: first[n].merge(second[n]) for n in both}  # pyright: ignore[reportArgumentType]


def _sketch(column: Any) -> Sketch:
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind):
        values = column.cast("float64", safe=False).fill_null(float("nan"))
        return of_numbers(
            values.to_numpy(zero_copy_only=False) if hasattr(values, "to_numpy") else values
        )
    return of_words(column.cast("string").to_pylist())


def _batches(source: Path) -> "Iterator[pa.RecordBatch]":
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    if _is_parquet(source):
        with pq.ParquetFile(source, pre_buffer=False) as file:
            if kept := _sketched(file):
                yield from file.iter_batches(BATCH_ROWS, columns=kept, use_threads=False)
        return
    # NA is a word; only an empty cell is missing.
    options = pa_csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    with pa_csv.open_csv(
        source,
        pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        convert_options=options,
    ) as reader:
        yield from reader


def _is_parquet(source: Path) -> bool:
    with source.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET
