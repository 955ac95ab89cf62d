"""A table of numbers judged cell by cell: nothing is guessed, every bad row is named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.delimited import Row, read_table_file
from qa_assets.datasets.source import visible

ID, LABEL = "id", "label"
OUTLIER = 20.0
"""Interquartile ranges from the median beyond which a value is no measurement."""
DRIFTED = 1.0
"""Standard deviations (pooled) between two means that are a change of unit or source."""
FEWEST = 2
_LARGEST = float(np.finfo(np.float32).max)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A table that could be read.

    Attributes:
        rows: The usable rows.
        numbers: Values by numeric column, float64, shape (row,).
        aside: Rows that are not usable.
        odd: What is used, or left out, by a stated rule.
        problems: What is wrong with whole columns.
    """

    rows: Sequence[Row]
    numbers: Mapping[str, NDArray[np.float64]]
    aside: Sequence[Quarantined]
    odd: Sequence[Remark]
    problems: Sequence[Problem]


def inspect_table(
    source: Path, columns: Sequence[str] = (), reference: Path | None = None
) -> Inspected:
    """Judge every cell, then every column.

    Args:
        source: CSV or Parquet with numbers, maybe ``id`` and ``label``.
        columns: The numeric columns it must have; by default all whose first cell is a number.
        reference: A table that its columns must look like.

    Raises:
        InputRefused: ``CSV_*``, or ``SET_CLASS_SMALL``: too few rows for any statistics.
    """
    table = read_table_file(source, columns)
    numeric = list(columns) or _numeric(table.rows, table.columns)
    odd: list[Remark] = []
    if columns:
        extra = [c for c in table.columns if c not in (*columns, ID, LABEL)]
        odd = [Remark("CSV_EXTRA", visible(c), "is not expected; it is left out.") for c in extra]
    aside, good = list(table.findings), list[Row]()
    seen: dict[str, int] = {}
    for row in table.rows:
        finding = _bad_cell(row, numeric, source) or _repeated(row, seen, source)
        if finding:
            aside.append(finding)
        else:
            good.append(row)
    if len(good) < FEWEST and not aside:
        what = f"has {len(good)} row; no statistics are possible."
        raise InputRefused.of("SET_CLASS_SMALL", source.name, what)
    numbers = {c: np.array([float(r.cells[c]) for r in good]) for c in numeric}
    problems = [*_columns(numbers), *_leaks(good, table.columns)]
    if reference is not None:
        problems += _against(numbers, inspect_table(reference, columns).numbers)
    return Inspected(good, numbers, aside, odd, problems)


def _numeric(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    first = rows[0].cells if rows else {}
    return [c for c in columns if c not in (ID, LABEL) and _NUMBER.fullmatch(first.get(c, ""))]


def _bad_cell(row: Row, numeric: Sequence[str], source: Path) -> Quarantined | None:
    for column in numeric:
        text = row.cells[column]
        item = f"{source.name} row {row.number}: {column}"
        if not text.strip():
            return Quarantined("FEAT_MISSING", item, "is empty.", "Fill it in, or drop the row.")
        if _NOT_FINITE.fullmatch(text):
            return Quarantined("FEAT_NONFINITE", item, f"is {text}.")
        if not _NUMBER.fullmatch(text):
            what = f"is {visible(text)!r}, which is not a number as computers write it."
            return Quarantined("FEAT_TYPE", item, what, "Write it with a point and nothing else.")
        if abs(float(text)) > _LARGEST:
            return Quarantined("FEAT_NONFINITE", item, f"is {text}, infinite as float32.")
    return None


def _repeated(row: Row, seen: dict[str, int], source: Path) -> Quarantined | None:
    key = row.cells.get(ID)
    if key is None:
        return None
    if key in seen:
        item = f"{source.name} row {row.number}: {visible(key)}"
        return Quarantined("FEAT_DUPLICATE", item, f"repeats the id of row {seen[key]}.")
    seen[key] = row.number
    return None


def _columns(numbers: Mapping[str, NDArray[np.float64]]) -> Iterator[Problem]:
    for name, values in numbers.items():
        low, middle, high = np.percentile(values, [25, 50, 75])
        if values.min() == values.max():
            yield Problem("FEAT_CONSTANT", visible(name), f"is {values[0]:g} in every row.")
            continue
        spread = (high - low) or values.std()
        far = np.abs(values - middle) > OUTLIER * spread
        negative = values < 0 if (values < 0).mean() <= 1 / OUTLIER * 2 else np.zeros_like(far)
        for value in values[far | negative][:5]:
            what = f"is {value:g} once; half of the values are in [{low:g}, {high:g}]."
            yield Problem("FEAT_RANGE", visible(name), what, "Correct it, or state a range.")


def _leaks(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[Problem]:
    """Columns other than numbers of many values that say the label outright."""
    labels = [r.cells.get(LABEL, "") for r in rows]
    if len(set(labels)) < FEWEST:
        return
    for name in columns:
        if name in (ID, LABEL):
            continue
        by_value: dict[str, set[str]] = {}
        for row, label in zip(rows, labels, strict=True):
            by_value.setdefault(row.cells[name], set()).add(label)
        few = len(by_value) <= len(rows) / FEWEST
        if few and len(by_value) > 1 and all(len(s) == 1 for s in by_value.values()):
            yield Problem("FEAT_LEAK", visible(name), "determines the label in every row.")


def _against(
    numbers: Mapping[str, NDArray[np.float64]], before: Mapping[str, NDArray[np.float64]]
) -> Iterator[Problem]:
    for name in numbers.keys() & before.keys():
        old, new = before[name], numbers[name]
        pooled = float(np.sqrt((old.var() + new.var()) / 2)) or 1.0
        effect = abs(float(new.mean() - old.mean())) / pooled
        if effect > DRIFTED:
            what = (
                f"moved by {effect:.1f} standard deviations, from {old.mean():g} to {new.mean():g}."
            )
            yield Problem("FEAT_DRIFT", visible(name), what)
