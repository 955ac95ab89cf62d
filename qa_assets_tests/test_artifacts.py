"""Unchanged means free, and nothing but the content decides what is unchanged."""

from dataclasses import replace
from pathlib import Path

import pytest

from qa_assets.artifacts import Artifact, obtain, stale
from qa_assets.core.errors import InputRefused
from qa_assets.core.store import LocalStore
from qa_assets_tests.small import Made, artifacts


def obtain_all(graph: dict[str, Artifact], store: LocalStore) -> dict[str, bool]:
    digests: dict[str, str] = {}
    reused: dict[str, bool] = {}
    for name, artifact in graph.items():
        found = obtain(artifact, {read: digests[read] for read in artifact.reads}, store)
        digests[name], reused[name] = found.digest, found.reused
    return reused


def test_the_second_time_nothing_is_made(tmp_path: Path) -> None:
    made, store = Made(), LocalStore(tmp_path)
    assert obtain_all(artifacts(made), store) == {"first": False, "second": False}
    assert obtain_all(artifacts(made), store) == {"first": True, "second": True}
    assert made.names == ["first", "second"]


def test_changed_settings_make_it_again_and_what_reads_it(tmp_path: Path) -> None:
    made, store = Made(), LocalStore(tmp_path)
    obtain_all(artifacts(made), store)
    assert obtain_all(artifacts(made, samples=4), store) == {"first": False, "second": False}
    assert obtain_all(artifacts(made), store) == {"first": True, "second": True}, "a way back"


def test_equal_content_stops_the_change(tmp_path: Path) -> None:
    """Outside data that was touched is read again; what it leads to is the same record."""
    made, store = Made(), LocalStore(tmp_path)
    obtain_all(artifacts(made), store)
    assert obtain_all(artifacts(made, outside="v2"), store) == {"first": False, "second": True}


def test_what_is_stale_is_known_without_making_it(tmp_path: Path) -> None:
    made, store = Made(), LocalStore(tmp_path)
    assert list(stale(list(artifacts(made).values()), store)) == ["first", "second"]
    obtain_all(artifacts(made), store)
    assert list(stale(list(artifacts(made).values()), store)) == []
    assert list(stale(list(artifacts(made, samples=9).values()), store)) == ["first", "second"]
    assert made.names == ["first", "second"]


def test_a_damaged_artifact_is_made_again(tmp_path: Path) -> None:
    made, store = Made(), LocalStore(tmp_path)
    obtain_all(artifacts(made), store)
    graph = artifacts(made)
    digest = obtain(graph["first"], {}, store).digest
    (file,) = (tmp_path / "objects").rglob(f"{digest}/record.json")
    file.write_bytes(file.read_bytes().replace(b"3", b"4"))
    with pytest.raises(InputRefused, match="ARTIFACT_TAMPERED"):
        store.get(digest)
    again = obtain(graph["first"], {}, store)
    assert (again.reused, again.digest) == (False, digest)


def test_code_version_belongs_to_the_key(tmp_path: Path) -> None:
    graph = artifacts(Made())
    assert graph["first"].code != graph["second"].code


def test_the_call_itself_belongs_to_the_key() -> None:
    """Another argument in an asset's own line is another artifact, whatever its rooms hold."""
    first = artifacts(Made())["first"]
    otherwise = replace(first, make=artifacts(Made())["second"].make)
    assert first.key({}) == artifacts(Made())["first"].key({})
    assert first.key({}) != otherwise.key({})
