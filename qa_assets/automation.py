"""What starts runs without a person: the nightly look, and the sensor on new data versions.

Both are shipped stopped. Neither starts a run that would have nothing to do.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from qa_assets.artifacts import Artifact, stale
from qa_assets.config import Pipeline
from qa_assets.faults.asset import selftest_artifacts, selftest_group
from qa_assets.graph import build_graph
from qa_assets.resources import ArtifactStoreResource


def build_automation(pipeline: Pipeline) -> dg.Definitions:
    """The pipeline's job, its nightly schedule and its sensor."""
    job = dg.define_asset_job(
        f"{pipeline.name}__run",
        selection=dg.AssetSelection.groups(pipeline.name),
        description=f"Every asset and gate of {pipeline.name}; what is unchanged costs nothing.",
    )
    proof = dg.define_asset_job(
        selftest_group(pipeline.name),
        selection=dg.AssetSelection.groups(selftest_group(pipeline.name)),
        description="Plants faults in copies of the pipeline: do its gates stop them?",
    )
    graph, selftest = _graph_of(pipeline), _selftest_of(pipeline)
    return dg.Definitions(
        jobs=[job, proof],
        schedules=[
            _nightly(pipeline, job.name, f"{pipeline.name}__nightly", graph),
            _nightly(pipeline, proof.name, f"{proof.name}__nightly", selftest),
        ],
        sensors=[_new_data_version(pipeline, job.name)],
    )


def _graph_of(pipeline: Pipeline) -> Callable[[], Mapping[str, Artifact]]:
    return lambda: build_graph(pipeline)[0]


def _selftest_of(pipeline: Pipeline) -> Callable[[], Mapping[str, Artifact]]:
    return lambda: selftest_artifacts(pipeline, *build_graph(pipeline))


def _nightly(
    pipeline: Pipeline, job: str, name: str, made: Callable[[], Mapping[str, Artifact]]
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=pipeline.config.nightly,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Runs what has become stale: code, settings, libraries or data changed.",
    )
    def nightly(
        context: dg.ScheduleEvaluationContext, store: ArtifactStoreResource
    ) -> dg.RunRequest | dg.SkipReason:
        due = list(stale(list(made().values()), store.open()))
        if not due:
            return dg.SkipReason("Nothing has changed since the last run: every asset is fresh.")
        return dg.RunRequest(tags={"qa/stale": ", ".join(due)[:200]})

    return nightly


def _new_data_version(pipeline: Pipeline, job: str) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{pipeline.name}__new_data_version",
        job_name=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Runs once for each new version of the dataset, a return to an old one too.",
    )
    def new_data_version(
        context: dg.SensorEvaluationContext,
    ) -> Sequence[dg.RunRequest] | dg.SkipReason:
        from qa_assets.datasets.versions import current_version

        version = current_version(pipeline.config.dataset, Path(pipeline.root))
        seen = json.loads(context.cursor) if context.cursor else {"n": 0, "version": ""}
        if version == seen["version"]:
            return dg.SkipReason(f"Version {version[:12]} has had its run.")
        # A run key is spent for ever; the counter lets a return to an old version run again.
        n = int(seen["n"]) + 1
        context.update_cursor(json.dumps({"n": n, "version": version}))
        return [dg.RunRequest(run_key=f"{n}:{version}", tags={"qa/data_version": version[:12]})]

    return new_data_version
