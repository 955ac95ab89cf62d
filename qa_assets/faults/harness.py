"""Plants one fault and follows the pipeline until something stops it, or nothing does."""

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

from qa_assets.artifacts import Artifact, obtain
from qa_assets.config import Pipeline
from qa_assets.core.errors import QaError
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.faults import Alarm, CleanRun, Ending, FaultRun, Measured
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict
from qa_assets.faults.fault import Dose, Fault
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.patches import replaced
from qa_assets.faults.site import Site, copy_site
from qa_assets.gates import Posted
from qa_assets.graph import build_graph
from qa_assets.resources import local_store

RELEASE, REPORT, EVALUATION = "release", "qa_report", "evaluation"


@dataclass(slots=True)
class Course:
    """What happened to one pipeline on its way to the release.

    Attributes:
        digests: Of what was made, by artifact name.
        verdicts: Every verdict of a gate, by title.
        refused: The artifact that refused its input, and why.
        stops: Alarms of the first artifact that stopped the run, or its refusal.
        alarms: Every gate that did not pass.
        samples: Ids named by the gates that stopped the run.
        released: Whether the release was made.
        accuracy: On the test split.
    """

    digests: dict[str, str] = field(default_factory=dict[str, str])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    refused: str = ""
    stops: list[Alarm] = field(default_factory=list[Alarm])
    alarms: list[Alarm] = field(default_factory=list[Alarm])
    samples: set[str] = field(default_factory=set[str])
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

    Behind the first stop only what the accuracy needs is made, unless ``everything`` is wanted.
    The release is tried where no gate stood in the way: it judges everything anew.
    """
    course, gates = Course(), [p for p in posted if p.blocking]
    for name, artifact in artifacts.items():
        if name in (RELEASE, REPORT) or not set(artifact.reads) <= set(course.digests):
            continue
        if course.stops and not everything and name not in _needed(artifacts, EVALUATION):
            continue
        _make(artifact, store, course, site)
        due = [g for g in gates if g.title not in course.verdicts and _ready(g, course)]
        _judge(due, store, course, site)
    if not course.stops:
        _judge([g for g in gates if g.title not in course.verdicts], store, course, site)
    if not course.stops and RELEASE in artifacts:
        _make(artifacts[RELEASE], store, course, site)
        course.released = RELEASE in course.digests
    return course


def kept_in(store: LocalStore) -> AbstractContextManager[None]:
    """Let ``store`` be the project's store for a while, wherever the graph asks for it."""
    return replaced(local_store, lambda root: store)


def run_fault(
    pipeline: Pipeline, fault: Fault, dose: Dose, store: LocalStore, clean_accuracy: float, *,
    max_loss: float = 0.02,
) -> FaultRun:  # fmt: skip
    """Plant ``fault`` in a copy of ``pipeline`` and see what stops it.

    Args:
        pipeline: Stays as it is.
        fault: What to plant.
        dose: How much of it.
        store: Holds the clean artifacts; nothing is written there.
        clean_accuracy: Of the clean model.
        max_loss: Accuracy that a plain gate would let go, against the clean model.
    """
    begun, amount = time.perf_counter(), fault.doses[dose]
    with tempfile.TemporaryDirectory(dir=store.scratch(), prefix="fault-") as folder:
        overlay = Overlay(Path(folder) / "store", store)
        site = copy_site(pipeline, f"{fault.name} {dose}", overlay, Path(folder))
        fault.plant(site, amount)
        with kept_in(overlay):
            artifacts, posted = build_graph(site.pipeline)
            course = follow(site.planted(artifacts, amount), posted, overlay, site)
        same = course.released and course.digests.get("onnx_model") == _released_model(store)
    undone = same and (bool(site.after) or fault.stage not in ("edge", "release"))
    ending = _ending(course, same=undone)
    low = course.accuracy is not None and course.accuracy < clean_accuracy - max_loss
    return FaultRun(
        fault=fault.name,
        stage=fault.stage,
        dose=dose,
        amount=amount,
        ending=ending,
        first=course.refused or (course.stops[0].gate if course.stops else ""),
        alarms=tuple(course.alarms),
        named=ending == "harmless" or _named(fault, site, course),
        accuracy=course.accuracy,
        plain_gate=low,
        measured=_measured(course),
        seconds=time.perf_counter() - begun,
    )


