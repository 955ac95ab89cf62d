"""What is said of a suite that does not hold: its cause, whom it concerns, and what is cut."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from qa_assets.checks.expectations import (
    expectations_hold_on_quality,
    expectations_hold_on_samples,
    expectations_hold_on_statistics,
)
from qa_assets.core.records.datasets import SAMPLES, STATISTICS, DatasetSnapshot, DatasetStatistics
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import table_bytes
from qa_assets.core.verdict import Verdict

ROWS = pd.DataFrame({"id": ["s0", "s1", "s2"], "width": [8, 8, 90], "height": [8, 70, 8],
                     "bytes": [50, 60, 700]})  # fmt: skip
SNAPSHOT = DatasetSnapshot(
    name="d", version="v", samples=3, classes=("a",), files={SAMPLES: table_bytes(ROWS)}
)
CLASSES = pd.DataFrame({"label": ["a", "b", "c"], "samples": [9, 2, 1], "share": [0.7, 0.2, 0.1],
                        "brightness_mean": [0.5, 0.9, 0.8],
                        "bytes_mean": [50, 60, 700]})  # fmt: skip
STATISTICS_OF = DatasetStatistics(
    samples=12, class_counts={}, groups=0, brightness_mean=0.5, brightness_std=0.1,
    files={STATISTICS: table_bytes(CLASSES)},
)  # fmt: skip


def at_most(column: str, limit: float, **more: object) -> dict[str, Any]:
    kwargs = {"column": column, "max_value": limit}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs, **more}


def suite(folder: Path, expectations: Sequence[dict[str, Any]]) -> Path:
    file = folder / "suite.json"
    file.write_text(json.dumps({"name": "made", "expectations": list(expectations)}))
    return file


def samples(folder: Path, *expectations: dict[str, Any]) -> Verdict:
    return expectations_hold_on_samples(SNAPSHOT, suite=suite(folder, expectations))


def statistics(folder: Path, *expectations: dict[str, Any]) -> Verdict:
    return expectations_hold_on_statistics(STATISTICS_OF, suite=suite(folder, expectations))


def test_what_fails_is_counted_and_every_sample_named_once(tmp_path: Path) -> None:
    verdict = samples(
        tmp_path, at_most("width", 10), at_most("height", 10), at_most("width", 20),
        at_most("width", 99),
    )  # fmt: skip
    assert (verdict.outcome, verdict.cause) == ("fail", "data.expectation_failed")
    assert (verdict.measured, verdict.limit) == (3.0, 0.0)
    assert verdict.where == {
        "expectation": "expect_column_values_to_be_between", "column": "width",
    }  # fmt: skip
    assert verdict.samples == ("s2", "s1")
    assert "3 of 4 critical expectations of 'made' do not hold" in verdict.summary
    assert verdict.evidence["failing rows"].columns == ("expectation", "id", "value")
    shown = verdict.evidence["expectations"]
    assert shown.columns == (
        "expectation", "column", "expected", "observed", "severity", "holds", "reason",
    )  # fmt: skip
    assert [row[5] for row in shown.rows] == ["no", "no", "no", "yes"]
    assert shown.rows[0][2] == '{"max_value": 10}'


def test_what_holds_measures_nothing_wrong(tmp_path: Path) -> None:
    verdict = samples(tmp_path, at_most("width", 99), at_most("height", 9, severity="warning"))
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("pass", 0.0, 0.0)
    assert verdict.summary == "1 critical expectations of 'made' hold; 1 that only warn do not"
    clean = samples(tmp_path, at_most("width", 99))
    assert clean.summary == "1 critical expectations of 'made' hold"
    assert clean.evidence.keys() == {"expectations"}


def test_too_many_or_too_few_has_a_cause_of_its_own(tmp_path: Path) -> None:
    rows = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}}
    counted = samples(tmp_path, rows)
    assert (counted.cause, counted.where["column"]) == ("data.counts", "")
    for column, limit in (("samples", 5), ("share", 0.5)):
        verdict = statistics(tmp_path, at_most(column, limit))
        assert (verdict.cause, verdict.where["column"]) == ("data.counts", column)
    both = samples(tmp_path, rows, at_most("width", 10))
    assert (both.cause, both.where["column"]) == ("data.expectation_failed", "width")


def test_the_size_of_files_is_named_only_where_nothing_says_more(tmp_path: Path) -> None:
    sized = samples(tmp_path, at_most("bytes", 99))
    assert (sized.cause, sized.where["column"]) == ("data.file_sizes", "bytes")
    assert sized.samples == ("s2",)
    said = statistics(tmp_path, at_most("bytes_mean", 99))
    assert (said.cause, said.where["class"]) == ("data.file_sizes", "c")
    more = samples(tmp_path, at_most("bytes", 99), at_most("height", 10))
    assert (more.cause, more.where["column"]) == ("data.expectation_failed", "height")
    few = statistics(tmp_path, at_most("bytes_mean", 99), at_most("samples", 5))
    assert (few.cause, few.where["column"]) == ("data.counts", "samples")


def test_rows_of_the_statistics_are_classes(tmp_path: Path) -> None:
    verdict = statistics(tmp_path, at_most("brightness_mean", 0.6))
    assert verdict.where["class"] == "b, c"
    assert verdict.samples == ()
    assert verdict.evidence["failing rows"].columns == ("expectation", "label", "value")


def test_measures_have_a_suite_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["s0", "s1"], "contrast": [0.2, 0.001]})
    measured = SampleQuality(samples=2, means={}, files={QUALITY: table_bytes(table)})
    file = suite(tmp_path, [at_most("contrast", 0.1)])
    verdict = expectations_hold_on_quality(measured, suite=file)
    assert (verdict.outcome, verdict.samples) == ("fail", ("s0",))
    assert "class" not in verdict.where
    few = replace(measured, files={QUALITY: table_bytes(table.iloc[1:])})
    assert expectations_hold_on_quality(few, suite=file).passed


def test_of_many_only_five_are_named_and_long_texts_are_cut(tmp_path: Path) -> None:
    six = [at_most("width", 10 + i) for i in range(6)]
    named = "expect_column_values_to_be_between(width)"
    assert samples(tmp_path, *six).summary.endswith(f"{', '.join([named] * 5)} and 1 more")
    assert samples(tmp_path, *six[:5]).summary.endswith(", ".join([named] * 5))
    reasons = ["w" * 160, "w" * 161]
    long = samples(tmp_path, *(at_most("width", 10, meta={"reason": r}) for r in reasons))
    shown = [row[6] for row in long.evidence["expectations"].rows]
    assert shown == ["w" * 160, "w" * 159 + "\u2026"]
    plain = {"type": "expect_table_columns_to_match_set", "kwargs": {}}
    bare = samples(tmp_path, at_most("width", 99), {**plain, "kwargs": {"column_set": ["ä"]}})
    assert bare.evidence["expectations"].rows[1][2] == '{"column_set": ["ä"]}'


def test_what_cannot_be_computed_is_shown_beside_the_rest(tmp_path: Path) -> None:
    verdict = samples(tmp_path, at_most("width", 99), at_most("nowhere", 1))
    assert verdict.outcome == "cannot tell"
    assert "could not be computed: expect_column_values_to_be_between(nowhere)" in verdict.summary
    assert [row[5] for row in verdict.evidence["expectations"].rows] == ["yes", "cannot tell"]
