"""A zip is refused for the first thing that is wrong with it, and its members are read in place."""

import struct
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.datasets import zip_directory
from qa_assets.datasets.archives import contents
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.zip_archives import Zip, open_zip

LIMITS = SampleLimits(max_members=6, max_total_mib=4.0, max_ratio=2.0)
MIB = 1 << 20
LINK, PIPE, FILE = (kind << 16 for kind in (0o120777, 0o010644, 0o100644))


FAULTS: dict[str, list[Any]] = {
    "filename": ["a0", "a1", "a3", "d/", "../a0", "a\0a"],
    "flag_bits": [1],
    "external_attr": [LINK, PIPE],
    "file_size": [2 * MIB, 2 * MIB + 1],
    "header_offset": [-1, 0],
}


@st.composite
def listings(draw: st.DrawFn) -> list[zipfile.ZipInfo]:
    """Members with some faults: a name again, hostile, encrypted, a link, a bomb, overlap."""
    found: list[zipfile.ZipInfo] = []
    for row in range(draw(st.integers(0, 7))):
        info = zipfile.ZipInfo(f"a{row}")
        info.compress_size = info.file_size = draw(st.sampled_from([0, 9, MIB]))
        info.external_attr = draw(st.sampled_from([0, FILE]))
        info.header_offset = end_of(found[-1]) if found else 0
        found.append(info)
    for info in draw(st.lists(st.sampled_from(found), max_size=3)) if found else ():
        fault = draw(st.sampled_from(list(FAULTS)))
        value = draw(st.sampled_from(FAULTS[fault]))
        if fault == "header_offset":
            value = max(0, info.header_offset + value)
        for name in ("filename", "orig_filename") if fault == "filename" else (fault,):
            setattr(info, name, value)
    return draw(st.permutations(found))


def end_of(info: zipfile.ZipInfo) -> int:
    return info.header_offset + 30 + len(info.orig_filename) + info.compress_size


def directory(infos: list[zipfile.ZipInfo]) -> bytes:
    """A zip of nothing but a directory."""
    entries = b""
    for i in infos:
        name = i.orig_filename.encode()
        numbers = (0, i.compress_size, i.file_size, len(name), 0, 0, 0, 0, i.external_attr)
        head = (b"PK\1\2", 20, 3, 20, 0, i.flag_bits, 0, 0, 0)
        entries += struct.pack("<4s4B4HL2L5H2L", *head, *numbers, i.header_offset) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(entries), 0, 0)
    return entries + end


def refusal(infos: list[zipfile.ZipInfo]) -> tuple[str, str] | None:
    """Code and member of the first thing that is wrong, looked for member by member."""
    if len(infos) > LIMITS.max_members:
        return "ARC_MEMBERS", ""
    seen: set[str] = set()
    for i in infos:
        name, big = (
            i.orig_filename,
            i.file_size > max(LIMITS.max_ratio * max(i.compress_size, 1), MIB),
        )
        wrong = [("ARC_NAME", "\0" in name), ("ARC_TRAVERSAL", name.startswith("..")),
                 ("ARC_ENCRYPTED", i.flag_bits & 1), ("ARC_LINK", i.external_attr == LINK),
                 ("ARC_SPECIAL", i.external_attr == PIPE), ("ARC_DUPLICATE", name in seen),
                 ("ARC_BOMB", big)]  # fmt: skip
        if said := [code for code, so in wrong if so]:
            return said[0], name.split("\0")[0]
        seen.add(name)
    if sum(i.file_size for i in infos) > LIMITS.max_total_mib * MIB:
        return "ARC_BOMB", ""
    for one, other in pairwise(sorted(infos, key=lambda i: i.header_offset)):
        if end_of(one) > other.header_offset:
            return "ARC_BOMB", other.orig_filename
    return None


def opened(source: Path) -> tuple[Problem | None, Zip | None]:
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(zip_directory, "_PIECE", 100)  # two members at once
            return None, open_zip(source, LIMITS)
    except InputRefused as refused:
        return refused.problems[0], None


@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(infos=listings())
def test_the_first_that_is_wrong_decides(tmp_path: Path, infos: list[zipfile.ZipInfo]) -> None:
    source = tmp_path / "set.zip"
    source.write_bytes(directory(infos))
    problem, found = opened(source)
    if expected := refusal(infos):
        assert problem is not None
        assert problem.code == expected[0]
        assert expected[1] in f"{problem.item} {problem.message}"
    else:
        assert found is not None
        names = sorted(i.orig_filename for i in infos if not i.orig_filename.endswith("/"))
        assert [name for _, name in found.named()] == names


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("")
    info.header_offset = 0
    (tmp_path / "set.zip").write_bytes(directory([info]))
    with pytest.raises(InputRefused, match=r"ARC_NAME.*without a name"):
        open_zip(tmp_path / "set.zip", LIMITS)


