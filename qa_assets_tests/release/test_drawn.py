"""What the report draws is found by kind, whatever the asset is called; flips by their table."""

import dataclasses

import pandas as pd
import pytest

from qa_assets.core.record import Record
from qa_assets.core.records.comparison import FLIPS, ReleaseComparison
from qa_assets.core.tables import table_bytes
from qa_assets.core.verdict import Verdict
from qa_assets.release.drawn import Flip, stages_of
from qa_assets_tests.release import evidence


def test_each_record_is_found_by_its_kind() -> None:
    made: dict[str, Record] = {f"any {i}": r for i, r in enumerate(evidence.records().values())}
    found = stages_of(made, {})
    singles = (found.snapshot, found.statistics, found.splits, found.baselines, found.weights,
               found.predictions, found.evaluation, found.model)  # fmt: skip
    assert [type(r) for r in singles] == [type(r) for r in made.values()][:-1]
    assert (found.probe, found.comparison, found.behavior, found.cases) == (None,) * 4
    assert (found.quality, found.drift, found.audit, found.flips) == (None, None, None, ())


def test_a_target_has_its_benchmark_and_the_verdict_on_its_stages() -> None:
    agrees = Verdict(outcome="pass", summary="")
    found = stages_of(evidence.records(), {"edge_comparison/ort_cpu": agrees})
    assert list(found.benchmarks) == ["edge_benchmark/ort_cpu"]
    assert found.agreements == {"edge_benchmark/ort_cpu": agrees}


@pytest.mark.parametrize(("count", "most"), [(0, 0), (1, 1), (30, 12)])
def test_the_worst_flips_are_taken_in_their_order(count: int, most: int) -> None:
    table = pd.DataFrame({
        "id": [f"{i:064}" for i in range(count)], "label": ["3"] * count, "before": ["3"] * count,
        "now": [str(i % 10) for i in range(count)],
        "confidence": [1 - i / 100 for i in range(count)],
    })  # fmt: skip
    compared = evidence.assured()["release_comparison"]
    assert isinstance(compared, ReleaseComparison)
    compared = dataclasses.replace(compared, files={FLIPS: table_bytes(table)})
    flips = stages_of({"c": compared}, {}).flips
    right = [Flip(f"{i:064}", "3", str(i % 10), 1 - i / 100) for i in range(most)]
    assert flips == tuple(right)


def test_a_comparison_without_the_table_has_no_flips() -> None:
    compared = evidence.assured()["release_comparison"]
    assert stages_of({"c": dataclasses.replace(compared, files={})}, {}).flips == ()  # pyright: ignore
