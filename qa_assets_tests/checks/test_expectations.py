import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_assets.checks.expectations import (
    expectations_hold_on_quality,
    expectations_hold_on_samples,
    expectations_hold_on_statistics,
)
from qa_assets.checks.suites import read_suite
from qa_assets.core.check import CHECKS
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES, STATISTICS, DatasetSnapshot
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.core.verdict import Verdict
from qa_assets.datasets.quality import quality
from qa_assets_tests.datasets.samples import digits

SUITES = Path(__file__).parents[2] / "qa_assets/defs/digits"
SAMPLES_SUITE = SUITES / "samples_suite.json"
STATISTICS_SUITE = SUITES / "statistics_suite.json"
QUALITY_SUITE = SUITES / "quality_suite.json"


def suite(folder: Path, *expectations: dict[str, Any]) -> Path:
    file = folder / "suite.json"
    file.write_text(json.dumps({"name": "made", "expectations": expectations}))
    return file


def between(column: str, low: float, high: float, **more: object) -> dict[str, Any]:
    limits = {"column": column, "min_value": low, "max_value": high}
    return {"type": "expect_column_values_to_be_between", "kwargs": limits, **more}


def changed(**columns: object) -> DatasetSnapshot:
    """Digits with some values of the first rows replaced."""
    taken, _, _ = digits()
    table = read_table(taken, SAMPLES)
    for name, value in columns.items():
        table.loc[:2, name] = value
    return replace(taken, files={SAMPLES: table_bytes(table)})


def rows(verdict: Verdict) -> list[dict[str, Any]]:
    shown = verdict.evidence["expectations"]
    return [dict(zip(shown.columns, row, strict=True)) for row in shown.rows]


def test_the_suites_of_digits_hold_and_every_expectation_is_shown() -> None:
    taken, _, numbers = digits()
    for verdict, file in (
        (expectations_hold_on_samples(taken, suite=SAMPLES_SUITE), SAMPLES_SUITE),
        (expectations_hold_on_statistics(numbers, suite=STATISTICS_SUITE), STATISTICS_SUITE),
        (expectations_hold_on_quality(quality(taken), suite=QUALITY_SUITE), QUALITY_SUITE),
    ):
        assert verdict.passed, verdict.summary
        assert "only warn" not in verdict.summary
        written = [e.type for e in read_suite(file).expectations]
        assert [r["expectation"] for r in rows(verdict)] == written  # in the order of the file
        assert all(r["holds"] == "yes" and r["reason"] and r["observed"] for r in rows(verdict))
        assert verdict.metadata()["outcome"] == "pass"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "x"),
        ("label", "ten"),
        ("label", None),
        ("group", ""),
        ("group", "block12"),
        ("width", 9),
        ("height", 7),
        ("mode", "RGB"),
        ("format", "JPEG"),
    ],
)
def test_the_samples_suite_of_digits_catches(column: str, value: object) -> None:
    verdict = expectations_hold_on_samples(changed(**{column: value}), suite=SAMPLES_SUITE)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.expectation_failed")
    assert verdict.where["column"] == column
    if column != "id":
        assert set(read_table(digits()[0], SAMPLES)["id"][:3]) <= set(verdict.samples)


def test_the_samples_suite_of_digits_only_warns_of_what_is_bearable() -> None:
    verdict = expectations_hold_on_samples(changed(bytes=5000, copies=2), suite=SAMPLES_SUITE)
    assert verdict.passed
    assert "2 that only warn do not" in verdict.summary
    assert {r["column"] for r in rows(verdict) if r["holds"] == "no"} == {"bytes", "copies"}
    assert len(verdict.evidence["failing rows"].rows) == 6


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("label", "0"),
        ("samples", 400),
        ("share", 0.2),
        ("brightness_mean", 0.7),
        ("brightness_std", 0.0),
        ("contrast_mean", 0.01),
        ("width_max", 16),
        ("height_max", 16),
    ],
)
def test_the_statistics_suite_of_digits_catches(column: str, value: object) -> None:
    _, _, numbers = digits()
    table = read_table(numbers, STATISTICS)
    table[column] = value
    wrong = replace(numbers, files={STATISTICS: table_bytes(table)})
    verdict = expectations_hold_on_statistics(wrong, suite=STATISTICS_SUITE)
    assert verdict.outcome == "fail"
    assert column in verdict.summary
    assert verdict.samples == ()  # its rows are classes


def test_failing_samples_are_named_with_their_values(tmp_path: Path) -> None:
    file = suite(tmp_path, between("bytes", 100, 200, meta={"reason": "why"}))
    verdict = expectations_hold_on_samples(changed(bytes=7), suite=file)
    ids = tuple(read_table(digits()[0], SAMPLES)["id"][:3])
    assert verdict.outcome == "fail"
    assert (verdict.measured, verdict.limit) == (1.0, 0.0)
    assert sorted(verdict.samples) == sorted(ids)
    found = verdict.evidence["failing rows"].rows
    assert sorted(found) == sorted(
        ("expect_column_values_to_be_between(bytes)", i, "7") for i in ids
    )
    (row,) = rows(verdict)
    assert (row["observed"], row["severity"], row["reason"]) == (
        "3 of 1797 rows differ",
        "critical",  # the default
        "why",
    )
    assert json.loads(row["expected"]) == {"min_value": 100, "max_value": 200}


