"""Tables as people send them (CSV, Parquet): every cell stays text, every fault has its row.

Rows are counted as people see them in an editor: the header is row 1.
"""

import csv
import difflib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.cells import CellsOf
from qa_assets.datasets.source import visible

if TYPE_CHECKING:
    import pyarrow as pa

_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_SEPARATORS = ";\t|"
_SHOWN = 40
_EXACT = 2.0**53
"""Floats of this size and more are no counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        number: As an editor counts it; the header is row 1.
        cells: Text by column.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delimited:
    """A table that could be read.

    Attributes:
        columns: In the order of the file.
        rows: The usable rows.
        findings: Rows that were set aside.
        spoilt: Every cell of those rows, as far as they could be told apart.
        nested: What is no single value, by column: those columns have no cells.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    findings: Sequence[Quarantined]
    spoilt: frozenset[str] = frozenset()
    nested: Mapping[str, str] = field(default_factory=dict[str, str])


def read_table_file(source: Path, needed: Sequence[str]) -> Delimited:
    """A CSV or Parquet file by its content.

    Args:
        source: The file.
        needed: Columns that must be there.

    Raises:
        InputRefused: ``CSV_MISSING``, ``CSV_EMPTY``, ``CSV_ENCODING``, ``CSV_QUOTE``,
            ``CSV_COLUMNS`` or ``LABEL_NUL``.
    """
    table = parse_table(bytes_of(source), source)
    require(table, needed, source)
    return table


def parse_table(body: bytes, source: Path) -> Delimited:
    """The bytes of a CSV or Parquet file; ``source`` is what messages call it.

    Raises:
        InputRefused: ``CSV_EMPTY``, ``CSV_ENCODING``, ``CSV_QUOTE``, ``CSV_COLUMNS`` or
            ``LABEL_NUL``.
    """
    return _read_parquet(body, source) if body.startswith(b"PAR1") else _read_csv(body, source)


def require(table: Delimited, needed: Sequence[str], source: Path) -> None:
    """Refuse a table without one of these columns, or without any row.

    Raises:
        InputRefused: ``CSV_COLUMNS``, ``CSV_NESTED`` or ``CSV_EMPTY``.
    """
    for column in needed:
        if column in table.nested:
            what = f"holds {table.nested[column]} in the column {visible(column)!r}."
            raise _refused("CSV_NESTED", source, what)
    _refuse_columns(table.columns, needed, source)
    if not table.rows and not table.findings:
        raise _refused("CSV_EMPTY", source, "has a header and no rows.")


def bytes_of(source: Path) -> bytes:
    """The whole file.

    Raises:
        InputRefused: ``CSV_MISSING``.
    """
    try:
        return source.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refused("CSV_MISSING", source, "does not exist, or is a folder.") from error


def _read_csv(body: bytes, source: Path) -> Delimited:
    text = _decoded(body, source)
    rows = _records(text, source)
    header = next(rows, None)
    if header is None or isinstance(header, Quarantined):
        raise _refused("CSV_EMPTY", source, "is empty.")
    columns = tuple(header[1])
    twice = [c for c, n in Counter(columns).items() if n > 1]
    if twice:
        raise _refused("CSV_COLUMNS", source, f"has the column {visible(twice[0])!r} twice.")
    good: list[Row] = []
    bad: list[Quarantined] = []
    spoilt: set[str] = set()
    cells_of = CellsOf(columns)
    for row in rows:
        if isinstance(row, Quarantined):
            bad.append(row)
        elif len(row[1]) != len(columns):
            what = f"has {len(row[1])} fields, the header has {len(columns)}."
            bad.append(Quarantined("CSV_RAGGED", f"{source.name} row {row[0]}", what))
            spoilt.update(row[1])
        else:
            good.append(Row(row[0], cells_of(row[1])))
    return Delimited(columns, good, bad, frozenset(spoilt))


def _decoded(body: bytes, source: Path) -> str:
    if not body:
        raise _refused("CSV_EMPTY", source, "is an empty file.")
    for mark, name in _MARKS.items():
        if body.startswith(mark):
            raise _refused("CSV_ENCODING", source, f"is {name}, not UTF-8.", "Save it as UTF-8.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = body.count(b"\n", 0, error.start) + 1
        what = f"has the byte 0x{body[error.start]:02x} at row {row}, which is not UTF-8."
        raise _refused("CSV_ENCODING", source, what, "Save it as UTF-8.") from error


def _records(text: str, source: Path) -> Iterator[tuple[int, list[str]] | Quarantined]:
    """Number and fields of each record; blank lines are counted and left out."""
    between = "\t" if source.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=between, strict=True)
    number = 0
    while True:
        number += 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" not in str(error):
                what = f"has a quote in row {number} that never closes, or text behind one."
                raise _refused("CSV_QUOTE", source, what, "Close it.") from error
            yield Quarantined("CSV_FIELD", f"{source.name} row {number}", "has a field too long.")
            continue
        if any("\0" in f for f in fields) and len(fields) == 1:
            raise _refused("LABEL_NUL", source, f"has NUL bytes at row {number} (torn write?).")
        if fields:
            yield number, fields


def _read_parquet(body: bytes, source: Path) -> Delimited:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(body))
    except (pa.ArrowException, OSError) as error:
        what = f"is no readable Parquet: {str(error).rstrip('.')}."
        raise _refused("CSV_ENCODING", source, what, "Write the Parquet file again.") from error
    kinds = {str(f.name): f.type for f in table.schema}
    nested = {n: f"values of type {visible(str(k))[:_SHOWN]}" for n, k in kinds.items()
              if pa.types.is_nested(k)} | _bytes_in(table)  # fmt: skip
    names = tuple(n for n in kinds if n not in nested)
    cells = [[as_text(v) for v in table[n].to_pylist()] for n in names]
    cells_of = CellsOf(names)
    rows = [
        Row(number, cells_of(values))
        for number, values in enumerate(zip(*cells, strict=True), start=2)
    ]
    return Delimited(names, rows, (), nested=nested)


def _bytes_in(table: "pa.Table") -> dict[str, str]:
    """Columns of bytes that are no text: some write text without saying that it is."""
    import pyarrow as pa

    found: dict[str, str] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            try:
                column.cast(pa.large_string())
            except pa.ArrowException:
                found[name] = "bytes that are no text"
    return found


def as_text(value: object) -> str:
    """A value as the text of a cell: missing is empty, and 3.0 is 3 as in a column of integers."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _refuse_columns(columns: tuple[str, ...], needed: Sequence[str], source: Path) -> None:
    missing = [c for c in needed if c not in columns]
    if not missing:
        return
    found = ", ".join(visible(c)[:_SHOWN] for c in columns[:20])
    remedy = f"Name the columns {','.join(needed)}."
    if len(columns) == 1 and (mark := next((s for s in _SEPARATORS if s in columns[0]), "")):
        hint = f"; is the separator {mark!r}?"
        remedy = "Save it with commas between the columns."
    else:
        near = difflib.get_close_matches(missing[0], [c.strip() for c in columns], n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
    what = f"has no column {' and no '.join(map(repr, missing))}; it has: {found}{hint or '.'}"
    raise _refused("CSV_COLUMNS", source, what, remedy)


def _refused(code: str, source: Path, what: str, remedy: str = "") -> InputRefused:
    return InputRefused.of(code, source.name, what, remedy)
