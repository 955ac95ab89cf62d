"""Runs of one pipeline in this process, and what the store knows of it afterwards."""

import os
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster import DagsterEventType, DagsterInvariantViolationError

from qa_assets.artifacts import Artifact, obtain
from qa_assets.assets import PROBLEMS
from qa_assets.component import build_definitions
from qa_assets.config import DEFS, Pipeline, read_pipeline
from qa_assets.core.errors import EnvironmentFault, InputRefused, Problem
from qa_assets.core.leftovers import sweep
from qa_assets.core.publish import replace_file
from qa_assets.core.record import Record
from qa_assets.core.records.faults import GateSelftest
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict
from qa_assets.dead_runs import reap, this_process
from qa_assets.definitions import shell
from qa_assets.faults.asset import selftest_artifacts
from qa_assets.gates import Posted
from qa_assets.graph import build_graph
from qa_assets.resources import asset_key, local_store, project_root
from qa_assets.stored import latest, made_by

DEFS_FOLDER = Path(__file__).parent / "defs"


@dataclass(frozen=True, slots=True)
class Judged:
    """A posted check with its verdict; without one where its evidence was not reached."""

    posted: Posted
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a pipeline.

    Attributes:
        pipeline: Its settings.
        artifacts: Its graph.
        digests: Digest of each artifact that was made, by name.
        reused: Names of those that a run answered from the store.
        judged: Every posted check, in graph order.
        problems: What stopped the run, other than gates.
        bug: Whether a problem is a fault of ours.
    """

    pipeline: Pipeline
    artifacts: Mapping[str, Artifact]
    digests: Mapping[str, str]
    reused: frozenset[str]
    judged: Sequence[Judged]
    problems: Sequence[Problem] = ()
    bug: bool = False

    @property
    def blocked(self) -> list[Judged]:
        """The gates that did not pass."""
        return [j for j in self.judged if j.posted.blocking and j.verdict and not j.verdict.passed]

    def release_folder(self) -> Path:
        """Where the released files lie."""
        return local_store(self.pipeline.root).get(self.digests["release"])

    def records(self, store: LocalStore) -> dict[str, Record]:
        """Every record that was made, verified."""
        return {n: self.artifacts[n].record.load(store.get(d)) for n, d in self.digests.items()}


def pipeline_names() -> list[str]:
    """Every pipeline that has a folder under ``defs/``."""
    return sorted(path.parent.name for path in defs_folder().glob(f"*/{DEFS}"))


def defs_folder() -> Path:
    """Where pipelines are defined: ``QA_DEFS``, or the package's own ``defs/``."""
    return Path(os.environ.get("QA_DEFS", DEFS_FOLDER))


def find_pipeline(name: str) -> Pipeline:
    """Read the pipeline in the folder ``name``.

    Raises:
        InputRefused: ``PIPELINE_UNKNOWN``, or what is wrong with its settings.
    """
    if name not in pipeline_names():
        raise InputRefused.of(
            "PIPELINE_UNKNOWN", name, f"is no folder of {defs_folder()} with a {DEFS}.",
            f"There are: {', '.join(pipeline_names()) or 'none'}.",
        )  # fmt: skip
    return read_pipeline(defs_folder() / name, project_root())


