"""Great Expectations suites as checks: the engine is theirs, the verdict and its words ours."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qa_assets.checks.suites import Expectation, Outcome, read_suite, run_suite
from qa_assets.core.check import check
from qa_assets.core.config import SuiteFile
from qa_assets.core.records.datasets import SAMPLES, STATISTICS, DatasetSnapshot, DatasetStatistics
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, cannot_tell

if TYPE_CHECKING:
    import pandas as pd

HELD = {True: "yes", False: "no", None: "cannot tell"}
NAMED = 5
"""Expectations that the summary names; the evidence has all of them."""
COUNTED = ("samples", "share")
"""Columns of the statistics that count."""
SIZED = ("bytes", "bytes_mean")
"""Columns about the size of files: it follows from what is in them, and how it is coded."""
CAUSES = ("data.expectation_failed", "data.counts", "data.file_sizes")
TEXT = 160
"""Characters shown of what was expected or observed."""


@check
def expectations_hold_on_samples(dataset_snapshot: DatasetSnapshot, *, suite: SuiteFile) -> Verdict:
    """The sample table, one row a sample, meets a suite of expectations.

    Args:
        dataset_snapshot: Its sample table.
        suite: JSON file of a Great Expectations suite. What is critical (the default) decides,
            warnings and infos are only shown.

    Returns:
        Measured: critical expectations that do not hold. Evidence: every expectation, and the
        samples that fail it. One that cannot be computed is never a pass.
    """
    return _judge(read_table(dataset_snapshot, SAMPLES), suite, key="id")


@check
def expectations_hold_on_quality(sample_quality: SampleQuality, *, suite: SuiteFile) -> Verdict:
    """The measures, one row a sample, meet a suite of expectations.

    Judged as :func:`expectations_hold_on_samples`; the evidence names the samples that fail.
    """
    return _judge(read_table(sample_quality, QUALITY), suite, key="id")


@check
def expectations_hold_on_statistics(
    dataset_statistics: DatasetStatistics, *, suite: SuiteFile
) -> Verdict:
    """The statistics, one row a class, meet a suite of expectations.

    Judged as :func:`expectations_hold_on_samples`; the evidence names the classes that fail.
    """
    return _judge(read_table(dataset_statistics, STATISTICS), suite, key="label")


def _judge(table: "pd.DataFrame", file: Path, *, key: str) -> Verdict:
    suite = read_suite(file)
    outcomes = run_suite(suite, table, key=key, file=file.name)
    evidence = _evidence(outcomes, key)
    critical = [o for o in outcomes if o.expectation.severity == "critical"]
    failed = [o for o in critical if o.holds is False]
    unknown = [o for o in outcomes if o.holds is None]
    if failed:
        cause, worst = _most_telling(failed)
        concerned = {"class": ", ".join(row for row, _ in worst.failing)} if key == "label" else {}
        rows = dict.fromkeys(row for o in failed for row, _ in o.failing)
        return Verdict(
            outcome="fail",
            summary=f"{len(failed)} of {len(critical)} critical expectations of {suite.name!r} "
            f"do not hold: {_names(failed)}",
            measured=float(len(failed)),
            limit=0.0,
            cause=cause,
            where={
                "expectation": worst.expectation.type,
                "column": worst.expectation.column,
                **concerned,
            },
            samples=tuple(rows) if key == "id" else (),
            evidence=evidence,
        )
    if unknown:
        return cannot_tell(f"could not be computed: {_names(unknown)}", evidence=evidence)
    if not critical:
        return cannot_tell(f"nothing in {suite.name!r} is critical, so it judges nothing")
    shown = sum(o.holds is False for o in outcomes)
    return Verdict(
        outcome="pass",
        summary=f"{len(critical)} critical expectations of {suite.name!r} hold"
        + (f"; {shown} that only warn do not" if shown else ""),
        measured=0.0,
        limit=0.0,
        evidence=evidence,
    )


def _most_telling(failed: Sequence[Outcome]) -> tuple[str, Outcome]:
    """What says most of the fault: a value, then a number of samples, then the size of files."""
    return min(((_cause(o.expectation), o) for o in failed), key=lambda said: CAUSES.index(said[0]))


def _cause(expectation: Expectation) -> str:
    if expectation.column in SIZED:
        return "data.file_sizes"
    counted = expectation.column in COUNTED or "row_count" in expectation.type
    return "data.counts" if counted else "data.expectation_failed"


def _names(outcomes: Sequence[Outcome]) -> str:
    named = ", ".join(_name(o.expectation) for o in outcomes[:NAMED])
    return f"{named} and {len(outcomes) - NAMED} more" if len(outcomes) > NAMED else named


def _name(expectation: Expectation) -> str:
    return f"{expectation.type}({expectation.column})"


def _evidence(outcomes: Sequence[Outcome], key: str) -> dict[str, Evidence]:
    columns = ("expectation", "column", "expected", "observed", "severity", "holds", "reason")
    rows = [
        (
            o.expectation.type,
            o.expectation.column,
            _cut(_expected(o.expectation)),
            _cut(o.observed),
            o.expectation.severity,
            HELD[o.holds],
            _cut(str(o.expectation.meta.get("reason", ""))),
        )
        for o in outcomes
    ]
    failing = [
        (_name(o.expectation), row, _cut(value)) for o in outcomes for row, value in o.failing
    ]
    evidence = {"expectations": Evidence(columns, tuple(rows))}
    if failing:
        evidence["failing rows"] = Evidence(("expectation", key, "value"), tuple(failing))
    return evidence


def _expected(expectation: Expectation) -> str:
    arguments = {k: v for k, v in expectation.kwargs.items() if k != "column"}
    return json.dumps(arguments, default=str, ensure_ascii=False) if arguments else ""


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}\u2026"
