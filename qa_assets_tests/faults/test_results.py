"""Results of a self-test that was cut off: found again as they were, or not at all."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from qa_assets.core.records.faults import Alarm, CleanRun, FaultRun, Measured
from qa_assets.faults.results import Result, Results, Task

ALARM = Alarm("a: b", "fail", "data.leaked", "why", {"class": "3"})
FAULT = FaultRun(
    fault="labels_flipped", stage="data", dose="mild", amount=0.02, ending="gate", first="a: b",
    diagnosis="a: b", cause="data.leaked", alarms=(ALARM,), named=True, accuracy=0.9,
    plain_gate=False, measured={"a: b": Measured(0.1, 0.05, passed=False)}, seconds=2.5,
)  # fmt: skip
CLEAN = CleanRun(seed=7, verdicts=90, alarms=(), accuracy=None, measured={}, seconds=1.0)
TASKS: list[tuple[Task, Result]] = [(("labels_flipped", "mild"), FAULT), (7, CLEAN)]


@pytest.mark.parametrize(("task", "result"), TASKS)
def test_what_was_kept_comes_back_as_it_was(tmp_path: Path, task: Task, result: Result) -> None:
    results = Results(tmp_path / "kept")
    assert results.of(task) is None
    results.keep(task, result)
    assert Results(tmp_path / "kept").of(task) == result
    others: list[Task] = [("labels_flipped", "clear"), 8]
    assert [results.of(other) for other in others] == [None, None]
    results.forget()
    assert not (tmp_path / "kept").exists()


def test_a_file_that_is_cut_off_or_of_another_version_counts_as_not_there(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.keep(7, CLEAN)
    (file,) = tmp_path.iterdir()
    body = file.read_bytes()
    for damaged in (body[:-5], b"{}", b""):
        file.write_bytes(damaged)
        assert results.of(7) is None


def test_what_cannot_be_written_as_json_is_done_again(tmp_path: Path) -> None:
    """An infinite limit has no form in JSON: better found out once more than read back wrong."""
    results = Results(tmp_path)
    odd = replace(FAULT, measured={"a: b": Measured(1.0, math.inf, passed=True)})
    results.keep(TASKS[0][0], odd)
    assert results.of(TASKS[0][0]) in (None, odd)


def test_without_a_folder_nothing_is_kept() -> None:
    results = Results()
    results.keep(7, CLEAN)
    assert results.of(7) is None
    results.forget()