def execute(pipeline: Pipeline, *, until: str = "", checks_only: bool = False) -> State:
    """Run a pipeline's assets and checks, or only its checks, in this process.

    Args:
        pipeline: What to run.
        until: Stop behind this asset; everything by default.
        checks_only: Judge again what is stored; make nothing.

    Raises:
        InputRefused: ``ASSET_UNKNOWN``: there is no asset ``until``.
    """
    artifacts, posted = build_graph(pipeline)
    sweep(local_store(pipeline.root).root)
    chosen = _chosen(artifacts, posted, until)
    definitions = definitions_of(pipeline)
    job = definitions.resolve_implicit_global_asset_job_def()
    keys = {asset_key(pipeline.name, name) for name in chosen}
    if checks_only:
        checks = set(definitions.resolve_asset_graph().asset_check_keys)
        job = job.get_subset(asset_selection=set(), asset_check_selection=checks)
    else:
        job = job.get_subset(asset_selection=keys)
    with chdir(pipeline.root), dagster_instance(pipeline.root) as instance:
        reap(instance)
        result = job.execute_in_process(
            instance=instance,
            tags=this_process(),
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    problems, bug = _problems(result)
    store = local_store(pipeline.root)
    known = (pipeline, artifacts, store)
    digests = latest(*known) if checks_only else made_by(result.run_id, *known)
    judged = _judge(posted, digests, store)
    reused = frozenset() if checks_only else _reused(pipeline, result)
    return State(pipeline, artifacts, digests, reused, judged, problems, bug)


def run_selftest(pipeline: Pipeline) -> tuple[GateSelftest, Path]:
    """Make the self-test of the gates, and write its matrix where people look for it.

    Raises:
        InputRefused: Whatever refuses a clean run of the pipeline.
    """
    artifact = selftest_artifacts(pipeline, *build_graph(pipeline))["gate_selftest"]
    store = local_store(pipeline.root)
    made = obtain(artifact, {}, store)
    store.point(f"latest/{pipeline.name}/{artifact.name}", made.digest)
    record = GateSelftest.load(store.get(made.digest))
    folder = pipeline.root / "reports" / pipeline.name / "selftest"
    for name in record.files:
        replace_file(folder / name, record.read(name))
    return record, folder


def definitions_of(pipeline: Pipeline) -> dg.Definitions:
    """One pipeline with everything it runs on."""
    return dg.Definitions.merge(build_definitions(pipeline), shell())


def stored_state(pipeline: Pipeline) -> State:
    """What the store knows of a pipeline, without running anything."""
    artifacts, posted = build_graph(pipeline)
    store = local_store(pipeline.root)
    digests = latest(pipeline, artifacts, store)
    return State(pipeline, artifacts, digests, frozenset(), _judge(posted, digests, store))


def dagster_instance(root: Path) -> dg.DagsterInstance:
    """The project's Dagster instance: ``DAGSTER_HOME``, else the project with its dagster.yaml.

    The shipped dagster.yaml names its folders relative to the project, as Dagster takes them: from
    the current folder. Where there is none, Dagster would note its steps for its makers.

    Raises:
        EnvironmentFault: ``ENV_DAGSTER_HOME``: it names no folder, or its settings are none.
    """
    if "DAGSTER_HOME" not in os.environ:
        home = root if (root / "dagster.yaml").is_file() else root / ".qa" / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        os.environ["DAGSTER_HOME"] = str(home)
    home = Path(os.environ["DAGSTER_HOME"]).expanduser()
    if not (home.is_absolute() and home.is_dir()):
        raise EnvironmentFault.of(
            "ENV_DAGSTER_HOME", str(home), "is no folder.", "Unset it, or name one in full."
        )
    try:
        # A named folder is kept: of Dagster's makers of instances only this one takes settings.
        return dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}})
    except (yaml.YAMLError, dg.DagsterInvalidConfigError, DagsterInvariantViolationError) as error:
        said = " ".join(str(error).split())[:300]
        remedy = "Mend it, or take the one that is shipped."
        raise EnvironmentFault.of(
            "ENV_DAGSTER_HOME", str(home / "dagster.yaml"), said, remedy
        ) from error


def _chosen(artifacts: Mapping[str, Artifact], posted: Sequence[Posted], until: str) -> list[str]:
    """``until`` with everything that it, or a check on the way, reads."""
    if not until:
        return list(artifacts)
    if until not in artifacts:
        raise InputRefused.of(
            "ASSET_UNKNOWN", until, "is no asset.", f"There are: {', '.join(artifacts)}."
        )
    wanted, queue = set[str](), [until]
    while queue:
        name = queue.pop()
        wanted.add(name)
        judging = [read.name for p in posted if p.judged == name for read in p.reads.values()]
        queue += [read for read in [*artifacts[name].reads, *judging] if read not in wanted]
    return [name for name in artifacts if name in wanted]


def _judge(posted: Sequence[Posted], digests: Mapping[str, str], store: LocalStore) -> list[Judged]:
    return [
        Judged(p, p.judge_stored(digests, store)[0] if p.judged in digests else None)
        for p in posted
    ]


def _reused(pipeline: Pipeline, result: dg.ExecuteInProcessResult) -> frozenset[str]:
    return frozenset(
        "/".join(event.asset_key.path[1:])
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.materialization.metadata["answered from the store"].value
    )


def _problems(result: dg.ExecuteInProcessResult) -> tuple[list[Problem], bool]:
    problems: list[Problem] = []
    bug = False
    for event in result.filter_events(lambda e: e.event_type is DagsterEventType.STEP_FAILURE):
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and failure.metadata:
            said: Any = failure.metadata[PROBLEMS].value
            problems += [Problem(**problem) for problem in said]
        elif data.error is not None and data.error.cls_name != "DagsterAssetCheckFailedError":
            bug = True
            cause = data.error.cause or data.error
            problems.append(Problem("BUG", str(event.step_key), cause.message.strip()))
    return problems, bug
