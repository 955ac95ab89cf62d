"""What a run ends in: the release, and the report on it."""

from collections.abc import Mapping, Sequence

from qa_assets.artifacts import Artifact, Collector
from qa_assets.config import Pipeline
from qa_assets.core.record import Record
from qa_assets.core.records.faults import GateSelftest
from qa_assets.core.records.release import QaReport, Release
from qa_assets.core.verdict import Verdict
from qa_assets.gates import Posted
from qa_assets.resources import local_store


def outcome(
    graph: Collector, pipeline: Pipeline, measured: Mapping[str, Artifact], posted: list[Posted]
) -> None:
    """The release and the report; both read everything that was measured."""
    gates = [p for p in posted if p.blocking]
    judged = (pipeline.name, [(p.title, p.blocking, p.identity()) for p in posted])

    @graph.asset("release", kinds={"release"}, settings=judged, reads=list(measured))
    def release(records: Mapping[str, Record]) -> Release:
        """Everything that is shipped; made only if every gate, judged anew, passes on it."""
        from qa_assets.release.bundle import bundle

        return bundle(pipeline.name, records, {g.title: g.judge(records) for g in gates})

    store = local_store(pipeline.root)

    def selftested() -> str:
        return store.resolve(f"latest/{pipeline.name}/gate_selftest") or ""

    @graph.asset(
        "release",
        kinds={"html"},
        settings=judged,
        reads=[*measured, "release"],
        outside=selftested,
    )
    def qa_report(records: Mapping[str, Record]) -> QaReport:
        """One offline page that says what may be released and why, and the same for machines."""
        return report_on(pipeline, posted, records, [p.judge(records) for p in posted])


def report_on(
    pipeline: Pipeline,
    posted: Sequence[Posted],
    records: Mapping[str, Record],
    verdicts: Sequence[Verdict],
) -> QaReport:
    """The report on whatever records there are; a pipeline that was stopped has one too."""
    from qa_assets.release.report import ReportedVerdict, report

    reported = [
        ReportedVerdict(p.judged, p.check.name, p.check.description, p.blocking, verdict, p.stage)
        for p, verdict in zip(posted, verdicts, strict=True)
    ]
    measured = {name: record for name, record in records.items() if name != "release"}
    released = records.get("release")
    store = local_store(pipeline.root)
    tested = store.resolve(f"latest/{pipeline.name}/gate_selftest")
    return report(
        pipeline.name,
        pipeline.config.description,
        measured,
        reported,
        released if isinstance(released, Release) else None,
        GateSelftest.load(store.get(tested)) if tested else None,
    )
