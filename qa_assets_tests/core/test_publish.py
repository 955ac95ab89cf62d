"""A folder appears whole or not at all, whatever fails or is killed; changes are refused."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.publish import (
    MANIFEST,
    publish,
    replace_file,
    verify,
)
from qa_assets_tests.core.faulty import DiskFullAt, each_call, survives

FILES = {"a.txt": b"alpha", "deep/b.bin": bytes(range(256)), "empty": b""}
MOST_CALLS = 200


def refused(folder: Path) -> str:
    with pytest.raises(InputRefused) as error:
        verify(folder)
    return error.value.problems[0].code


def files_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_what_was_published_verifies(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"copied")
    target = tmp_path / "made" / "artifact"
    manifest = publish({**FILES, "c": source}, target)
    assert verify(target) == manifest
    assert manifest["a.txt"] == digest_bytes(b"alpha")
    assert files_in(target) == {*FILES, "c", MANIFEST}
    assert [p.name for p in target.parent.iterdir()] == ["artifact"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    publish({"a": b"old"}, tmp_path / "x")
    publish({"a": b"new"}, tmp_path / "x")
    assert (tmp_path / "x" / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def flip(folder: Path) -> None:
    body = bytearray((folder / "deep/b.bin").read_bytes())
    body[100] ^= 1
    (folder / "deep/b.bin").write_bytes(body)


def symlink(folder: Path) -> None:
    (folder / "a.txt").rename(folder.parent / "elsewhere")
    (folder / "a.txt").symlink_to(folder.parent / "elsewhere")


def pipe(folder: Path) -> None:
    (folder / "a.txt").unlink()
    os.mkfifo(folder / "a.txt")


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (flip, "ARTIFACT_TAMPERED"),
        (symlink, "ARTIFACT_TAMPERED"),
        (pipe, "ARTIFACT_TAMPERED"),
        (lambda f: (f / "a.txt").unlink(), "ARTIFACT_TAMPERED"),
        (lambda f: (f / "extra").write_bytes(b""), "ARTIFACT_TAMPERED"),
        (lambda f: (f / "dangling").symlink_to("nowhere"), "ARTIFACT_TAMPERED"),
        (lambda f: (f / "linked").symlink_to(f.parent), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).write_bytes(b"[]"), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).write_bytes(b'{"a.txt":'), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).write_bytes(b"\xff"), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).write_bytes(b"[" * 100_000), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).write_bytes(b'{"a.txt": 1, "b": NaN}'), "ARTIFACT_TAMPERED"),
        (lambda f: (f / MANIFEST).unlink(), "ARTIFACT_MISSING"),
        (lambda f: f.rename(f.parent / "gone"), "ARTIFACT_MISSING"),
    ],
)
@pytest.mark.timeout(10)
def test_a_changed_folder_is_refused(tmp_path: Path, harm: object, code: str) -> None:
    target = tmp_path / "artifact"
    publish(FILES, target)
    verify(target)
    assert callable(harm)
    harm(target)
    assert refused(target) == code


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    assert refused(tmp_path / "x") == "ARTIFACT_MISSING"


def attempt(work: Callable[[], object], n: int) -> tuple[bool, bool]:
    """Whether the ``n``-th call was met by a full disk, and whether ``work`` was refused for it."""
    fault = DiskFullAt(n)
    try:
        with each_call(fault):
            work()
    except EnvironmentFault as refusal:
        return fault.met, refusal.problems[0].code == "ENV_DISK_FULL"
    return fault.met, False


def test_a_full_disk_at_any_call_leaves_nothing_behind(tmp_path: Path) -> None:
    target, refusals = tmp_path / "new", 0
    publish({"a": b"old"}, tmp_path / "old")
    for n in range(1, MOST_CALLS):
        met, stopped = attempt(lambda: publish(FILES, target), n)
        refusals += stopped
        if target.exists():  # the fault was harmless, or came after the rename
            verify(target)
            shutil.rmtree(target)
        else:
            assert stopped
        assert {p.name for p in tmp_path.iterdir()} == {"old"}
        if not met:
            break
    assert refusals > 15
    verify(tmp_path / "old")


@pytest.mark.slow
def test_a_kill_at_any_call_leaves_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    points = 0
    while not survives(lambda: publish(FILES, target), points + 1):
        points += 1
        if target.exists():
            verify(target)
            target.rename(tmp_path / f"whole-{points}")
    assert points > 20
    verify(target)


def test_a_pointer_makes_the_folders_it_lies_in(tmp_path: Path) -> None:
    pointer = tmp_path / "names" / "latest" / "digits"
    replace_file(pointer, b"new\n")
    assert pointer.read_bytes() == b"new\n"


def test_a_kill_at_any_call_leaves_the_old_pointer_or_the_new(tmp_path: Path) -> None:
    pointer = tmp_path / "names" / "digits"
    replace_file(pointer, b"old\n")
    seen, points = {b"old\n"}, 0
    while not survives(lambda: replace_file(pointer, b"new\n"), points + 1):
        points += 1
        seen.add(pointer.read_bytes())
    assert points >= 4
    assert seen | {pointer.read_bytes()} == {b"old\n", b"new\n"}


def test_a_full_disk_at_any_call_leaves_the_old_pointer_or_the_new(tmp_path: Path) -> None:
    pointer, refusals = tmp_path / "pointer", 0
    for n in range(1, MOST_CALLS):
        replace_file(pointer, b"old")
        met, stopped = attempt(lambda: replace_file(pointer, b"new"), n)
        refusals += stopped
        assert [p.name for p in tmp_path.iterdir()] == ["pointer"]
        assert pointer.read_bytes() in ((b"old", b"new") if stopped else (b"new",))
        if not met:
            break
    assert refusals >= 4


LIMITED = """
import resource, signal, sys
from pathlib import Path
from qa_assets.core.errors import EnvironmentFault
from qa_assets.core.publish import publish
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    publish({"small": b"x" * 4000, "tall": b"x" * 6000}, Path(sys.argv[1]))
except EnvironmentFault as fault:
    print(fault.problems[0].code)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a file-size limit")
def test_a_real_limit_of_the_system_is_a_full_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "artifact")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("ENV_DISK_FULL\n", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_environment_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for write in (publish, lambda _, path: replace_file(path, b"")):
        with pytest.raises(EnvironmentFault):
            write(FILES, tmp_path / "file" / "below" / "x")
