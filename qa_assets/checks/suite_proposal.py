"""A suite of expectations proposed from a table as it is, for a person to review and commit.

Bounds have head-room, so that more data of the same kind, or half of it, pass; a person who knows
the data can draw them tighter.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["critical", "warning"]
Expected = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HeadRoom:
    """How far beyond what was seen the bounds lie.

    Attributes:
        spread: Share of the range of a column that its values may leave it by.
        share: Relative head-room where the range is small, as of a statistic of classes.
        fewest: Share of the rows that must be there at least.
        most: How many times the rows there may be.
        errors: Standard errors by which a column's mean may move.
        words: Most different words for which the words themselves are expected.
        seen: Rows with a word from which on it must be there again.
    """

    spread: float = 0.25
    share: float = 0.1
    fewest: float = 0.4
    most: float = 4.0
    errors: float = 8.0
    words: int = 200
    seen: int = 20


NOT_BOUNDED = ("group", "name", "noticed", "odd_measure", "part")
"""Columns whose values say nothing about the next version, beside whether they are there."""
COUNTS = ("samples", "share", "copies")
"""Columns that follow from how many samples there are."""
_DIGITS, _TINY = 4, 1e-290


def propose(
    table: "pd.DataFrame", *, name: str, key: str, room: HeadRoom | None = None
) -> Expected:
    """Expectations about every column of a table that says something about its next version.

    Args:
        table: As it is now; whoever reviews the suite vouches that it is right.
        name: Of the suite.
        key: The column that names a row.
        room: How far beyond what was seen the bounds lie.
    """
    room = room or HeadRoom()
    found = [*_of_table(table, key, room)]
    for column in table.columns:
        if column != key:
            found += _of_column(table[column], column, room)
    about = "Proposed from the data as they were: review every bound, say why, and commit it."
    return {"name": name, "meta": {"about": about}, "expectations": found}


def _of_table(table: "pd.DataFrame", key: str, room: HeadRoom) -> Iterator[Expected]:
    columns = {"column_set": list(table.columns), "exact_match": True}
    yield _expect("expect_table_columns_to_match_set", "Whatever reads it finds these.", **columns)
    per_sample = key == "id"
    rows = len(table)
    bounds = {
        "min_value": math.floor(rows * room.fewest) if per_sample else rows,
        "max_value": math.ceil(rows * room.most) if per_sample else rows,
    }
    yield _expect("expect_table_row_count_to_be_between", f"There were {rows} rows.", **bounds)
    yield _expect("expect_column_values_to_be_unique", "It names one row.", column=key)
    if per_sample:
        digest = {"column": key, "regex": "^[0-9a-f]{64}$"}
        yield _expect("expect_column_values_to_match_regex", "A SHA-256 digest.", **digest)
    else:
        yield from _of_words(table[key], key, room)


def _of_column(values: Any, column: str, room: HeadRoom) -> Iterator[Expected]:
    if not len(values) or values.isna().all():
        return
    if not values.isna().any():
        yield _expect("expect_column_values_to_not_be_null", "None was missing.", column=column)
    if column in NOT_BOUNDED:
        return
    if values.dtype.kind in "iuf":
        yield from _of_numbers(values, column, room)
    else:
        yield from _of_words(values, column, room)


def _of_numbers(values: Any, column: str, room: HeadRoom) -> Iterator[Expected]:
    seen = values.dropna().to_numpy(np.float64)
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return
    low, high = float(seen.min()), float(seen.max())
    said = f"It was {low:.4g} to {high:.4g}."
    if column in COUNTS:
        least = low * room.fewest if column == "samples" else low * room.share
        bounds = {"min_value": _outward(least, -1), "max_value": _outward(high * room.most, 1)}
        yield _expect("expect_column_values_to_be_between", said, column=column, **bounds)
        return
    more = 0.0 if low == high and low.is_integer() else _slack(low, high, room)
    below = max(0.0, low - more) if low >= 0 else low - more
    bounds = {"min_value": _outward(below, -1), "max_value": _outward(high + more, 1)}
    yield _expect("expect_column_values_to_be_between", said, column=column, **bounds)
    mean, error = float(seen.mean()), float(seen.std()) / math.sqrt(len(seen))
    if error and len(seen) >= room.seen:
        away = room.errors * error
        bounds = {"min_value": _outward(mean - away, -1), "max_value": _outward(mean + away, 1)}
        said = f"The mean was {mean:.4g}: a shift of all values shows here first."
        yield _expect("expect_column_mean_to_be_between", said, column=column, **bounds)


def _slack(low: float, high: float, room: HeadRoom) -> float:
    return max(room.spread * (high - low), room.share * max(abs(low), abs(high)))


def _of_words(values: Any, column: str, room: HeadRoom) -> Iterator[Expected]:
    counts = values.dropna().astype(str).value_counts()
    if len(counts) > room.words:
        return
    known = sorted(counts.index)
    yield _expect(
        "expect_column_values_to_be_in_set", "No other was there.", column=column, value_set=known
    )
    usual = sorted(counts.index[counts >= room.seen]) if len(values) > len(counts) else known
    if usual:
        said = "Each of them was there often enough to be missed."
        yield _expect(
            "expect_column_distinct_values_to_contain_set", said, column=column, value_set=usual
        )


def _expect(kind: str, reason: str, **arguments: Any) -> Expected:
    return {
        "type": kind, "kwargs": arguments, "severity": "critical", "meta": {"reason": reason},
    }  # fmt: skip


def _outward(value: float, side: Literal[-1, 1]) -> float:
    """``value`` with few digits, never nearer to what was seen."""
    if abs(value) < _TINY or float(value).is_integer():
        return float(value)
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    steps = math.floor(value / step) if side < 0 else math.ceil(value / step)
    return float(f"{steps * step:.{_DIGITS + 2}g}")
