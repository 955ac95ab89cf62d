"""``qa prune`` as a user calls it."""

import json
import os
import time
from pathlib import Path

import pytest

from qa_assets_tests.conftest import Project

YEAR = 365 * 86400.0


def grown_old(project: Project) -> None:
    """Everything in it was made a year ago."""
    then = time.time() - YEAR
    for folder, folders, files in os.walk(project.root / ".qa"):
        for name in (*folders, *files):
            os.utime(Path(folder, name), (then, then))


def told(project: Project, *words: str) -> dict[str, object]:
    done = project.qa("prune", *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = map(json.loads, done.stdout.splitlines())
    assert row["store"] == ".qa/store"
    return row


@pytest.mark.slow
def test_after_it_nothing_that_is_used_is_made_again(project: Project) -> None:
    assert told(project, "--yes")["records"] == 0, "all of it is of today"
    grown_old(project)
    counted = told(project)
    assert counted["records"]
    assert told(project) == counted, "to count is not to remove"
    removed = told(project, "--yes")
    assert {k: removed[k] for k in ("records", "names", "MiB")} == {
        k: counted[k] for k in ("records", "names", "MiB")
    }
    assert told(project)["records"] == 0
    for words in (("status", "digits"), ("report", "digits"), ("data", "versions", "digits")):
        assert project.qa(*words).returncode == 0, words
    again = project.qa("run", "digits")
    assert again.returncode == 0, again.stdout + again.stderr
    assert " 0 made, " in again.stdout
    assert "Released: " in again.stdout


def test_a_store_that_is_being_written_is_left_alone(project: Project) -> None:
    (project.root / f".qa/store/scratch/scratch-{os.getpid()}-x").mkdir(parents=True)
    done = project.qa("prune", "--yes")
    assert done.returncode == 2
    assert f"STORE_BUSY {project.root}/.qa/store: is being written by process" in done.stderr
    assert "Wait for its run to end." in done.stderr


def test_a_project_without_a_store_has_nothing_to_remove(empty_project: Project) -> None:
    assert told(empty_project)["records that stay"] == 0
    assert "Nothing was removed" not in empty_project.qa("prune").stdout
    refused = empty_project.qa("prune", "--older-than", "0")
    assert refused.returncode == 2
