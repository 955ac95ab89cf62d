"""What was read whole is not read again, and whatever touched it since is seen."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import InputRefused
from qa_assets.core.store import LocalStore
from qa_assets.core.unchanged import LARGE, digest_of, known, mark_of, tick_ns

BODY = bytes(range(256)) * (LARGE // 256)


def settled(path: Path) -> Path:
    """The file, once a change of it would have another time."""
    while time.time_ns() - mark_of(path).changed_ns <= tick_ns():
        pass
    return path


def written(path: Path, body: bytes = BODY) -> Path:
    path.write_bytes(body)
    return settled(path)


def flip(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff")


def flip_and_set_back(path: Path) -> None:
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(BODY[:100] + b"\xff" + BODY[101:])
    before = path.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def test_a_large_file_is_remembered(tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    assert known(mark_of(path)) is None
    assert digest_of(path) == digest_bytes(BODY) == known(mark_of(path)) == digest_of(path)


def test_a_small_one_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"small")
    assert digest_of(path) == digest_bytes(b"small")
    assert known(mark_of(path)) is None


def test_one_that_was_just_changed_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(BODY)
    soon = time.time_ns() - mark_of(path).changed_ns <= tick_ns()
    digest_of(path)
    assert known(mark_of(path)) is None or not soon


@pytest.mark.parametrize("harm", [flip, flip_and_set_back, replace])
def test_a_touched_one_is_read_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = written(tmp_path / "a")
    before = digest_of(path)
    harm(path)
    assert path.stat().st_size == LARGE
    assert digest_of(path) == digest_bytes(path.read_bytes()) != before


@pytest.mark.parametrize("harm", [flip, flip_and_set_back, replace])
def test_a_store_refuses_what_was_damaged_after_it_was_verified(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    store = LocalStore(tmp_path)
    first = store.put({"shard": BODY, "a": b"a"})
    shard = settled(store.get(first) / "shard")
    store.get(first)
    second = store.put({"shard": shard, "b": b"b"})
    linked = settled(store.get(second) / "shard")
    assert linked.samefile(shard)
    assert known(mark_of(store.get(second) / "shard")) == digest_bytes(BODY)
    harm(linked)
    with pytest.raises(InputRefused) as refused:
        store.get(second)
    assert refused.value.problems[0].code == "ARTIFACT_TAMPERED"
    if harm is not replace:  # both versions have that file
        with pytest.raises(InputRefused):
            store.get(first)


def test_a_kept_file_that_was_damaged_is_not_published_as_it_was(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    shard = settled(store.get(store.put({"shard": BODY})) / "shard")
    digest_of(shard)
    flip_and_set_back(shard)
    harmed = store.put({"shard": shard, "b": b"b"})
    assert harmed != store.put({"shard": BODY, "b": b"b"})
