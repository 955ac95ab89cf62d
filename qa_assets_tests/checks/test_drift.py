"""Drift against the version before: what is said of the very first one."""

from qa_assets.checks.drift import versions_alike
from qa_assets.core.records.quality import DriftReport


def test_the_first_version_passes_only_where_it_is_declared() -> None:
    report = DriftReport(confidence=0.95, shifts={})
    assert versions_alike(report).outcome == "cannot tell"
    assert versions_alike(report, first_version="accepted").passed
