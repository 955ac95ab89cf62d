"""A suite is read strictly and run whole: what each expectation saw, and whom it concerns."""

import json
import logging
import logging.handlers
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.suites import Expectation, Outcome, Suite, read_suite, run_suite
from qa_assets.core.errors import InputRefused

TABLE = pd.DataFrame({
    "id": [f"s{i:02}" for i in range(30)], "x": range(30), "w": ["ä", "b", None] * 10,
    "none": [np.nan] * 30, "ü": [0] * 30,
})  # fmt: skip


def expected(kind: str, **kwargs: Any) -> Expectation:
    return Expectation(type=f"expect_{kind}", kwargs=kwargs)


def run(*expectations: Expectation) -> list[Outcome]:
    suite = Suite(name="made", expectations=expectations)
    return run_suite(suite, TABLE, key="id", file="made.json")


def test_each_outcome_stands_where_its_expectation_does() -> None:
    suite = (
        expected("column_values_to_be_in_set", column="w", value_set=["b"]),
        expected("table_row_count_to_be_between", min_value=31),
        expected("column_max_to_be_between", column="x", max_value=99),
        expected("column_values_to_be_between", column="nowhere", max_value=1),
        expected("column_values_to_be_between", column="none", max_value=1),
        expected("column_max_to_be_between", column="none", max_value=1),
        expected("table_columns_to_match_set", column_set=["id", "ü", "x", "w", "none"]),
        expected("column_values_to_not_be_null", column="w"),
    )
    found = run(*suite)
    assert [o.expectation for o in found] == list(suite)
    assert [o.holds for o in found] == [False, False, True, None, None, False, True, False]
    assert [o.observed for o in found] == [
        "10 of 30 rows differ", "30", "29",
        'could not be computed: Error: The column "nowhere" in BatchData does not exist.',
        "could not be computed: no value is there", '{"observed_value": null}',
        '["id", "none", "w", "x", "ü"]',
        "10 of 30 rows differ",
    ]  # fmt: skip
    assert found[0].failing[:2] == (("s00", "ä"), ("s03", "ä"))
    assert found[7].failing[0] == ("s02", "None")
    assert found[1].failing == found[3].failing == ()


def test_of_the_rows_that_fail_the_first_twenty_are_named() -> None:
    (found,) = run(expected("column_values_to_be_between", column="x", max_value=4))
    assert found.observed == "25 of 30 rows differ"
    assert found.failing == tuple((f"s{i:02}", str(i)) for i in range(5, 25))


def test_an_expectation_about_two_columns_names_its_rows_alone() -> None:
    (found,) = run(expected("column_pair_values_to_be_equal", column_A="x", column_B="none"))
    assert found.expectation.column == ""
    assert {value for _, value in found.failing} <= {""}


def test_a_run_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """Its log would reach whoever listens at the root; its progress would be drawn."""
    logging.getLogger("great_expectations").propagate = True
    listening = logging.handlers.BufferingHandler(10_000)
    logging.getLogger().addHandler(listening)
    try:
        run(expected("column_values_to_be_unique", column="id"))
    finally:
        logging.getLogger().removeHandler(listening)
    assert [r for r in listening.buffer if r.name.startswith("great_expectations")] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "arguments", "code"),
    [("luck", {}, "SUITE_UNKNOWN"), ("column_values_to_be_unique", {"colum": 1}, "SUITE_SYNTAX")],
)
def test_what_cannot_run_is_named_by_its_place(
    kind: str, arguments: dict[str, Any], code: str
) -> None:
    first = expected("table_row_count_to_be_between", min_value=1)
    with pytest.raises(InputRefused) as refused:
        run(first, expected(kind, **arguments))
    (problem,) = refused.value.problems
    assert (problem.code, problem.item) == (code, f"made.json: expectations.1 (expect_{kind})")


@pytest.mark.parametrize(
    ("body", "code", "item"),
    [
        (None, "SUITE_MISSING", "suite.json"),
        (b"\xff", "SUITE_SYNTAX", "suite.json"),
        (b"[]", "SUITE_SYNTAX", "suite.json: the whole file"),
        (b'{"name": "x", "expectations": [{"type": "a", "kwargs": {}, "severity": "high"}]}',
         "SUITE_SYNTAX", "suite.json: expectations.0.severity"),
    ],
)  # fmt: skip
def test_a_file_is_refused_with_the_place_of_its_fault(
    tmp_path: Path, body: bytes | None, code: str, item: str
) -> None:
    file = tmp_path / "suite.json"
    if body is not None:
        file.write_bytes(body)
    with pytest.raises(InputRefused) as refused:
        read_suite(file)
    problem = refused.value.problems[0]
    assert (problem.code, problem.item) == (code, item)


def test_what_is_read_is_all_that_was_written(tmp_path: Path) -> None:
    written = {
        "name": "größen",
        "expectations": [
            {"type": "a", "kwargs": {"column": "x"}, "severity": "info", "meta": {"reason": "r"}},
            {"type": "b", "kwargs": {}},
        ],
    }
    (tmp_path / "suite.json").write_text(json.dumps(written, ensure_ascii=False), "utf-8")
    suite = read_suite(tmp_path / "suite.json")
    first, second = suite.expectations
    assert (suite.name, first.column, first.severity) == ("größen", "x", "info")
    assert (first.meta, second.column, second.severity) == ({"reason": "r"}, "", "critical")
