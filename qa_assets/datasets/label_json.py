"""Labels as JSON: one object of label by file name, or one object a line."""

import json
from pathlib import Path
from typing import Any

from qa_assets.core.errors import InputRefused
from qa_assets.core.strict_json import read_strict
from qa_assets.datasets.delimited import Delimited, Row
from qa_assets.datasets.source import visible


def parse_label_json(body: bytes, source: Path) -> Delimited:
    """A JSON object of label by file name, as rows with ``filename`` and ``label``.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``, ``JSON_TYPE``.
    """
    pairs = _json_pairs(_json_text(body, source), source)
    rows: list[Row] = []
    for number, (name, label) in enumerate(pairs, start=1):
        if not isinstance(label, str):
            what = f"has a {type(label).__name__} as the label of {visible(name)!r}, text is right."
            raise _refused("JSON_TYPE", source, what)
        rows.append(Row(number, {"filename": name, "label": label}))
    return Delimited(("filename", "label"), rows, ())


def parse_json_lines(body: bytes, source: Path) -> Delimited:
    """One flat JSON object a line, as rows; the first line names the columns.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``, ``JSON_TYPE``.
    """
    rows: list[Row] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(_json_text(body, source).splitlines(), start=1):
        if line.strip():
            cells = {name: _cell(value) for name, value in _json_pairs(line, source)}
            columns |= dict.fromkeys(cells)
            rows.append(Row(number, cells))
    whole = [Row(r.number, {c: r.cells.get(c, "") for c in columns}) for r in rows]
    return Delimited(tuple(columns), whole, ())


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
        what = f"holds a {type(found).__name__}, an object of label by file name is right."
        raise _refused("JSON_TYPE", source, what)
    return list(found.items())


def _refused(code: str, source: Path, what: str) -> InputRefused:
    return InputRefused.of(code, source.name, what)
