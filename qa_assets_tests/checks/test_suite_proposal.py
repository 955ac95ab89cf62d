"""A proposed suite holds on its own data and on half of it, and catches planted faults."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.checks.expectations import (
    expectations_hold_on_quality,
    expectations_hold_on_samples,
    expectations_hold_on_statistics,
)
from qa_assets.checks.suite_proposal import propose
from qa_assets.core.records.datasets import SAMPLES, STATISTICS
from qa_assets.core.records.quality import QUALITY
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.core.verdict import Verdict
from qa_assets.datasets.class_table import by_class
from qa_assets.datasets.quality import quality
from qa_assets_tests.datasets.samples import digits

CHECKS = {
    "samples": (expectations_hold_on_samples, SAMPLES, "id"),
    "quality": (expectations_hold_on_quality, QUALITY, "id"),
    "statistics": (expectations_hold_on_statistics, STATISTICS, "label"),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    snapshot, _, statistics = digits()
    records = {"samples": snapshot, "quality": quality(snapshot), "statistics": statistics}
    return {name: read_table(records[name], CHECKS[name][1]) for name in CHECKS}


@pytest.fixture(scope="module")
def suites(
    tables: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("suites")
    for name, (_, _, key) in CHECKS.items():
        body = propose(tables[name], name=name, key=key)
        (folder / f"{name}.json").write_text(json.dumps(body))
    return {name: folder / f"{name}.json" for name in CHECKS}


def judged(name: str, table: pd.DataFrame, suite: Path) -> Verdict:
    check, file, _ = CHECKS[name]
    snapshot, _, statistics = digits()
    record: Any = {"samples": snapshot, "quality": quality(snapshot), "statistics": statistics}
    return check(replace(record[name], files={file: table_bytes(table)}), suite=suite)


def half_of(tables: dict[str, pd.DataFrame], name: str, seed: int) -> pd.DataFrame:
    chosen = tables["samples"].sample(frac=0.5, random_state=seed).sort_values("id")
    if name == "samples":
        return chosen
    measured = tables["quality"].set_index("id").loc[list(chosen["id"])].reset_index()
    if name == "quality":
        return measured
    whole = chosen.reset_index(drop=True)
    for column in ("brightness", "contrast"):
        whole[column] = measured[column].astype("float64")
    return by_class(whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_it_holds_on_its_own_data_and_on_halves(
    tables: dict[str, pd.DataFrame], suites: dict[str, Path], name: str
) -> None:
    own = judged(name, tables[name], suites[name])
    assert own.passed, own.summary
    for seed in range(4):
        found = judged(name, half_of(tables, name, seed), suites[name])
        assert found.passed, found.summary


FAULTS: list[tuple[str, str, object]] = [
    ("samples", "label", "ten"), ("samples", "label", None), ("samples", "mode", "RGB"),
    ("samples", "width", 9), ("samples", "id", "x"), ("samples", "bytes", 90_000),
    ("samples", "format", "JPEG"),
    ("quality", "brightness", 0.8), ("quality", "contrast", 0.0), ("quality", "entropy", np.nan),
    ("quality", "sharpness", 9.0), ("quality", "label", "ten"), ("quality", "width", 16),
    ("statistics", "label", "ten"), ("statistics", "samples", 20),
    ("statistics", "brightness_mean", 0.7), ("statistics", "width_max", 32),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "column", "value"), FAULTS)
def test_planted_faults_are_caught_and_named(
    tables: dict[str, pd.DataFrame],
    suites: dict[str, Path],
    name: str,
    column: str,
    value: object,
) -> None:
    table = tables[name].copy()
    table.loc[[2], column] = value
    verdict = judged(name, table, suites[name])
    assert verdict.outcome == "fail"
    assert column in verdict.summary
    if name != "statistics" and column != "id":
        assert tables[name]["id"][2] in verdict.samples


def test_a_shift_of_every_value_is_seen_though_each_is_in_range(
    tables: dict[str, pd.DataFrame], suites: dict[str, Path]
) -> None:
    table = tables["quality"].copy()
    table["brightness"] = table["brightness"] * 0.92
    verdict = judged("quality", table, suites["quality"])
    assert "expect_column_mean_to_be_between(brightness)" in verdict.summary


def test_what_is_all_missing_is_not_vouched_for(tmp_path: Path) -> None:
    """Such an expectation would hold whatever came."""
    rows = {"id": ["a" * 64, "b" * 64], "odd": [None, None], "x": [1.0, 2.0]}
    body = propose(pd.DataFrame(rows), name="x", key="id")
    assert {e["kwargs"].get("column") for e in body["expectations"]} == {None, "id", "x"}


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_bounds_are_never_nearer_than_what_was_seen(values: list[float]) -> None:
    rows = {"id": [f"{n:064x}" for n in range(len(values))], "x": values}
    body = propose(pd.DataFrame(rows), name="x", key="id")
    kind = "expect_column_values_to_be_between"
    (bounds,) = [e["kwargs"] for e in body["expectations"] if e["type"] == kind]
    assert bounds["min_value"] <= min(values)
    assert bounds["max_value"] >= max(values)
