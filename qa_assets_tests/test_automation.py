"""Runs without a person: once for each new data version, and never for nothing."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qa_assets.automation import build_automation
from qa_assets.config import Pipeline, read_pipeline
from qa_assets.resources import ArtifactStoreResource, local_store
from qa_assets_tests.conftest import Project

pytestmark = pytest.mark.slow


def pipeline_of(project: Project) -> Pipeline:
    return read_pipeline(project.root / "defs/digits", project.root)


def sensor_of(pipeline: Pipeline) -> dg.SensorDefinition:
    (sensor,) = build_automation(pipeline).sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    return sensor


def nightly_of(pipeline: Pipeline) -> dg.ScheduleDefinition:
    found = {s.name: s for s in build_automation(pipeline).schedules or ()}
    schedule = found["digits__nightly"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    return schedule


def look(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None
) -> tuple[list[str], str | None]:
    """Run keys asked for, and the cursor afterwards."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    data = sensor.evaluate_tick(context)
    return [str(r.run_key) for r in data.run_requests or ()], data.cursor


def lock(root: Path, digest: str) -> None:
    stage = {"cmd": "x", "outs": [{"path": "data/digits", "md5": digest}]}
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"data": stage}}))


def test_one_run_for_a_version_and_one_more_for_each_change(
    empty_project: Project, instance: dg.DagsterInstance
) -> None:
    sensor = sensor_of(pipeline_of(empty_project))
    lock(empty_project.root, "aaa.dir")
    first, cursor = look(sensor, instance, None)
    assert first == ["1:aaa.dir"]
    again, cursor = look(sensor, instance, cursor)
    assert again == []
    lock(empty_project.root, "bbb.dir")
    second, cursor = look(sensor, instance, cursor)
    lock(empty_project.root, "aaa.dir")
    back, cursor = look(sensor, instance, cursor)
    assert (second, back) == (["2:bbb.dir"], ["3:aaa.dir"]), "a way back is a new version too"


def test_a_dvc_pointer_beside_the_folder_is_read_first(
    empty_project: Project, instance: dg.DagsterInstance
) -> None:
    lock(empty_project.root, "old.dir")
    (empty_project.root / "data").mkdir()
    pointer = "outs:\n- md5: ccc.dir\n  size: 1\n  path: digits\n"
    (empty_project.root / "data/digits.dvc").write_text(pointer)
    keys, _ = look(sensor_of(pipeline_of(empty_project)), instance, None)
    assert keys == ["1:ccc.dir"]


def test_without_dvc_the_files_themselves_are_watched(
    project: Project, instance: dg.DagsterInstance
) -> None:
    sensor = sensor_of(pipeline_of(project))
    keys, cursor = look(sensor, instance, None)
    assert len(keys) == 1
    assert look(sensor, instance, cursor)[0] == []
    (path, *_) = sorted((project.root / "data/digits/7").iterdir())
    path.unlink()
    assert len(look(sensor, instance, cursor)[0]) == 1


def nightly(project: Project, instance: dg.DagsterInstance) -> Any:
    pipeline = pipeline_of(project)
    schedule = nightly_of(pipeline)
    store = ArtifactStoreResource(folder=str(local_store(project.root).root))
    context = dg.build_schedule_context(instance=instance, resources={"store": store})
    return schedule.evaluate_tick(context)


def test_an_unchanged_night_starts_nothing(project: Project, instance: dg.DagsterInstance) -> None:
    data = nightly(project, instance)
    assert not data.run_requests
    assert "fresh" in str(data.skip_message)


def test_a_changed_setting_makes_the_night_run(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.edit("min_accuracy: 0.9", "min_accuracy: 0.91")
    (request,) = nightly(project, instance).run_requests or ()
    assert request.tags["qa/stale"] == "gate_settings, release, qa_report", "no training"


def test_both_are_shipped_stopped(empty_project: Project) -> None:
    defined = build_automation(pipeline_of(empty_project))
    assert defined.schedules
    assert sensor_of(pipeline_of(empty_project)).default_status is dg.DefaultSensorStatus.STOPPED
    for schedule in defined.schedules:
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
