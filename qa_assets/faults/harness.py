"""Plants one fault and follows the pipeline until something stops it, or nothing does."""

import math
import tempfile
import time
from collections.abc import Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from qa_assets.config import Pipeline
from qa_assets.core.diagnosis import diagnose
from qa_assets.core.errors import QaError
from qa_assets.core.records.faults import Alarm, CleanRun, Ending, FaultRun, Measured
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict
from qa_assets.faults.course import RELEASE, Course, follow
from qa_assets.faults.fault import Dose, Fault
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.patches import replaced
from qa_assets.faults.site import copy_site
from qa_assets.graph import build_graph
from qa_assets.resources import local_store


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
        try:
            fault.plant(site, amount)
        except Exception as error:  # written for other data or networks than this user's: said so
            why = str(error) if isinstance(error, QaError) else f"{type(error).__name__}: {error}"
            return _not_planted(fault, dose, why, time.perf_counter() - begun)
        with kept_in(overlay):
            artifacts, posted = build_graph(site.pipeline)
            course = follow(site.planted(artifacts, amount), posted, overlay, site)
        same = course.released and course.digests.get("onnx_model") == _released_model(store)
    undone = same and (bool(site.after) or fault.stage not in ("edge", "release"))
    low = course.accuracy is not None and course.accuracy < clean_accuracy - max_loss
    found, first = diagnose(course.findings), next(iter(course.findings), None)
    return FaultRun(
        fault=fault.name,
        stage=fault.stage,
        dose=dose,
        amount=amount,
        ending=_ending(course, same=undone),
        first=first.gate if first else "",
        diagnosis=found.gate if found else "",
        cause=found.verdict.cause if found else "",
        alarms=_alarms(course),
        named=found is not None and names(fault.causes, site.culprits, found.verdict),
        accuracy=course.accuracy,
        plain_gate=low,
        measured=_measured(course),
        seconds=time.perf_counter() - begun,
    )


def _not_planted(fault: Fault, dose: Dose, why: str, seconds: float) -> FaultRun:
    return FaultRun(
        fault=fault.name,
        stage=fault.stage,
        dose=dose,
        amount=fault.doses[dose],
        ending="not planted",
        cause=why[:200],
        seconds=seconds,
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
    return CleanRun(
        seed=seed,
        verdicts=len(course.verdicts),
        alarms=_alarms(course),
        accuracy=course.accuracy,
        measured=_measured(course),
        seconds=seconds,
    )


def names(causes: Sequence[str], culprits: Set[str], verdict: Verdict) -> bool:
    """Whether a verdict says what is wrong and, where that can be said, with whom.

    Args:
        causes: Codes that are right, as patterns.
        culprits: Classes, layers or samples of which it must give one; none where a fault has none.
        verdict: What is said.
    """
    if not any(fnmatch(verdict.cause, cause) for cause in causes):
        return False
    words = [word for said in verdict.where.values() for word in (said, *said.split(", "))]
    return not culprits or not culprits.isdisjoint({*words, *verdict.samples})


def _alarms(course: Course) -> tuple[Alarm, ...]:
    return tuple(
        Alarm(f.gate, v.outcome, v.cause, v.summary[:300], {k: str(w) for k, w in v.where.items()})
        for f in course.findings
        for v in (f.verdict,)
    )


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
        return "no effect" if same else "escaped"
    if course.crashed:
        return "crash"
    if course.refused:
        return "release" if course.refused == RELEASE else "refusal"
    return "gate"
