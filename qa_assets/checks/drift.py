"""Did the data move: against the version before, and is the test like the train."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from qa_assets.core.check import check
from qa_assets.core.config import Count, Share
from qa_assets.core.records.quality import DriftReport, Shift
from qa_assets.core.verdict import Evidence, Verdict, cannot_tell

SHOWN = 50


@check
def versions_alike(
    drift_report: DriftReport,
    *,
    max_shift: Share = 0.1,
    min_samples: Count = 100,
    first_version: Literal["undecided", "accepted"] = "undecided",
) -> Verdict:
    """No column moved much since the version before.

    Args:
        drift_report: Shift of each column with its interval.
        max_shift: Largest shift that is surely reached: the lower end of its interval, in [0, 1].
        min_samples: Below so many values in either set nothing can be said.
        first_version: ``accepted`` lets the very first version pass, to which there is no other.

    Returns:
        Measured: the largest lower end. Evidence: every column. Cannot tell without a version
        before, unless the first one is accepted.
    """
    shifts = drift_report.shifts.get("versions")
    if shifts is None and first_version == "accepted":
        return Verdict(outcome="pass", summary="this is the first version")
    if shifts is None:
        return cannot_tell("there is no version before this one to compare with")
    return _judge(shifts, max_shift, min_samples, "data.drifted")


@check
def data_like_released(
    drift_report: DriftReport, *, max_shift: Share = 0.1, min_samples: Count = 100
) -> Verdict:
    """The data did not move much since those that the released model was made from.

    Args:
        drift_report: Shift of each column, and of the samples as the released model sees them.
        max_shift: Largest shift that is surely reached: the lower end of its interval, in [0, 1].
        min_samples: Below so many values in either set nothing can be said.

    Returns:
        Measured: the largest lower end. Evidence: every column. Where nothing but these data was
        ever released, ``first_release`` decides.
    """
    shifts = drift_report.shifts.get("released")
    if drift_report.unreadable:
        said = "a monitor, instead of a gate, would let the next release be the new reference"
        return cannot_tell(f"the reference is missing: {drift_report.unreadable}; {said}")
    if shifts is not None:
        found = _judge(shifts, max_shift, min_samples, "data.drifted_from_release")
        reference = drift_report.references.get("released", "")
        return replace(found, summary=f"against {reference}: {found.summary}")
    if drift_report.first_release == "absolute":
        said = "as declared, the other gates decide"
        return Verdict(outcome="pass", summary=f"no release from other data; {said}")
    return cannot_tell(
        "there is no release from other data to compare with; 'first_release: absolute' in "
        "defs.yaml would let the other gates decide the first one"
    )


@check
def splits_alike(
    drift_report: DriftReport, *, max_shift: Share = 0.1, min_samples: Count = 100
) -> Verdict:
    """The test split is distributed as the train split is.

    Args:
        drift_report: Shift of each column with its interval.
        max_shift: Largest shift that is surely reached: the lower end of its interval, in [0, 1].
        min_samples: Below so many values in either split nothing can be said.

    Returns:
        Measured: the largest lower end. Evidence: every column. A difference may be intended
        (other writers, other machines); then it says how hard the test is.
    """
    shifts = drift_report.shifts.get("splits", ())
    return _judge(shifts, max_shift, min_samples, "data.splits_differ")


def _judge(shifts: Sequence[Shift], limit: float, fewest: int, cause: str) -> Verdict:
    if not shifts:
        return cannot_tell("no column is in both sets")
    columns = ("column", "shift", "at least", "at most", "before", "now")
    rows = tuple((s.column, s.effect, s.low, s.high, s.before, s.after) for s in shifts[:SHOWN])
    evidence = {"columns": Evidence(columns, rows)}
    few = min(min(s.reference, s.current) for s in shifts)
    if few < fewest:
        text = f"only {few} values in one of the sets, {fewest} are needed"
        return cannot_tell(text, evidence=evidence)
    worst = max(shifts, key=lambda s: (s.low, s.effect))
    moved = [s for s in shifts if s.low > limit]
    said = f"{worst.column!r} shifted by {worst.effect:.3f}, surely by {worst.low:.3f}"
    return Verdict(
        outcome="fail" if moved else "pass",
        summary=f"{len(moved)} of {len(shifts)} columns moved by more than {limit:g}; {said}",
        measured=worst.low,
        limit=limit,
        interval=(worst.low, worst.high),
        cause=cause if moved else "",
        where={"columns": ", ".join(s.column for s in moved[:5])} if moved else {},
        evidence=evidence,
    )
