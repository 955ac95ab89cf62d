"""Tables as people send them (CSV, JSON, Parquet): every cell stays text, every fault has its row.

Rows are counted as people see them in an editor: the header is row 1.
"""

import csv
import difflib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.source import visible

DEEPEST = 20
"""Levels of a JSON file."""
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_SEPARATORS = ";\t|"


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
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    findings: Sequence[Quarantined]
    spoilt: frozenset[str] = frozenset()


def read_table_file(source: Path, needed: Sequence[str]) -> Delimited:
    """A CSV or Parquet file by its content.

    Args:
        source: The file.
        needed: Columns that must be there.

    Raises:
        InputRefused: ``CSV_MISSING``, ``CSV_EMPTY``, ``CSV_ENCODING``, ``CSV_QUOTE``,
            ``CSV_COLUMNS`` or ``LABEL_NUL``.
    """
    try:
        body = source.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refused("CSV_MISSING", source, "does not exist, or is a folder.") from error
    table = _read_parquet(body, source) if body.startswith(b"PAR1") else _read_csv(body, source)
    _refuse_columns(table.columns, needed, source)
    if not table.rows and not table.findings:
        raise _refused("CSV_EMPTY", source, "has a header and no rows.")
    return table


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
    for row in rows:
        if isinstance(row, Quarantined):
            bad.append(row)
        elif len(row[1]) != len(columns):
            what = f"has {len(row[1])} fields, the header has {len(columns)}."
            bad.append(Quarantined("CSV_RAGGED", f"{source.name} row {row[0]}", what))
            spoilt.update(row[1])
        else:
            good.append(Row(row[0], dict(zip(columns, row[1], strict=True))))
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
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
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
        raise _refused("CSV_ENCODING", source, f"is no readable Parquet: {error}.") from error
    names = tuple(str(n) for n in table.column_names)
    cells = [
        ["" if v is None else str(v) for v in table[n].to_pylist()] for n in table.column_names
    ]
    rows = [
        Row(number, dict(zip(names, values, strict=True)))
        for number, values in enumerate(zip(*cells, strict=True), start=2)
    ]
    return Delimited(names, rows, ())


def _refuse_columns(columns: tuple[str, ...], needed: Sequence[str], source: Path) -> None:
    missing = [c for c in needed if c not in columns]
    if not missing:
        return
    found = ", ".join(visible(c)[:40] for c in columns[:20])
    if len(columns) == 1 and (mark := next((s for s in _SEPARATORS if s in columns[0]), "")):
        hint = f"is the separator {mark!r}?"
    else:
        near = difflib.get_close_matches(missing[0], [c.strip() for c in columns], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else ""
    what = f"has no column {' and no '.join(map(repr, missing))}; it has: {found} {hint}".rstrip()
    raise _refused("CSV_COLUMNS", source, f"{what}.", f"Name the columns {','.join(needed)}.")


def read_label_json(source: Path) -> Delimited:
    """A JSON object of label by file name, as rows with ``filename`` and ``label``.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``, ``JSON_TYPE``.
    """
    try:
        text = source.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refused("CSV_MISSING", source, "does not exist, or is a folder.") from error
    except UnicodeDecodeError as error:
        raise _refused("CSV_ENCODING", source, "is not UTF-8.") from error
    pairs = _json_pairs(text, source)
    rows: list[Row] = []
    for number, (name, label) in enumerate(pairs, start=1):
        if not isinstance(label, str):
            what = f"has a {type(label).__name__} as the label of {visible(name)!r}, text is right."
            raise _refused("JSON_TYPE", source, what)
        rows.append(Row(number, {"filename": name, "label": label}))
    return Delimited(("filename", "label"), rows, ())


def _json_pairs(text: str, source: Path) -> list[tuple[str, Any]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [k for k, n in Counter(k for k, _ in pairs).items() if n > 1]
        if twice:
            raise _refused("JSON_DUPLICATE", source, f"has the key {visible(twice[0])!r} twice.")
        return dict(pairs)

    def constant(word: str) -> Any:
        raise _refused("JSON_SYNTAX", source, f"has {word}, which is not JSON.")

    if _depth(text) > DEEPEST:
        raise _refused("JSON_DEPTH", source, f"is nested deeper than {DEEPEST} levels.")
    try:
        found = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except RecursionError as error:
        raise _refused("JSON_DEPTH", source, "is nested too deep.") from error
    except ValueError as error:  # among them an integer of too many digits
        raise _refused("JSON_SYNTAX", source, f"is no JSON: {str(error)[:200]}.") from error
    if not isinstance(found, dict):
        what = f"holds a {type(found).__name__}, an object of label by file name is right."
        raise _refused("JSON_TYPE", source, what)
    return list(found.items())


def _depth(text: str) -> int:
    """Deepest nesting, as far as brackets tell; those inside strings count too."""
    deepest = level = 0
    for c in text:
        level += (c in "[{") - (c in "]}")
        deepest = max(deepest, level)
    return deepest


def _refused(code: str, source: Path, what: str, remedy: str = "") -> InputRefused:
    return InputRefused.of(code, source.name, what, remedy)
