"""One pipeline from its data to the release, gate by gate, as a run would go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qa_assets.artifacts import Artifact, obtain
from qa_assets.core.diagnosis import Finding, diagnose, is_symptom
from qa_assets.core.errors import QaError
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict
from qa_assets.faults.site import Site
from qa_assets.gates import Posted

RELEASE, REPORT, EVALUATION = "release", "qa_report", "evaluation"


@dataclass(slots=True)
class Course:
    """What happened to one pipeline on its way to the release.

    Attributes:
        digests: Of what was made, by artifact name.
        verdicts: Every verdict of a gate, by title.
        findings: What did not pass: gates, and artifacts that refused their input.
        shut: Artifacts on which a gate did not pass, that were not made, or that lie behind one.
        behind: Those that a run would not have made.
        refused: The first artifact that refused its input or crashed.
        crashed: Whether it crashed: its error has no code.
        released: Whether the release was made.
        accuracy: On the test split.
    """

    digests: dict[str, str] = field(default_factory=dict[str, str])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    findings: list[Finding] = field(default_factory=list[Finding])
    shut: set[str] = field(default_factory=set[str])
    behind: set[str] = field(default_factory=set[str])
    refused: str = ""
    crashed: bool = False
    released: bool = False
    accuracy: float | None = None


def follow(
    artifacts: Mapping[str, Artifact],
    posted: Sequence[Posted],
    store: LocalStore,
    site: Site | None = None,
    *,
    everything: bool = False,
) -> Course:
    """Make the artifacts in graph order and judge each gate as soon as its evidence is there.

    Behind a gate that did not pass nothing is judged, as in a run: what the accuracy needs is made
    there all the same, for the comparison with a plain accuracy gate. Stages that can add nothing
    to the diagnosis any more are left out, unless ``everything`` is wanted. The release is tried
    where no gate stood in the way: it judges everything anew.
    """
    course, gates = Course(), [p for p in posted if p.blocking]
    for name, artifact in artifacts.items():
        if name in (RELEASE, REPORT) or not set(artifact.reads) <= set(course.digests):
            continue
        if not everything and (
            not course.shut.isdisjoint(artifact.reads) or _told(course, artifact)
        ):
            course.shut.add(name)
            course.behind.add(name)
        if name in course.behind and name not in _needed(artifacts, EVALUATION):
            continue
        _make(artifact, store, course, site)
        due = [g for g in gates if g.title not in course.verdicts and _ready(g, course)]
        _judge(due, store, course, site)
    if not course.findings:
        _judge([g for g in gates if g.title not in course.verdicts], store, course, site)
    if not course.findings and RELEASE in artifacts:
        _make(artifacts[RELEASE], store, course, site)
        course.released = RELEASE in course.digests
    return course


def _told(course: Course, artifact: Artifact) -> bool:
    """Whether a stage before that of ``artifact`` has named more than a symptom."""
    found = diagnose(course.findings)
    return found is not None and not is_symptom(found) and found.stage != artifact.rooms[0]


def _make(artifact: Artifact, store: LocalStore, course: Course, site: Site | None) -> None:
    inputs = {read: course.digests[read] for read in artifact.reads if read in course.digests}
    try:
        if len(inputs) < len(artifact.reads):
            raise KeyError(f"{artifact.name} lacks an input")
        made = obtain(artifact, inputs, store)
    except QaError as error:
        first = error.problems[0]
        _refuse(course, artifact, first.code, str(error), {"item": first.item})
        return
    except Exception as error:  # no one foresaw it: the run ends, which is no merit of a gate
        course.crashed = course.crashed or not course.findings
        _refuse(course, artifact, type(error).__name__, str(error), {})
        return
    course.digests[artifact.name] = made.digest
    if isinstance(made.record, Evaluation):
        course.accuracy = made.record.accuracy.value
    if site:
        for name, happens in site.after.items():
            if name in (artifact.name, artifact.name.split("/")[0]):
                happens(site.store, made.digest)


def _refuse(
    course: Course, artifact: Artifact, code: str, said: str, where: Mapping[str, str]
) -> None:
    course.shut.add(artifact.name)
    if artifact.name not in course.behind:
        verdict = Verdict(outcome="fail", summary=said[:300], cause=code, where=where)
        course.refused = course.refused or (artifact.name if not course.findings else "")
        course.findings.append(Finding(artifact.name, artifact.rooms[0], verdict))


def _ready(gate: Posted, course: Course) -> bool:
    needed = {gate.judged, *(a.name for a in gate.reads.values())}
    return needed <= set(course.digests) and needed.isdisjoint(course.behind)


def _judge(gates: Sequence[Posted], store: LocalStore, course: Course, site: Site | None) -> None:
    for gate in gates:
        verdict = site.verdicts.get(gate.title) if site else None
        verdict = verdict or gate.judge_stored(course.digests, store)[0]
        course.verdicts[gate.title] = verdict
        if not verdict.passed:
            course.shut.add(gate.judged)
            course.findings.append(Finding(gate.title, gate.stage, verdict))


def _needed(artifacts: Mapping[str, Artifact], name: str) -> set[str]:
    needed, queue = set[str](), [name]
    while queue:
        found = queue.pop()
        if found in artifacts and found not in needed:
            needed.add(found)
            queue += artifacts[found].reads
    return needed
