"""The report: one page that says what may be released and why, and the same for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa_assets.core.diagnosis import Finding, diagnose
from qa_assets.core.digests import canonical_json
from qa_assets.core.record import RECORD, Record
from qa_assets.core.records.faults import GateSelftest
from qa_assets.core.records.release import QaReport, Release
from qa_assets.core.store import short
from qa_assets.core.verdict import NOT_REACHED, Outcome, Verdict
from qa_assets.release.advice import advice
from qa_assets.release.drawn import stages_of
from qa_assets.release.page import render
from qa_assets.release.suspects import MOST_SHOWN, Suspect, suspects

SCHEMA = "qa_assets.report/1"
AGREES = "edge_stages_agree"


@dataclass(frozen=True, slots=True)
class ReportedVerdict:
    """A verdict and the check it comes from.

    Attributes:
        asset: Name of the asset that was judged.
        check: Name of the check.
        description: The check's docstring; its first line is the statement that is judged.
        blocking: Whether it is a gate; otherwise it is a monitor.
        verdict: The answer.
        stage: The room that made what was judged.
    """

    asset: str
    check: str
    description: str
    blocking: bool
    verdict: Verdict
    stage: str = ""

    @property
    def statement(self) -> str:
        """What is true when the check passes."""
        return self.description.strip().partition("\n")[0]

    @property
    def reached(self) -> bool:
        """Whether there was anything to judge yet."""
        return self.verdict.cause != NOT_REACHED

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.verdict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says first."""

    level: Outcome
    headline: str
    detail: str


def report(
    pipeline: str,
    description: str,
    records: Mapping[str, Record | None],
    verdicts: Sequence[ReportedVerdict],
    release: Release | None,
    selftest: GateSelftest | None = None,
) -> QaReport:
    """Write the report.

    Args:
        pipeline: Its name.
        description: What the model is for, in a sentence.
        records: Every asset in the order of the graph; None where it was never made.
        verdicts: Every gate and monitor.
        release: The release, if one was made.
        selftest: What planted faults showed of the gates, if they ever were.

    Returns:
        ``passed``, ``failed`` and ``undecided`` count gates and monitors together; ``released`` is
        the version that these very records may be shipped as, "" where they may not.
    """
    made = {name: record for name, record in records.items() if record is not None}
    digests = {name: record.digest for name, record in made.items()}
    ordered = _in_graph_order(verdicts, list(records))
    answer = _answer(ordered, release, digests)
    shipped = release if answer.level == "pass" else None
    page = render(
        pipeline=pipeline,
        description=description,
        answer=answer,
        release=shipped,
        selftest=selftest,
        verdicts=ordered,
        assets=list(records),
        digests=digests,
        **_shown(ordered, made),
    )
    released = shipped.version if shipped else ""
    outcomes = [v.verdict.outcome for v in ordered]
    machine = _machine(pipeline, answer, ordered, made, digests, released)
    return QaReport(
        pipeline=pipeline,
        passed=outcomes.count("pass"),
        failed=outcomes.count("fail"),
        undecided=outcomes.count("cannot tell"),
        released=released,
        files={"report.html": page, "report.json": canonical_json(machine)},
    )


def _shown(ordered: Sequence[ReportedVerdict], made: Mapping[str, Record]) -> dict[str, object]:
    """What stands in the way, the most telling first, with the samples that it names."""
    agreements = {v.asset: v.verdict for v in ordered if v.check == AGREES}
    stages = stages_of(made, agreements)
    failing = [v for v in ordered if v.reached and not v.verdict.passed]
    named_by = _diagnosis(failing)
    blocked = sorted(
        failing,
        key=lambda v: (v is not named_by, not v.blocking, v.verdict.outcome != "fail"),
    )
    named = [s for v in blocked for s in v.verdict.samples[:MOST_SHOWN]]
    named += [f.id for f in stages.flips]
    return {
        "blocked": blocked,
        "named_by": named_by if len(blocked) > 1 else None,
        "unreached": [v for v in ordered if v.blocking and not v.reached],
        "stages": stages,
        "suspects": _shown_first(named, suspects(named, stages.snapshot, stages.predictions)),
        "most_shown": MOST_SHOWN,
    }


def _diagnosis(failing: Sequence[ReportedVerdict]) -> ReportedVerdict | None:
    """The gate that names the fault; the others may be its consequences."""
    gates = {f"{v.asset}: {v.check}": v for v in failing if v.blocking}
    found = diagnose([Finding(title, v.stage, v.verdict) for title, v in gates.items()])
    return gates[found.gate] if found else None


def _in_graph_order(
    verdicts: Sequence[ReportedVerdict], assets: list[str]
) -> list[ReportedVerdict]:
    place = {name: i for i, name in enumerate(assets)}
    return sorted(verdicts, key=lambda v: (place.get(v.asset, len(place)), not v.blocking))


def _answer(
    verdicts: Sequence[ReportedVerdict], release: Release | None, digests: Mapping[str, str]
) -> Answer:
    gates = [v for v in verdicts if v.blocking]
    if not gates:
        return Answer("cannot tell", "Must not be released", "No gate was judged.")
    failed = sum(v.verdict.outcome == "fail" for v in gates)
    unreached = sum(not v.reached for v in gates)
    undecided = sum(v.verdict.outcome == "cannot tell" for v in gates) - unreached
    counts = {"failed": failed, "cannot tell": undecided, "were not reached": unreached}
    counted = [f"{n} of {len(gates)} gates {what}" for what, n in counts.items() if n]
    if counted:
        level: Outcome = "fail" if failed else "cannot tell"
        return Answer(level, "Must not be released", f"{', '.join(counted)}.")
    if release is None:
        detail = f"All {len(gates)} gates passed, but no release was made of it."
        return Answer("cannot tell", "Not released", detail)
    if dict(release.evidence) != dict(digests):
        detail = "All gates passed, but the release was made from other evidence than this."
        return Answer("cannot tell", "Not released", detail)
    detail = f"All {len(gates)} gates passed on the very bytes of release {short(release.version)}."
    return Answer("pass", "May be released", detail)


def _shown_first(named: list[str], known: dict[str, Suspect]) -> dict[str, Suspect]:
    return {sample: known.get(sample, Suspect(sample)) for sample in named}


def _machine(
    pipeline: str,
    answer: Answer,
    verdicts: Sequence[ReportedVerdict],
    made: Mapping[str, Record],
    digests: Mapping[str, str],
    released: str,
) -> dict[str, Any]:
    judged = [
        {
            "asset": v.asset,
            "check": v.check,
            "kind": "gate" if v.blocking else "monitor",
            "statement": v.statement,
            "advice": v.advice,
            **_fields(v.verdict),
        }
        for v in verdicts
    ]
    return {
        "schema": SCHEMA,
        "pipeline": pipeline,
        "may_be_released": answer.level == "pass",
        "answer": f"{answer.headline}: {answer.detail}",
        "released": released,
        "verdicts": judged,
        "assets": {n: {"digest": digests[n], "fields": _fields(r)} for n, r in made.items()},
    }


def _fields(record: Record) -> dict[str, Any]:
    body = record.content()[RECORD]
    assert isinstance(body, bytes)
    return json.loads(body)
