"""How a folder is published: what is linked, synced and readable; and one file read of it."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.publish import (
    MANIFEST,
    manifest_of,
    publish,
    read_verified,
    replace_file,
    verify,
)

FILES = {"a.txt": b"alpha", "deep/b.bin": bytes(range(256)), "empty": b""}


def test_folders_in_folders_are_made_and_what_will_be_published_is_known_before(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    files = {"a/b/c": b"deep", "a/b/d": source}
    target = tmp_path / "x" / "y" / "z"
    assert publish(files, target) == manifest_of(files) == verify(target)
    assert (target / "a" / "b" / "c").read_bytes() == b"deep"


def test_others_may_read_what_was_published(tmp_path: Path) -> None:
    publish(FILES, tmp_path / "x")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o755
    assert (tmp_path / "x" / "MANIFEST.json").read_bytes().endswith(b"}\n")


def linked(place: Path, source: Path) -> bool:
    return place.stat().st_ino == source.stat().st_ino


@pytest.mark.parametrize("case", ["kept", "elsewhere", "no folder stays", "kept, not measured"])
def test_a_file_that_stays_as_it_is_is_linked_and_any_other_copied(
    tmp_path: Path, case: str
) -> None:
    source = tmp_path / ("other" if case == "elsewhere" else "kept") / "shard"
    source.parent.mkdir()
    source.write_bytes(b"shard")
    manifest = publish(
        {"shard": source, "new": b"new"},
        tmp_path / "made",
        immutable=None if case == "no folder stays" else tmp_path / "kept",
        digests=None if case.endswith("not measured") else {"shard": digest_bytes(b"shard")},
    )
    assert linked(tmp_path / "made" / "shard", source) is case.startswith("kept")
    assert (tmp_path / "made" / "shard").read_bytes() == source.read_bytes() == b"shard"
    assert verify(tmp_path / "made") == manifest
    assert set(manifest) == {"shard", "new"}


def test_a_file_that_was_made_for_it_is_moved(tmp_path: Path) -> None:
    source = tmp_path / "scratch" / "run" / "shard"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"shard")
    inode = source.stat().st_ino
    publish({"shard": source}, tmp_path / "made", given=tmp_path / "scratch")
    assert not source.exists()
    assert (tmp_path / "made" / "shard").stat().st_ino == inode
    assert verify(tmp_path / "made") == {"shard": digest_bytes(b"shard")}


def test_a_digest_that_is_not_that_of_the_file_is_found_by_whoever_reads(tmp_path: Path) -> None:
    publish({"a": b"a"}, tmp_path / "made", digests={"a": digest_bytes(b"other")})
    with pytest.raises(InputRefused):
        verify(tmp_path / "made")


def test_a_kept_file_that_has_vanished_is_not_published_by_its_name_alone(tmp_path: Path) -> None:
    digests = {"shard": digest_bytes(b"shard")}
    with pytest.raises(EnvironmentFault):
        publish({"shard": tmp_path / "gone"}, tmp_path / "x", immutable=tmp_path, digests=digests)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_folder_is_a_fault_and_stays(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a file")
    with pytest.raises(EnvironmentFault):
        publish(FILES, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"a file"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def synced(work: Callable[[], object]) -> int:
    """How often ``work`` asks the disk to keep what was written."""
    calls: list[str] = []
    sys.setprofile(
        lambda _, event, called: (
            calls.append(getattr(called, "__name__", "")) if event == "c_call" else None
        )
    )
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls.count("fsync")


def test_every_file_and_every_name_is_synced(tmp_path: Path) -> None:
    """Three files and the manifest; the folder, the one in it, and the one that holds it."""
    assert synced(lambda: publish(FILES, tmp_path / "x")) == 4 + 3
    assert synced(lambda: replace_file(tmp_path / "pointer", b"")) == 1 + 1


def test_all_but_what_was_linked_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, the manifest, the folder and the one above; a copy in place of a link too."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "kept" / "a").write_bytes(b"a")

    def files() -> dict[str, bytes | Path]:
        (tmp_path / "scratch" / "b").write_bytes(b"b")
        return {"a": tmp_path / "kept" / "a", "b": tmp_path / "scratch" / "b"}

    where = {"immutable": tmp_path / "kept", "given": tmp_path / "scratch"}
    found = files()
    assert synced(lambda: publish(found, tmp_path / "x", **where)) == 2 + 2

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("qa_assets.core.publish.link", refuse)
    found = files()
    assert synced(lambda: publish(found, tmp_path / "y", **where)) == 3 + 2
    assert verify(tmp_path / "x") == verify(tmp_path / "y")


def test_one_file_is_read_whatever_became_of_the_others(tmp_path: Path) -> None:
    manifest = publish(FILES, tmp_path / "x")
    assert read_verified(tmp_path / "x", "deep/b.bin") == (FILES["deep/b.bin"], manifest)
    (tmp_path / "x" / "a.txt").write_bytes(b"changed")
    assert read_verified(tmp_path / "x", "deep/b.bin") == (FILES["deep/b.bin"], manifest)
    (tmp_path / "x" / "unlisted").write_bytes(b"")
    codes = {"a.txt": "ARTIFACT_TAMPERED", "unlisted": "ARTIFACT_TAMPERED",
             "none": "ARTIFACT_MISSING"}  # fmt: skip
    for name, code in codes.items():
        with pytest.raises(InputRefused) as error:
            read_verified(tmp_path / "x", name)
        assert error.value.problems[0].code == code
    (tmp_path / "x" / MANIFEST).write_bytes(b"[]")
    with pytest.raises(InputRefused, match="ARTIFACT_TAMPERED") as error:
        read_verified(tmp_path / "x", "deep/b.bin")
    assert MANIFEST in error.value.problems[0].item
