"""Runs whose process is gone are failed, so that they neither look alive nor keep a slot.

Dagster's default launcher has no health check: after a kill or a power cut a run stays STARTED for
ever. Each run is tagged with the process that works on it; the reaper looks whether it still does.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

PROCESS_TAG = "qa/process"
UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def this_process() -> dict[str, str]:
    """The tag of a run that this process works on: host, boot, number and start of the process."""
    return {PROCESS_TAG: _identity(os.getpid())}


def claim(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run that was launched elsewhere (from the UI) with this process."""
    if run.tags.get(PROCESS_TAG) != _identity(os.getpid()):
        instance.add_run_tags(run.run_id, this_process())


def reap(instance: dg.DagsterInstance) -> list[str]:
    """Fail every run of this host whose process is gone; what cannot be known is left alone.

    Returns:
        Ids of the runs that were failed.
    """
    found: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if _is_dead(run.tags):
            text = "RUN_LOST: the process that worked on this run is gone. Run it again: what was "
            instance.report_run_failed(run, f"{text}made is in the store and costs nothing.")
            found.append(run.run_id)
    return found


@dg.sensor(
    name="dead_runs",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fails the runs whose process was killed or whose machine went down.",
    target=None,
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look once a minute."""
    reaped = reap(context.instance)
    return dg.SkipReason(f"Failed: {', '.join(reaped)}" if reaped else "Every run is alive.")


def _is_dead(tags: Mapping[str, str]) -> bool:
    host, boot, number, start = (tags.get(PROCESS_TAG, "").split("|") + [""] * 4)[:4]
    if host != socket.gethostname() or not number.isdigit() or os.name == "nt":
        return False
    return _identity(int(number)) != "|".join((host, boot, number, start))


def _identity(process: int) -> str:
    return "|".join((socket.gethostname(), _boot(), str(process), _start(process)))


def _boot() -> str:
    place = Path("/proc/sys/kernel/random/boot_id")
    return place.read_text(encoding="ascii").strip() if place.is_file() else ""


def _start(process: int) -> str:
    """Clock ticks at which the process started; its number alone may be used again."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        state, *rest = fields.rpartition(")")[2].split()
        return "gone" if state in "ZX" else rest[18]
    except OSError:
        return _asked(process)


def _asked(process: int) -> str:
    """Without /proc: whether it is there at all."""
    if os.name == "nt":
        return "unknown"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "there"
    return "gone" if Path("/proc/self").exists() else "there"
