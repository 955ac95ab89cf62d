"""The directory of a zip is read as the standard library reads it whole: same members, same no."""

import io
import tempfile
import zipfile
from collections.abc import Callable
from typing import IO, Any
from zipfile import BadZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.core.zips import ZIP_ERRORS
from qa_assets.datasets import zip_directory
from qa_assets.datasets.zip_directory import SplitZip, infos, opened

TOLD = ("orig_filename", "filename", "header_offset", "compress_size", "file_size", "CRC",
        "compress_type", "flag_bits", "external_attr", "extra", "comment", "extract_version",
        "date_time")  # fmt: skip
UNICODE_PATH = b"\x75\x70\x09\x00\x01\x00\x00\x00\x00dir/"
ENTRY = b"PK\1\2"


def told(info: zipfile.ZipInfo) -> tuple[Any, ...]:
    return tuple(getattr(info, name) for name in TOLD)


def on_disk(body: bytes) -> IO[bytes]:
    """A real file: one in memory lets a place before its beginning pass."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - its readers close it
    file.write(body)
    return file


def whole(body: bytes) -> list[zipfile.ZipInfo]:
    with on_disk(body) as file, zipfile.ZipFile(file) as archive:
        return archive.infolist()


def pieced(body: bytes) -> list[zipfile.ZipInfo]:
    with on_disk(body) as file:
        return [info for few in infos(file) for info in few]


def said(read: Callable[[bytes], list[zipfile.ZipInfo]], body: bytes) -> list[Any]:
    try:
        return [told(info) for info in read(body)]
    except ZIP_ERRORS as error:
        return [BadZipFile if isinstance(error, SplitZip) else type(error), str(error)]


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Small archives with all that a directory may say, and nothing wrong."""
    names = st.text("aé\u732b./\\ ", min_size=1, max_size=8)
    bodies = st.binary(max_size=30)
    extras = st.sampled_from([b"", UNICODE_PATH, b"\xfe\xca\0\0", b"\xfe\xca\2\0ab" * 3, b"ab"])
    kinds = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    out = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        if draw(st.booleans()):  # as if there were too many members for any other
            patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", -1)
        with zipfile.ZipFile(out, "w") as archive:
            for name in draw(st.lists(names, max_size=5, unique=True)):
                info = zipfile.ZipInfo(name)
                info.comment, info.extra = draw(st.binary(max_size=9)), draw(extras)
                info.compress_type = draw(kinds)
                with archive.open(info, "w", force_zip64=draw(st.booleans())) as member:
                    member.write(draw(bodies))
            archive.comment = draw(st.binary(max_size=40)).replace(b"PK", b"")  # no second end
    return draw(st.binary(max_size=30)).replace(b"PK", b"") + out.getvalue()


def damaged(draw: Callable[[st.SearchStrategy[int]], int], body: bytes) -> bytes:
    """The same with other bytes, most of them where the directory is, or cut."""
    changed = bytearray(body)
    directory = max(body.find(ENTRY), 0)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(directory, len(body) - 1))
        changed[at] = draw(st.sampled_from([0, 1, 6, 0x2C, 0x80, 0xFF]) | st.integers(0, 255))
    return bytes(changed[: draw(st.just(len(body)) | st.integers(0, len(body)))])


@pytest.mark.parametrize("piece", [57, 100, 1 << 16])
@settings(deadline=None)
@given(body=archives())
def test_every_member_is_there_as_the_library_has_it(piece: int, body: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_directory, "_PIECE", piece)
        assert said(pieced, body) == said(whole, body)


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_what_the_library_refuses_is_refused_with_its_words(data: st.DataObject) -> None:
    body = data.draw(archives())
    body = damaged(data.draw, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_directory, "_PIECE", data.draw(st.sampled_from([57, 1 << 16])))
        ours = said(pieced, body)
    assert ours in ([BadZipFile, "it is one part of a split archive"], said(whole, body))


@settings(deadline=None)
@given(body=archives())
def test_members_are_opened_in_an_archive_that_lists_none(body: bytes) -> None:
    ours, theirs = opened(io.BytesIO(body)), zipfile.ZipFile(io.BytesIO(body))
    assert ours.infolist() == []
    for mine, other in zip(pieced(body), theirs.infolist(), strict=True):
        assert ours.read(mine) == theirs.read(other)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not a zip"),
        (b"PK\5\6", "not a zip"),
        (b"PK\5\6" + b"\0" * 18, None),
        (b"PK\5\6" + b"\0" * 8 + b"\x01" + b"\0" * 9, "Bad offset"),
        (b"PK\6\7" + b"\0" * 12 + b"\2\0\0\0" + b"PK\5\6" + b"\0" * 18, "multiple disks"),
        (b"PK\6\7" + b"\0" * 12 + b"\1\0\0\0" + b"PK\5\6" + b"\0" * 18, "not a zip"),
        (b"PK\5\6" + b"\0" * 12 + b"PK\5\6" + b"\0\0", None),
        (b"PK\5\6" + b"\0" * 12 + b"PK\5\6" + b"\1\0", "not a zip"),
    ],
    ids=[
        "nothing",
        "cut",
        "empty",
        "before the file",
        "split",
        "cut zip64",
        "offset like an end",
        "offset like an end before a comment",
    ],
)
def test_ends_of_a_directory(body: bytes, reason: str | None) -> None:
    assert said(pieced, body) == said(whole, body)
    assert (reason or "") in "".join(map(str, said(pieced, body)))


def test_names_without_a_flag_are_of_the_old_code_page() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("\u732b", b"")
    body = out.getvalue().replace(b"\x00\x08\x00\x00", b"\x00\x00\x00\x00")
    assert pieced(body)[0].filename == "\u732b".encode().decode("cp437")
    assert said(pieced, body) == said(whole, body)