def written(source: Path, members: int) -> dict[str, bytes]:
    bodies = {f"{n % 7}/{n:05d}.png": b"%d" % n * 9 for n in reversed(range(members))}
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("empty")
        for name, body in bodies.items():
            archive.writestr(name, body)
    return bodies


def test_members_come_by_name_with_their_bytes(tmp_path: Path) -> None:
    bodies = written(tmp_path / "set.zip", 5000)
    inside = contents(tmp_path / "set.zip", SampleLimits())
    assert list(inside.names()) == sorted(bodies)
    read = {m.name: (m.stamp[0], m.read(1.0)) for m in inside.members()}
    assert read == {name: (len(body), body) for name, body in bodies.items()}


@pytest.mark.parametrize(
    ("before", "written"), [(b"", "caf\u00e9@"), (b"MZ" * 99, "cat/"), (b"#!/bin/sh\n", "cat@")]
)
def test_members_are_found_behind_a_program_and_under_any_spelling(
    tmp_path: Path, before: bytes, written: str
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("a", "b"):
            archive.writestr(f"{written}{name}.png", name * 9)
    body = (tmp_path / "set.zip").read_bytes().replace(b"@", b"\\")
    body = body.replace(b"\0\0\0\x08", b"\0\0\0\0").replace(b"\x14\0\0\x08", b"\x14\0\0\0")
    (tmp_path / "set.zip").write_bytes(before + body)
    inside = contents(tmp_path / "set.zip", SampleLimits())
    expected = {f"{written.replace('@', '/')}{name}.png": name.encode() * 9 for name in ("a", "b")}
    assert {m.name: m.read(1.0) for m in inside.members()} == expected
    assert list(inside.names()) == sorted(expected)


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("caf\u00e9", b"1")
        archive.writestr("caf@@", b"2")
    body = (tmp_path / "set.zip").read_bytes().replace(b"@@", "\u00e9".encode())
    (tmp_path / "set.zip").write_bytes(body)  # one says that it is UTF-8, the other does not
    with pytest.raises(InputRefused, match=r"ARC_DUPLICATE.*caf"):
        open_zip(tmp_path / "set.zip", SampleLimits())


@pytest.mark.parametrize(
    ("disk", "said"), [(b"\1\0\1\0", "part of a split archive"), (bytes(4), "lacks its beginning")]
)
def test_the_last_part_of_an_archive_says_so(tmp_path: Path, disk: bytes, said: str) -> None:
    written(tmp_path / "set.zip", 9)
    body = (tmp_path / "set.zip").read_bytes()
    end = body.rindex(b"PK\5\6")
    (tmp_path / "set.zip").write_bytes(body[99 : end + 4] + disk + body[end + 8 :])
    with pytest.raises(InputRefused, match=rf"ARC_CORRUPT.*{said}.*Join its parts"):
        contents(tmp_path / "set.zip", SampleLimits())


def test_a_damaged_member_is_refused_when_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("cat/a.png", b"good")
        archive.writestr("cat/b.png", b"good too")
    body = (tmp_path / "set.zip").read_bytes()
    (tmp_path / "set.zip").write_bytes(body.replace(b"good too", b"good two"))
    first, second = contents(tmp_path / "set.zip", SampleLimits()).members()
    assert first.read(1.0) == b"good"
    with pytest.raises(InputRefused, match=r"ARC_CORRUPT.*cat/b\.png.*CRC"):
        second.read(1.0)


def test_a_member_takes_a_fifth_of_what_the_library_keeps(tmp_path: Path) -> None:
    members = 15_000
    written(tmp_path / "set.zip", members)
    open_zip(tmp_path / "set.zip", SampleLimits())  # what is imported late is there
    tracemalloc.start()
    try:
        with zipfile.ZipFile(tmp_path / "set.zip") as archive:
            theirs = tracemalloc.get_traced_memory()[0]
            assert archive.fp
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        found = open_zip(tmp_path / "set.zip", SampleLimits())
        ours, most = (n - before for n in tracemalloc.get_traced_memory())
        columns = found.names.nbytes
    finally:
        tracemalloc.stop()
    assert ours + columns < theirs / 5
    assert most + columns < theirs / 2
