"""``qa prune`` as a user calls it."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from qa_assets.config import read_pipeline
from qa_assets.core.folders import files_below
from qa_assets.core.publish import MANIFEST
from qa_assets.core.records.release import Release
from qa_assets.core.retention import WHOLE_RELEASES, forget, forgettable
from qa_assets.core.store import LocalStore
from qa_assets.datasets.released import EVIDENCE, other_release, released_data
from qa_assets.preprocessing.contract import other_contract
from qa_assets.prune_command import compared_with
from qa_assets_tests.conftest import Project

YEAR = 365 * 86400.0


def grown_old(project: Project, *, but: str = "") -> None:
    """Everything in it was made a year ago."""
    then = time.time() - YEAR
    for folder, folders, files in os.walk(project.root / ".qa"):
        for name in (*folders, *files):
            if not but or but not in Path(folder, name).parts:
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


def contents(store: LocalStore, digest: str) -> dict[str, bytes]:
    return {n: p.read_bytes() for n, p in files_below(store.get(digest)) if n != MANIFEST}


def again(store: LocalStore, release: str, note: str, data: str) -> str:
    """The same release once more, on data of another version; its name is new."""
    files = contents(store, release)
    statistics = json.loads(files[EVIDENCE]) | {"version": data}
    record = json.loads(files["record.json"])
    own = store.put({"record.json": json.dumps({"note": note}).encode()})
    contract = contents(store, record["evidence"]["preprocessing_contract"])
    told = json.loads(contract["record.json"]) | {"round_trip_error": 1e-6 * len(note)}
    same = store.put({**contract, "record.json": json.dumps(told).encode()})
    record["evidence"] |= {"dataset_snapshot": own, "evaluation": own}
    record["evidence"]["preprocessing_contract"] = same
    files |= {EVIDENCE: json.dumps(statistics).encode(), "RELEASE.md": note.encode()}
    digest = store.put({**files, "record.json": json.dumps(record).encode()})
    store.point(f"history/digits/release/{digest}", digest)
    store.point("latest/digits/release", digest)
    return digest


def test_what_the_next_candidate_is_compared_with_stays(project: Project) -> None:
    """However many releases were made from the newest data since."""
    store = LocalStore(project.root / ".qa/store")
    first = store.resolve("latest/digits/release") or ""
    evidence = Release.load(store.get(first)).evidence
    for name in list(store.names("latest")):  # nothing but the releases keeps what they speak of
        (store.root / "names" / name).unlink()
    shutil.rmtree(store.root / "names/history")
    store.point(f"history/digits/release/{first}", first)
    old = [again(store, first, "again" * (n + 1), "f" * 64) for n in range(WHOLE_RELEASES + 2)]
    for n, digest in enumerate([first, *old]):
        then = time.time() - 2 * YEAR + n
        os.utime(store.root / f"names/history/digits/release/{digest}", (then, then))
    grown_old(project, but="history")
    spec = read_pipeline(project.root / "defs/digits", project.root).config.input
    assert other_release(store, "digits", "f" * 64) == first
    before = other_contract(store, "digits", spec)
    found = forgettable(store, time.time() - YEAR / 2, compared_with(store))
    forget(store, found)
    assert other_release(store, "digits", "f" * 64) == first
    assert released_data(store, first).unreadable == ""
    assert other_contract(store, "digits", spec) == before == ""
    stays = {p.name for p in (store.root / "objects").glob("*/*")}
    assert {first, *old} <= stays, "every release"
    assert set(evidence.values()) <= stays
    owns = [Release.load(store.get(d)).evidence["evaluation"] for d in old]
    assert [own in stays for own in owns] == [False, False] + [True] * WHOLE_RELEASES


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
