"""A run whose process is gone is failed; one that is alive, or elsewhere, is left alone."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import dagster as dg

from qa_assets.dead_runs import PROCESS_TAG, dead_runs, reap, this_process
from qa_assets_tests.small import Made, artifacts, definitions, run

DIES = "from qa_assets.dead_runs import this_process; print(*this_process().values())"


def started(instance: dg.DagsterInstance, tag: str) -> str:
    """A run that says it is being worked on."""
    run_id = str(uuid.uuid4())
    found = dg.DagsterRun(
        "job", run_id, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: tag}
    )
    return instance.add_run(found).run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


def test_a_run_of_a_dead_process_is_failed(instance: dg.DagsterInstance) -> None:
    done = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, check=True)
    lost = started(instance, done.stdout.strip())
    alive = started(instance, this_process()[PROCESS_TAG])
    elsewhere = started(instance, "another-host|boot|1|2")
    unknown = started(instance, "")
    assert reap(instance) == [lost]
    assert status(instance, lost) is dg.DagsterRunStatus.FAILURE
    for run_id in (alive, elsewhere, unknown):
        assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_number_that_is_used_again_is_another_process(instance: dg.DagsterInstance) -> None:
    host, boot, number, start = this_process()[PROCESS_TAG].split("|")
    later = started(instance, "|".join((host, boot, number, f"{int(start) - 1}")))
    before_a_restart = started(instance, "|".join((host, "other", number, start)))
    assert set(reap(instance)) == {later, before_a_restart}


def test_a_run_is_claimed_by_whoever_works_on_it(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = run(definitions(tmp_path, artifacts(Made()), []), instance)
    found = instance.get_run_by_id(result.run_id)
    assert found is not None
    assert found.tags[PROCESS_TAG].split("|")[2] == str(os.getpid())


def test_the_sensor_says_what_it_did(instance: dg.DagsterInstance) -> None:
    started(instance, "|".join((*this_process()[PROCESS_TAG].split("|")[:3], "0")))
    first = dead_runs(dg.build_sensor_context(instance=instance))
    second = dead_runs(dg.build_sensor_context(instance=instance))
    assert isinstance(first, dg.SkipReason)
    assert isinstance(second, dg.SkipReason)
    assert "Failed" in str(first.skip_message)
    assert "alive" in str(second.skip_message)


def test_a_process_that_only_waits_for_its_parent_is_gone(instance: dg.DagsterInstance) -> None:
    waits = f"{DIES}; import sys; sys.stdout.flush(); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    lost = started(instance, child.stdout.readline().strip())
    assert reap(instance) == []
    child.stdin.close()
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert reap(instance) == [lost]
    child.wait()
    child.stdout.close()
