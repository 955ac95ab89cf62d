"""The self-test of the gates: every fault at every dose, clean runs beside them, one record."""

import multiprocessing
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from qa_assets.config import Pipeline, read_pipeline
from qa_assets.core import progress
from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.faults import (
    MATRIX,
    MATRIX_DATA,
    MATRIX_TEXT,
    CleanRun,
    FaultRun,
    GateSelftest,
)
from qa_assets.core.store import LocalStore
from qa_assets.faults import matrix
from qa_assets.faults.course import follow
from qa_assets.faults.fault import FAULTS, Dose
from qa_assets.faults.harness import kept_in, run_clean, run_fault
from qa_assets.faults.pictured import as_pictures
from qa_assets.faults.results import Result, Results, Task
from qa_assets.graph import build_graph


def chosen(*, stage: str = "", name: str = "", part: int = 1) -> list[tuple[str, Dose]]:
    """Faults with their doses, in the order of their stages.

    Args:
        stage: Only this stage.
        name: Only this fault.
        part: Every so-manieth of them, the same ones each time.

    Raises:
        InputRefused: ``FAULT_UNKNOWN``: there is no such stage or fault.
    """
    found = [f for f in FAULTS.values() if stage in ("", f.stage) and name in ("", f.name)]
    if not found:
        raise InputRefused.of(
            "FAULT_UNKNOWN", name or stage, "is no fault or stage.", f"There are: {_known()}."
        )
    pairs: list[tuple[str, Dose]] = [(f.name, d) for f in found for d in f.doses]
    return pairs[::part]


def selftest(
    pipeline: Pipeline,
    store: LocalStore,
    faults: Sequence[tuple[str, Dose]],
    *,
    clean_runs: int = 30,
    processes: int = 2,
    unfinished: Path | None = None,
) -> GateSelftest:
    """Plant each fault in a copy of ``pipeline``, and run it clean at other seeds.

    Args:
        pipeline: Stays as it is.
        store: Where the clean artifacts are kept between self-tests; no fault is written there.
        faults: Names and doses.
        clean_runs: Runs without a fault, each at its own seed.
        processes: Runs at the same time.
        unfinished: Folder where results are kept until all are there: a self-test of the same
            state of data, settings and code that was cut off goes on with them.

    Raises:
        InputRefused: ``SELFTEST_NOT_CLEAN``: the pipeline is stopped without any fault.
    """
    _forget(pipeline.name, store)
    with kept_in(store):
        pipeline = as_pictures(pipeline, store)
        artifacts, posted = build_graph(pipeline)
        course = follow(artifacts, posted, store, everything=True)
    if course.findings or course.accuracy is None:
        why = "; ".join(f"{f.gate}: {f.verdict.summary}" for f in course.findings)
        raise InputRefused.of(
            "SELFTEST_NOT_CLEAN",
            pipeline.name,
            f"is stopped without a fault: {why}.",
            "A gate that fails already can prove nothing: make the pipeline pass first.",
        )
    _released(pipeline.name, course.digests, store)
    tasks: list[Task] = [*faults, *range(1, clean_runs + 1)]
    results = Results(unfinished)
    done = list(_all(pipeline, store, tasks, course.accuracy, processes, results))
    runs = sorted(
        (r for r in done if isinstance(r, FaultRun)),
        key=lambda r: (r.stopped, not r.counts, r.named),
    )
    clean = tuple(r for r in done if isinstance(r, CleanRun))
    gates = [p.title for p in posted if p.blocking]
    fired = {a.gate for r in runs for a in r.alarms}
    record = GateSelftest(
        runs=tuple(runs), clean=clean, dead=tuple(g for g in gates if g not in fired)
    )
    files: dict[str, bytes | Path] = {
        MATRIX: matrix.picture(record, gates),
        MATRIX_TEXT: matrix.text(record).encode(),
        MATRIX_DATA: canonical_json(matrix.data(record)),
    }
    results.forget()
    return GateSelftest(runs=record.runs, clean=record.clean, dead=record.dead, files=files)


def _forget(name: str, store: LocalStore) -> None:
    """Let nothing be released: what an earlier self-test released had other gates."""
    for pointers in ("latest", "history"):
        shutil.rmtree(store.root / "names" / pointers / name, ignore_errors=True)


def _released(name: str, digests: Mapping[str, str], store: LocalStore) -> None:
    """Let the clean run be what is released: later candidates are compared with it."""
    store.point("selftest/onnx_model", digests["onnx_model"])
    for artifact, digest in digests.items():
        store.point(f"latest/{name}/{artifact}", digest)
        store.point(f"history/{name}/{artifact}/{digest}", digest)


def _all(
    pipeline: Pipeline,
    store: LocalStore,
    tasks: Sequence[Task],
    accuracy: float,
    processes: int,
    results: Results,
) -> Iterator[Result]:
    """Each task in a process of its own kind: what a fault changes in memory ends with it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        place = (pipeline.folder, pipeline.root, store.root)
        waiting = [
            results.of(task) or pool.submit(_run, place, task, accuracy, results) for task in tasks
        ]
        try:
            for i, found in enumerate(waiting):
                result = found.result() if isinstance(found, Future) else found
                progress.report(_said(result), (i + 1) / len(waiting), step=True)
                yield result
        finally:
            pool.shutdown(cancel_futures=True)  # what nobody waits for any more is not begun


def _run(place: tuple[Path, Path, Path], task: Task, accuracy: float, results: Results) -> Result:
    folder, root, kept = place
    pipeline, store = read_pipeline(folder, root), LocalStore(kept)
    if isinstance(task, int):
        result: Result = run_clean(pipeline, task, store)
    else:
        name, dose = task
        result = run_fault(pipeline, FAULTS[name], dose, store, accuracy)
    results.keep(task, result)
    return result


def _said(result: Result) -> str:
    if isinstance(result, CleanRun):
        return f"clean run {result.seed}: {len(result.alarms)} false alarms"
    return f"{result.fault} ({result.dose}): {result.ending} {result.first}"


def _known() -> str:
    return ", ".join(sorted({*FAULTS, *(f.stage for f in FAULTS.values())}))
