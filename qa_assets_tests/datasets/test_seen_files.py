"""A file that nothing touched is not read again, and a snapshot says the same as without that."""

import os
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.unchanged import tick_ns
from qa_assets.datasets.folders import FoundFile, walk
from qa_assets.datasets.seen_files import SeenFiles
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.snapshot import fingerprint, snapshot
from qa_assets_tests.datasets.samples import pets, picture, write

Opened = Callable[[], AbstractContextManager[list[str]]]
SETTINGS = {
    "image_folder": DatasetSettings(path="data"),
    "manifest": DatasetSettings(path="data/labels.csv", format="manifest"),
}


def settle() -> None:
    """Wait until a change has another time than those before."""
    begun = time.time_ns()
    while time.time_ns() - begun <= 2 * tick_ns():
        pass


@pytest.fixture(params=sorted(SETTINGS))
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatasetSettings:
    pets(tmp_path, 6)
    label(tmp_path)
    settle()
    return SETTINGS[request.param]


def label(root: Path) -> None:
    names = [f.relative_to(root / "data").as_posix() for f in sorted(root.glob("data/*/*"))]
    rows = "".join(f"{name},{name[:3]}\n" for name in names)
    (root / "data/labels.csv").write_text(f"filename,label\n{rows}")


def taken(
    root: Path, settings: DatasetSettings, before: DatasetSnapshot | None = None
) -> DatasetSnapshot:
    (root / "scratch").mkdir(exist_ok=True)
    earlier = (lambda _: before) if before else None
    return snapshot(settings, "s", root, root / "scratch", earlier, root / "memory")


def anew(root: Path, settings: DatasetSettings) -> DatasetSnapshot:
    (root / "other").mkdir(exist_ok=True)
    return snapshot(settings, "s", root, root / "other")


def pictures(names: list[str]) -> set[str]:
    return {Path(name).name for name in names if name.endswith(".png")}


def test_only_what_is_new_is_opened(
    settings: DatasetSettings, tmp_path: Path, opened: Opened
) -> None:
    with opened() as names:
        first = taken(tmp_path, settings)
    assert len(pictures(names)) == 12
    write(tmp_path / "data/cat", {"new.png": picture(999)})
    label(tmp_path)
    with opened() as names:
        second = taken(tmp_path, settings, first)
    assert pictures(names) == {"new.png"}
    assert (second.samples, second.version) == (13, anew(tmp_path, settings).version)


def test_one_that_is_gone_and_one_that_is_called_otherwise(
    settings: DatasetSettings, tmp_path: Path, opened: Opened
) -> None:
    first = taken(tmp_path, settings)
    (tmp_path / "data/cat/cat_0.png").unlink()
    (tmp_path / "data/dog/dog_0.png").rename(tmp_path / "data/cat/turned.png")
    label(tmp_path)
    settle()
    with opened() as names:
        second = taken(tmp_path, settings, first)
    assert pictures(names) <= {"turned.png"}  # a new name is a change of an inode
    assert second.version == anew(tmp_path, settings).version
    assert len((tmp_path / "memory/files").read_bytes()) == 8 + 11 * (40 + 32)


def overwrite(place: Path, body: bytes) -> None:
    place.write_bytes(body)


def replace(place: Path, body: bytes) -> None:
    write(place.parent.parent.parent, {"aside": body})
    (place.parent.parent.parent / "aside").replace(place)


@pytest.mark.parametrize("change", [overwrite, replace])
def test_other_content_of_the_same_size_and_time_is_seen(
    settings: DatasetSettings, tmp_path: Path, change: Callable[[Path, bytes], None]
) -> None:
    place = tmp_path / "data/cat/cat_0.png"
    first, before = taken(tmp_path, settings), place.stat()
    body = next(b for b in map(picture, range(1000, 9000)) if len(b) == before.st_size)
    change(place, body)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat()[6:9] == before[6:9]  # size and times as they were
    second = taken(tmp_path, settings, first)
    assert second.version == anew(tmp_path, settings).version != first.version


def test_one_that_may_change_within_the_tick_is_read_again(tmp_path: Path) -> None:
    pets(tmp_path)
    settle()
    memory = tmp_path / "memory"
    seen = SeenFiles(memory)
    settle()
    (tmp_path / "data/cat/cat_0.png").write_bytes(picture(5))
    files = {f.name: f for f in walk(tmp_path / "data") if isinstance(f, FoundFile)}
    for number, file in enumerate(files.values()):
        seen.note(file, bytes([number]) * 32)
    seen.keep()
    known = {name: SeenFiles(memory).key_of(file) for name, file in files.items()}
    assert known.pop("cat/cat_0.png") is None
    assert known == {name: bytes([n]) * 32 for n, name in enumerate(files) if n}


@pytest.mark.parametrize("cut", [0, 3, 8 + 40, -1, -72 + 8])
@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", b"qa-seen2"])
def test_a_damaged_memory_holds_nothing(
    settings: DatasetSettings, tmp_path: Path, opened: Opened, cut: int, start: bytes
) -> None:
    first, memory = taken(tmp_path, settings), tmp_path / "memory/files"
    whole = memory.read_bytes()
    memory.write_bytes(start + whole[len(start) : cut])
    with opened() as names:
        second = taken(tmp_path, settings, first)
    assert len(pictures(names)) == 12
    assert second == first
    assert memory.read_bytes() == whole


@pytest.mark.parametrize("seconds", [-(10**9), 0, 1 << 34, (1 << 34) - (1 << 31) - 1])
def test_a_file_of_any_century_is_taken(tmp_path: Path, opened: Opened, seconds: int) -> None:
    pets(tmp_path)
    for place in tmp_path.glob("data/cat/*"):
        os.utime(place, (seconds, seconds))
    settle()
    first = taken(tmp_path, SETTINGS["image_folder"])
    with opened() as names:
        assert taken(tmp_path, SETTINGS["image_folder"], first) == first
    assert pictures(names) == set()
    assert fingerprint(SETTINGS["image_folder"], tmp_path)


def test_what_was_refused_is_refused_again(settings: DatasetSettings, tmp_path: Path) -> None:
    write(tmp_path / "data/cat", {"bad.png": picture(7)[:40]})
    label(tmp_path)
    settle()
    first = taken(tmp_path, settings)
    second = taken(tmp_path, settings, first)
    assert [q.item for q in first.quarantined] == ["cat/bad.png"]
    assert second.quarantined == first.quarantined


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "memory").write_bytes(b"a file")
    assert taken(tmp_path, SETTINGS["image_folder"]).samples == 8


def test_any_changes_give_what_starting_anew_gives(tmp_path: Path) -> None:
    draw, settings, before = random.Random(3), SETTINGS["image_folder"], None
    pets(tmp_path, 8)
    for turn in range(12):
        places = sorted(tmp_path.glob("data/*/*.png"))
        one, two, three = draw.sample(places, 3)
        match turn % 4:
            case 0:
                one.write_bytes(picture(turn + 500))
                two.rename(two.with_name(f"{turn}.png"))
            case 1:
                os.link(one, three.with_name(f"{turn}.png"))
                two.replace(three)
            case 2:
                one.unlink()
                write(tmp_path, {f"data/dog/{turn}.png": picture(turn + 900)})
            case _:
                body = one.read_bytes()
                one.write_bytes(two.read_bytes())
                two.write_bytes(body)
        if draw.random() < 0.5:
            settle()
        before = taken(tmp_path, settings, before)
        fresh = anew(tmp_path, settings)
        assert (before.version, before.quarantined) == (fresh.version, fresh.quarantined)
        assert before.remarks == fresh.remarks
