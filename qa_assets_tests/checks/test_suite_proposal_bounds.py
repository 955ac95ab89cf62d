"""Which expectations a table gives, with which bounds: numbers that were worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.suite_proposal import HeadRoom, propose

BETWEEN, MEAN = "expect_column_values_to_be_between", "expect_column_mean_to_be_between"
IN_SET, CONTAIN = (
    "expect_column_values_to_be_in_set",
    "expect_column_distinct_values_to_contain_set",
)
NOT_NULL, UNIQUE = "expect_column_values_to_not_be_null", "expect_column_values_to_be_unique"
ROWS, COLUMNS = "expect_table_row_count_to_be_between", "expect_table_columns_to_match_set"
DIGEST = "expect_column_values_to_match_regex"


def of(
    columns: dict[str, Any], *, key: str = "id", room: HeadRoom | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Arguments by type and column; ids are added where the key is one."""
    count = len(next(iter(columns.values())))
    ids = {"id": [f"{i:064x}" for i in range(count)]} if key == "id" else {}
    body = propose(pd.DataFrame({**ids, **columns}), name="x", key=key, room=room)
    return {
        (e["type"], e["kwargs"].get("column", "")): {
            k: v for k, v in e["kwargs"].items() if k != "column"
        }
        for e in body["expectations"]
    }


def bounds(values: list[float], column: str = "x", **more: Any) -> tuple[float, float] | None:
    found = of({column: values}, **more).get((BETWEEN, column))
    return found and (found["min_value"], found["max_value"])


def test_a_table_of_samples_may_shrink_and_grow_and_names_each_once() -> None:
    found = of({"x": [0.5] * 26})
    assert found[COLUMNS, ""] == {"column_set": ["id", "x"], "exact_match": True}
    assert found[ROWS, ""] == {"min_value": 10, "max_value": 104}
    assert found[UNIQUE, "id"] == {}
    assert found[DIGEST, "id"] == {"regex": "^[0-9a-f]{64}$"}
    assert {column for _, column in found} == {"", "id", "x"}
    assert (IN_SET, "id") not in found


def test_a_table_of_classes_keeps_its_rows() -> None:
    found = of({"label": ["b", "a", "c"], "samples": [40, 60, 100], "share": [0.2, 0.3, 0.5]},
               key="label")  # fmt: skip
    assert found[ROWS, ""] == {"min_value": 3, "max_value": 3}
    assert (DIGEST, "label") not in found
    assert found[IN_SET, "label"] == found[CONTAIN, "label"] == {"value_set": ["a", "b", "c"]}
    assert found[BETWEEN, "samples"] == {"min_value": 16, "max_value": 400}
    assert found[BETWEEN, "share"] == {"min_value": 0.02, "max_value": 2}
    assert (MEAN, "samples") not in found


def test_copies_may_become_more_and_few() -> None:
    found = of({"copies": [1, 2] * 20})
    assert found[BETWEEN, "copies"] == {"min_value": 0.1, "max_value": 8}
    assert (MEAN, "copies") not in found, "it follows from how many there are"


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([10, 20], (7.5, 22.5)),  # a quarter of the range
        ([100, 101], (89.9, 111.1)),  # a tenth of the largest, where the range is small
        ([-101, -100], (-111.1, -89.9)),
        ([-10, 10], (-15, 15)),
        ([0.5, 20], (0, 24.88)),  # what was never negative need not become so
        ([0, 20], (0, 25)),
        ([8, 8], (8, 8)),  # one whole number is expected again
        ([0.5, 0.5], (0.45, 0.55)),
        ([1.23456, 3.45678], (0.679, 4.013)),  # four digits, outward
        ([0, 123_456], (0, 154_320)),  # a whole number has all of its digits
        ([3.0, math.nan, 5.0], (2.5, 5.5)),
        ([3.0, math.inf, 5.0], (2.5, 5.5)),
        ([math.inf, math.inf], None),
    ],
)
def test_numbers_have_head_room(values: list[float], right: tuple[float, float] | None) -> None:
    assert bounds(values) == right


def test_head_room_is_whose_who_asks() -> None:
    assert bounds([10, 20], room=HeadRoom(spread=1.0)) == (0, 30)
    assert bounds([100, 101], room=HeadRoom(share=0.5)) == (49.5, 151.5)


def test_a_mean_may_move_by_eight_of_its_standard_errors() -> None:
    values = np.random.default_rng(0).normal(100, 10, 20)
    found = of({"x": values})[MEAN, "x"]
    away = 8 * values.std() / math.sqrt(20)
    assert found["min_value"] == pytest.approx(values.mean() - away, rel=2e-3)
    assert found["max_value"] == pytest.approx(values.mean() + away, rel=2e-3)
    assert found["min_value"] <= values.mean() - away < values.mean() + away <= found["max_value"]
    assert (MEAN, "x") not in of({"x": values[:19]}), "too few to know it"
    assert (MEAN, "x") not in of({"x": [8.0] * 20}), "none can move"


@pytest.mark.parametrize("column", ["group", "name", "noticed", "odd_measure", "part"])
def test_what_says_nothing_about_the_next_version_is_only_to_be_there(column: str) -> None:
    found = of({column: ["a", "b"]})
    assert {kind for kind, of_column in found if of_column == column} == {NOT_NULL}
    other = of({"another": ["a", "a"]})
    assert {kind for kind, of_column in other if of_column == "another"} == {NOT_NULL, IN_SET}


def test_a_column_with_gaps_may_have_them_again() -> None:
    found = of({"word": ["a", None, "a"], "full": ["a", "b", "a"]})
    assert (NOT_NULL, "word") not in found
    assert (NOT_NULL, "full") in found
    assert found[IN_SET, "word"] == {"value_set": ["a"]}


def test_words_seen_often_are_to_be_there_again() -> None:
    found = of({"word": ["b"] * 19 + ["a"] * 20})
    assert found[IN_SET, "word"] == {"value_set": ["a", "b"]}
    assert found[CONTAIN, "word"] == {"value_set": ["a"]}
    assert (CONTAIN, "word") not in of({"word": ["a", "a", "b", "b"]})


def test_too_many_words_are_none_to_be_listed() -> None:
    words = [f"w{i:03}" for i in range(201)]
    assert (IN_SET, "word") not in of({"word": words})
    assert of({"word": words[:200]})[IN_SET, "word"] == {"value_set": words[:200]}


def test_an_empty_table_expects_only_its_columns() -> None:
    assert {kind for kind, _ in of({"x": []})} == {COLUMNS, ROWS, UNIQUE, DIGEST}


def test_every_expectation_decides_and_says_why() -> None:
    table = pd.DataFrame({"id": ["a" * 64], "x": [1.5]})
    body = propose(table, name="mine", key="id")
    assert body.keys() == {"name", "meta", "expectations"}
    assert body["name"] == "mine"
    assert "review every bound" in body["meta"]["about"]
    for expected in body["expectations"]:
        assert expected.keys() == {"type", "kwargs", "severity", "meta"}
        assert expected["severity"] == "critical"
        assert expected["meta"]["reason"]
