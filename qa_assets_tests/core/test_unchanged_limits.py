"""What is remembered of a file that was read, for how long, and what is never remembered."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_assets.core import unchanged
from qa_assets.core.unchanged import Mark, known, link, mark_of, settle, tick_ns
from qa_assets_tests.core.test_unchanged import written

MIB = 1_048_576
CHANGED = 1_700_000_000_123_456_789
MARK = Mark(device=1, inode=2, size=MIB, modified_ns=3, changed_ns=CHANGED)
LATER = CHANGED + tick_ns() + 1
REMEMBER = unchanged._remember  # pyright: ignore[reportPrivateUsage]
SEEN = unchanged._SEEN  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    """The memory of the process, empty for a while."""
    kept = dict(SEEN)
    SEEN.clear()
    yield
    SEEN.clear()
    SEEN.update(kept)


@pytest.mark.parametrize(
    ("mark", "begun", "remembered"),
    [
        (MARK, LATER, True),
        (MARK._replace(size=MIB - 1), LATER, False),  # it is read as fast as it is looked up
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


def test_after_ten_minutes_it_is_read_again() -> None:
    SEEN[MARK] = "digest", time.monotonic() - 590
    assert known(MARK) == "digest"
    SEEN[MARK] = "digest", time.monotonic() - 600
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
    SEEN[mark_of(body)] = "digest", time.monotonic()
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
