"""The suite of digits on what its pictures look like: a changed part of them moves a mean."""

from dataclasses import replace
from pathlib import Path

import pytest

from qa_assets.checks.expectations import expectations_hold_on_quality
from qa_assets.core.records.quality import QUALITY
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.quality import quality
from qa_assets_tests.datasets.samples import digits

SUITE = Path(__file__).parents[2] / "qa_assets/defs/digits/quality_suite.json"


@pytest.mark.parametrize("column", ["brightness", "contrast", "entropy", "sharpness"])
def test_a_tenth_of_the_pictures_is_enough_to_be_seen(column: str) -> None:
    measured = quality(digits()[0])
    table = read_table(measured, QUALITY)
    table.loc[::10, column] *= 0.7
    changed = replace(measured, files={QUALITY: table_bytes(table)})
    verdict = expectations_hold_on_quality(changed, suite=SUITE)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.expectation_failed")
    assert verdict.where["column"] == column
