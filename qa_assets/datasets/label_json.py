"""Labels as JSON: one object of label by file name, or one object a line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_assets.core.errors import InputRefused
from qa_assets.core.strict_json import read_strict
from qa_assets.datasets.cells import CellsOf
from qa_assets.datasets.delimited import Delimited, Row
from qa_assets.datasets.source import visible

_NESTED: Mapping[type, str] = {list: "a list", dict: "an object"}


def parse_label_json(body: bytes, source: Path) -> Delimited:
    """A JSON object of label by file name, as rows with ``filename`` and ``label``.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``, ``JSON_TYPE``.
    """
    pairs = _json_pairs(_json_text(body, source), source)
    rows: list[Row] = []
    cells_of = CellsOf(("filename", "label"))
    for number, (name, label) in enumerate(pairs, start=1):
        if not isinstance(label, str):
            what = f"has a {type(label).__name__} as the label of {visible(name)!r}, text is right."
            raise _refused("JSON_TYPE", source, what)
        rows.append(Row(number, cells_of((name, label))))
    return Delimited(("filename", "label"), rows, ())


def parse_json_lines(body: bytes, source: Path) -> Delimited:
    """One flat JSON object a line, as rows; the first line names the columns.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``, ``JSON_TYPE``.
    """
    rows: list[Row] = []
    columns: dict[str, None] = {}
    nested: dict[str, str] = {}
    for number, line in enumerate(_json_text(body, source).split("\n"), start=1):
        if line.strip():
            pairs = dict(_json_pairs(line, source.with_name(f"{source.name} row {number}")))
            found = {n: f"{_NESTED[type(v)]} (row {number})" for n, v in pairs.items()
                     if type(v) in _NESTED}  # fmt: skip
            nested = found | nested
            cells = {name: _cell(value) for name, value in pairs.items()}
            columns |= dict.fromkeys(cells)
            rows.append(Row(number, cells))
    names = tuple(c for c in columns if c not in nested)
    cells_of = CellsOf(names)
    whole = [Row(r.number, cells_of(r.cells.get(c, "") for c in names)) for r in rows]
    return Delimited(names, whole, (), nested=nested)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _json_text(body: bytes, source: Path) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("CSV_ENCODING", source, "is not UTF-8.") from error


def _json_pairs(text: str, source: Path) -> list[tuple[str, Any]]:
    found = read_strict(text, source.name)
    if not isinstance(found, dict):
        what = f"holds a {type(found).__name__}, an object is right."
        raise _refused("JSON_TYPE", source, what)
    return list(found.items())


def _refused(code: str, source: Path, what: str) -> InputRefused:
    return InputRefused.of(code, source.name, what)
