"""A candidate meets the release: on its way through the whole graph, as a user sees it."""

import json
import shutil

import pytest

from qa_assets.core.records.comparison import ReleaseBaseline, ReleaseComparison
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets_tests.conftest import Project


def stored(project: Project) -> LocalStore:
    return LocalStore(project.root / ".qa" / "store")


def latest(project: Project, name: str) -> str:
    return stored(project).resolve(f"latest/digits/{name}") or ""


def verdicts(project: Project) -> dict[str, dict]:
    page = json.loads((project.root / "reports" / "digits" / "report.json").read_bytes())
    return {v["check"]: v for v in page["verdicts"]}


def test_the_first_release_has_nothing_to_be_compared_with(finished: Project) -> None:
    record = ReleaseBaseline.load(stored(finished).get(latest(finished, "release_baseline")))
    assert (record.release, record.first_release) == ("", "absolute")
    assert "absolute gates decide" in verdicts(finished)["not_worse_than_released"]["summary"]


@pytest.mark.slow
def test_a_candidate_is_compared_with_the_release_and_stays_so(project: Project) -> None:
    store, first = stored(project), latest(project, "release")
    project.edit("seed: 0", "seed: 1")
    done = project.qa("run", "digits")
    compared = ReleaseComparison.load(store.get(latest(project, "release_comparison")))
    assert compared.version == Release.load(store.get(first)).version
    assert compared.change is not None
    assert compared.change.n == 447
    assert done.returncode in (0, 1), done.stdout + done.stderr
    promoted = latest(project, "release")
    assert (promoted != first) == (done.returncode == 0), "promoted only when every gate passes"
    again = project.qa("run", "digits")
    assert ": 0 made" in again.stdout, again.stdout + again.stderr
    assert latest(project, "release") == promoted
    same = ReleaseComparison.load(store.get(latest(project, "release_comparison")))
    assert same == compared, "the candidate is not compared with itself"


@pytest.mark.slow
def test_a_release_that_cannot_be_read_blocks_the_next_one(project: Project) -> None:
    store, first = stored(project), latest(project, "release")
    shutil.rmtree(store.get(first))
    project.edit("seed: 0", "seed: 1")
    done = project.qa("run", "digits")
    assert done.returncode == 1, done.stdout + done.stderr
    found = verdicts(project)["not_worse_than_released"]
    assert found["outcome"] == "cannot tell"
    assert "cannot be read" in found["summary"]
    assert latest(project, "release") == first


@pytest.mark.slow
def test_a_candidate_that_fails_is_kept_and_not_promoted(project: Project) -> None:
    first, weights = latest(project, "release"), latest(project, "trained_weights")
    project.edit("min_accuracy: 0.9}", "min_accuracy: 0.999}")
    project.edit("seed: 0", "seed: 3")
    assert project.qa("run", "digits").returncode == 1
    candidate = latest(project, "trained_weights")
    assert candidate != weights
    assert stored(project).get(candidate).is_dir()
    assert latest(project, "release") == first