def test_what_cannot_be_computed_is_never_a_pass(tmp_path: Path) -> None:
    for severity in ("critical", "warning"):
        wrong = between("nowhere", 0, 1, severity=severity)
        file = suite(tmp_path, between("bytes", 0, 9999), wrong)
        verdict = expectations_hold_on_samples(digits()[0], suite=file)
        assert verdict.outcome == "cannot tell"
        assert "nowhere" in verdict.summary
        assert "could not be computed" in rows(verdict)[1]["observed"]
        assert rows(verdict)[1]["holds"] == "cannot tell"


def test_a_column_without_values_is_never_a_pass(tmp_path: Path) -> None:
    taken, _, _ = digits()
    table = read_table(taken, SAMPLES).assign(bytes=np.nan)
    empty = replace(taken, files={SAMPLES: table_bytes(table)})
    verdict = expectations_hold_on_samples(empty, suite=suite(tmp_path, between("bytes", 0, 1)))
    assert verdict.outcome == "cannot tell"


def test_a_failure_outweighs_what_cannot_be_computed(tmp_path: Path) -> None:
    file = suite(tmp_path, between("nowhere", 0, 1), between("bytes", 0, 1))
    assert expectations_hold_on_samples(digits()[0], suite=file).outcome == "fail"


def test_a_suite_that_can_only_warn_judges_nothing(tmp_path: Path) -> None:
    file = suite(tmp_path, between("bytes", 0, 1, severity="info"))
    verdict = expectations_hold_on_samples(digits()[0], suite=file)
    assert verdict.outcome == "cannot tell"
    assert "judges nothing" in verdict.summary


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (b"{", "SUITE_SYNTAX", "suite.json"),
        (b"\xff\xfe", "SUITE_SYNTAX", "suite.json"),
        (b"[]", "SUITE_SYNTAX", "suite.json"),
        (b'{"name": "x"}', "SUITE_SYNTAX", "expectations"),
        (b'{"name": "x", "expectations": []}', "SUITE_SYNTAX", "expectations"),
        (b'{"name": "x", "expectations": [{"kwargs": {}}]}', "SUITE_SYNTAX", "expectations.0.type"),
        (b'{"name": "x", "expectations": [{"type": "a", "kwargs": {}, "severity": "high"}]}',
         "SUITE_SYNTAX", "expectations.0.severity"),
        (b'{"name": "x", "expectations": [{"type": "a", "kwargs": {}, "expected": 1}]}',
         "SUITE_SYNTAX", "expectations.0.expected"),
        (b'{"name": "x", "expectations": [{"type": "expect_luck", "kwargs": {}}]}',
         "SUITE_UNKNOWN", "expectations.0 (expect_luck)"),
        (b'{"name": "x", "expectations": [{"type": "expect_column_values_to_be_unique",'
         b' "kwargs": {"colum": "id"}}]}', "SUITE_SYNTAX", "expect_column_values_to_be_unique"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_suite_is_refused(
    tmp_path: Path, text: bytes, code: str, named: str
) -> None:
    file = tmp_path / "suite.json"
    file.write_bytes(text)
    with pytest.raises(InputRefused) as caught:
        expectations_hold_on_samples(digits()[0], suite=file)
    problem = caught.value.problems[0]
    assert problem.code == code
    assert problem.item.startswith("suite.json")
    assert named in problem.item


def test_a_missing_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="SUITE_MISSING"):
        expectations_hold_on_samples(digits()[0], suite=tmp_path / "none.json")


def test_a_suite_that_great_expectations_wrote_is_read(tmp_path: Path) -> None:
    import great_expectations as gx

    native = gx.ExpectationSuite(name="theirs", expectations=[between("bytes", 0, 9999)])
    (tmp_path / "suite.json").write_text(json.dumps(native.to_json_dict()))
    verdict = expectations_hold_on_samples(digits()[0], suite=tmp_path / "suite.json")
    assert verdict.passed


def test_the_suite_is_a_threshold_that_names_a_file() -> None:
    chosen = CHECKS["expectations_hold_on_samples"].thresholds(suite="samples_suite.json")
    assert chosen.model_dump() == {"suite": Path("samples_suite.json")}


PROBE = """
import logging, socket, sys
logging.basicConfig(level=logging.INFO)
from pathlib import Path
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
before = set(sys.modules)
from qa_assets.checks import data_integrity, expectations, suites
heavy = {"great_expectations", "pandas", "pyarrow", "PIL", "sklearn"} & set(sys.modules)
assert not heavy, heavy
import pandas as pd
found = suites.run_suite(
    suites.read_suite(Path(sys.argv[1])), pd.DataFrame({"id": ["a"], "bytes": [1]}),
    key="id", file="x",
)
assert [o.holds for o in found] == [True], found
"""


@pytest.mark.slow
def test_it_is_light_to_import_and_silent_to_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = suite(tmp_path, between("bytes", 0, 9))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(file)], cwd=home, capture_output=True, text=True,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": str(SUITES.parents[2]),
             "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == []
