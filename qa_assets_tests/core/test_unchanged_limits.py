"""What is remembered of a file that was read, for how long, and what is never remembered."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_assets.core import unchanged
from qa_assets.core.errors import InputRefused
from qa_assets.core.store import LocalStore
from qa_assets.core.unchanged import Mark, keep, known, link, mark_of, recall, settle, tick_ns
from qa_assets_tests.core.test_unchanged import settled, written

LEAST = 65_536
CHANGED = 1_700_000_000_123_456_789
MARK = Mark(device=1, inode=2, size=LEAST, modified_ns=3, changed_ns=CHANGED)
LATER = CHANGED + tick_ns() + 1
REMEMBER = unchanged._remember  # pyright: ignore[reportPrivateUsage]
SEEN = unchanged._SEEN  # pyright: ignore[reportPrivateUsage]
HELD = unchanged._HELD  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    """The memory of the process, empty for a while."""
    kept, held = dict(SEEN), dict(HELD)
    another_process()
    yield
    another_process()
    SEEN.update(kept)
    HELD.update(held)


@pytest.mark.parametrize(
    ("mark", "begun", "remembered"),
    [
        (MARK, LATER, True),
        (MARK._replace(size=LEAST - 1), LATER, False),  # it is read as fast as it is looked up
        (MARK, LATER - 1, False),  # a change within the same tick would not show
        (MARK._replace(changed_ns=CHANGED // 1_000_000 * 1_000_000), LATER, False),
        (MARK._replace(changed_ns=CHANGED // 1_000_000 * 1_000_000 + 1), LATER, True),
    ],
)
def test_only_what_a_later_change_would_show_of_is_remembered(
    mark: Mark, begun: int, remembered: bool
) -> None:
    REMEMBER(mark, "digest", begun)
    assert known(mark) == ("digest" if remembered else None)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a clock")
def test_a_tick_is_that_of_the_coarse_clock() -> None:
    assert tick_ns() == round(time.clock_getres(6) * 1e9)
    assert 100_000 <= tick_ns() <= 10_000_000, "a hundred to ten thousand a second"


def test_where_that_clock_is_not_a_tick_is_taken_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    tick_ns.cache_clear()
    monkeypatch.setattr(sys, "platform", "another")
    try:
        assert tick_ns() == 10_000_000
    finally:
        tick_ns.cache_clear()


@pytest.mark.parametrize("part", Mark._fields)
def test_a_file_that_differs_in_anything_is_another(part: str) -> None:
    REMEMBER(MARK, "digest", LATER)
    assert known(MARK._replace(**{part: 7})) is None
    assert known(MARK) == "digest"


def test_after_half_a_day_it_is_read_again() -> None:
    SEEN[MARK] = "digest", time.time() - 43_190
    assert known(MARK) == "digest"
    SEEN[MARK] = "digest", time.time() - 43_200
    assert known(MARK) is None


def test_the_memory_does_not_grow_for_ever() -> None:
    for inode in range(10_000):
        REMEMBER(MARK._replace(inode=inode), "digest", LATER)
    assert len(SEEN) == 10_000
    REMEMBER(MARK._replace(inode=10_000), "last", LATER)
    assert SEEN.keys() == {MARK._replace(inode=10_000)}


def test_a_second_name_of_a_known_file_keeps_what_is_known(tmp_path: Path) -> None:
    body = written(tmp_path / "body")
    assert link(tmp_path / "before", body) is None, "nobody has read it yet"
    SEEN[mark_of(body)] = "digest", time.time()
    mark = link(tmp_path / "after", body)
    assert mark == mark_of(tmp_path / "after") == mark_of(body)
    assert known(mark_of(body)) is None, "a second name is a change of the file until it settles"


def test_a_folder_settles_with_the_files_that_nothing_touched(tmp_path: Path) -> None:
    names = ("same", "unknown", "touched")
    marks: dict[str, Mark | None] = {n: mark_of(written(tmp_path / n)) for n in names}
    marks |= {"unknown": None, "gone": marks["same"]}
    written(tmp_path / "touched")
    settle(tmp_path, marks, dict.fromkeys(marks, "digest"))
    assert known(mark_of(tmp_path / "same")) == "digest"
    assert SEEN.keys() == {marks["same"]}


def another_process() -> None:
    """Forget as the end of a process does."""
    SEEN.clear()
    HELD.clear()


def test_another_process_recalls_what_was_kept(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    REMEMBER(MARK, "digest", LATER)
    keep(memory)
    another_process()
    assert known(MARK) is None
    recall(memory)
    assert known(MARK) == "digest"
    SEEN[MARK] = "other", time.time()
    recall(memory)
    assert known(MARK) == "other", "it is read once"
    assert [p.name for p in tmp_path.iterdir()] == ["memory"], "no draft is left"


def test_what_was_kept_is_forgotten_after_half_a_day_too(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    second = MARK._replace(inode=3)
    SEEN.update({MARK: ("old", time.time() - 43_190), second: ("of tomorrow", time.time() + 60)})
    keep(memory)
    assert "old" in memory.read_text(encoding="ascii")
    assert "tomorrow" not in memory.read_text(encoding="ascii")
    SEEN[MARK] = "old", time.time() - 43_200
    SEEN[second] = "new", time.time()
    keep(memory)
    assert "old" not in memory.read_text(encoding="ascii")


def test_a_memory_is_written_only_where_there_is_more_to_remember(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    keep(memory)
    assert not memory.exists()
    REMEMBER(MARK, "digest", LATER)
    keep(memory)
    memory.unlink()
    keep(memory)
    assert not memory.exists()
    REMEMBER(MARK._replace(inode=3), "second", LATER)
    keep(memory)
    assert "digest" in memory.read_text(encoding="ascii")


@pytest.mark.parametrize("body", [b"", b"{}", b"[[1, 2]]", b"\xff", b'[[[1, 2], "d", 3]]', b"[1]"])
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, body: bytes) -> None:
    memory = tmp_path / "memory"
    memory.write_bytes(body)
    recall(memory)
    assert not SEEN


def test_a_memory_that_cannot_be_written_is_not_missed(tmp_path: Path) -> None:
    REMEMBER(MARK, "digest", LATER)
    keep(tmp_path / "absent" / "memory")
    assert known(MARK) == "digest"


def test_a_store_does_not_read_again_what_another_process_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(LEAST)
    digest = LocalStore(tmp_path).put({"shard": body})
    shard = settled(LocalStore(tmp_path).get(digest) / "shard")
    another_process()
    LocalStore(tmp_path).get(digest)
    another_process()
    read: list[Path] = []
    whole = unchanged.digest_file
    monkeypatch.setattr(unchanged, "digest_file", lambda p: read.append(p) or whole(p))
    LocalStore(tmp_path).get(digest)
    assert shard not in read
    written(shard, b"1" + body[1:])
    with pytest.raises(InputRefused):
        LocalStore(tmp_path).get(digest)
    assert shard in read