def run_clean(pipeline: Pipeline, seed: int, store: LocalStore) -> CleanRun:
    """The pipeline as it is, at another seed, through every gate."""
    begun = time.perf_counter()
    training = pipeline.config.training.model_copy(update={"seed": seed})
    config = pipeline.config.model_copy(update={"training": training})
    with tempfile.TemporaryDirectory(dir=store.scratch(), prefix="clean-") as folder:
        overlay = Overlay(Path(folder), store)
        with kept_in(overlay):
            artifacts, posted = build_graph(replace(pipeline, config=config))
            course = follow(artifacts, posted, overlay, everything=True)
    seconds = time.perf_counter() - begun
    alarms, verdicts = tuple(course.alarms), len(course.verdicts)
    return CleanRun(
        seed=seed,
        verdicts=verdicts,
        alarms=alarms,
        accuracy=course.accuracy,
        measured=_measured(course),
        seconds=seconds,
    )


def _make(artifact: Artifact, store: LocalStore, course: Course, site: Site | None) -> None:
    inputs = {read: course.digests[read] for read in artifact.reads if read in course.digests}
    try:
        if len(inputs) < len(artifact.reads):
            raise KeyError(f"{artifact.name} lacks an input")
        made = obtain(artifact, inputs, store)
    except QaError as error:
        first = error.problems[0]
        _refuse(course, artifact.name, first.code, str(error), {"item": first.item})
        return
    except Exception as error:  # a measurement that crashes stops the run as well, without a name
        _refuse(course, artifact.name, type(error).__name__, str(error), {})
        return
    course.digests[artifact.name] = made.digest
    if isinstance(made.record, Evaluation):
        course.accuracy = made.record.accuracy.value
    if site:
        for name, happens in site.after.items():
            if name in (artifact.name, artifact.name.split("/")[0]):
                happens(site.store, made.digest)


def _refuse(course: Course, name: str, code: str, said: str, where: Mapping[str, str]) -> None:
    if not course.stops:
        course.refused = name
        course.stops = [Alarm(name, "refused", code, said[:300], dict(where))]
        course.alarms += course.stops


def _ready(gate: Posted, course: Course) -> bool:
    return {gate.judged, *(a.name for a in gate.reads.values())} <= set(course.digests)


def _judge(gates: Sequence[Posted], store: LocalStore, course: Course, site: Site | None) -> None:
    found: list[Alarm] = []
    for gate in gates:
        verdict = site.verdicts.get(gate.title) if site else None
        verdict = verdict or gate.judge_stored(course.digests, store)[0]
        course.verdicts[gate.title] = verdict
        if not verdict.passed:
            where = {k: str(v) for k, v in verdict.where.items()}
            alarm = Alarm(gate.title, verdict.outcome, verdict.cause, verdict.summary[:300], where)
            found.append(alarm)
            if not course.stops:
                course.samples |= set(verdict.samples)
    course.alarms += found
    course.stops = course.stops or found


def _needed(artifacts: Mapping[str, Artifact], name: str) -> set[str]:
    needed, queue = set[str](), [name]
    while queue:
        found = queue.pop()
        if found in artifacts and found not in needed:
            needed.add(found)
            queue += artifacts[found].reads
    return needed


def _measured(course: Course) -> dict[str, Measured]:
    return {
        title: Measured(v.measured, v.limit, v.passed)
        for title, v in course.verdicts.items()
        if v.measured is not None and v.limit is not None and math.isfinite(v.measured)
    }


def _released_model(store: LocalStore) -> str:
    return store.resolve("selftest/onnx_model") or ""


def _ending(course: Course, *, same: bool) -> Ending:
    if course.released:
        return "harmless" if same else "escaped"
    if course.refused:
        return cast("Ending", "release" if course.refused == RELEASE else "refusal")
    return "gate"


def _named(fault: Fault, site: Site, course: Course) -> bool:
    """Whether the first stop says what is wrong and, where that can be said, with whom."""
    fitting = [a for a in course.stops if any(fnmatch(a.cause, c) for c in fault.causes)]
    if not fitting:
        return False
    if not site.culprits or course.samples & site.culprits:
        return True
    words: list[Any] = [w for a in fitting for w in (*a.where.values(), a.summary)]
    texts = [str(w) for w in words]
    said = {part.strip(" '\"") for t in texts for part in (*t.split(","), *t.split())}
    return bool(site.culprits & (said | set(texts)))
