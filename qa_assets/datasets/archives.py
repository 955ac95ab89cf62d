"""Zip and tar archives read in place: nothing is extracted, a suspicious member refuses the whole.

Source: CVE-2007-4559 (tar traversal), "zip slip", overlapping members (D. Fifield, A better zip
bomb, 2019); FACTS: the standard library's defaults extract, follow and rewrite names.
"""

import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, Literal

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import shown, visible

Kind = Literal["zip", "tar", "tar.gz"]
MIB = 1 << 20
_LOCAL_HEADER = 30
_TAR_BLOCK, _TAR_MAGIC = 512, 257
_LINK, _REGULAR, _FORMAT_BITS = 0o120000, 0o100000, 0o170000


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file inside an archive.

    Attributes:
        name: Relative, POSIX, checked.
        stamp: Size in bytes, and 0 for the time, which archives may set as they like.
    """

    name: str
    stamp: tuple[int, int]
    _read: Callable[[], bytes]

    def read(self, max_mib: float) -> bytes | Quarantined:
        """Its bytes, unless they are too many."""
        if self.stamp[0] > max_mib * MIB:
            what = f"has {self.stamp[0] / MIB:.0f} MiB, at most {max_mib:g} are accepted."
            return Quarantined(
                "IMG_TOO_LARGE", self.name, what, "Make it smaller, or raise limits.max_file_mib."
            )
        return self._read()


def kind_of(source: Path) -> Kind | None:
    """Whether a file is an archive, by its content."""
    with source.open("rb") as stream:
        head = stream.read(_TAR_BLOCK)
    if head.startswith(b"PK"):
        return "zip"
    if head[_TAR_MAGIC : _TAR_MAGIC + 5] == b"ustar":
        return "tar"
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(source) as stream:
                inner = stream.read(_TAR_BLOCK)
        except (OSError, EOFError, zlib.error):
            inner = b""
        return "tar.gz" if inner[_TAR_MAGIC : _TAR_MAGIC + 5] == b"ustar" else None
    return None


def refuse_misnamed(source: Path, kind: Kind | None) -> None:
    """Refuse an archive whose name and content disagree, or that is none.

    Raises:
        InputRefused: ``ARC_FORMAT`` or ``ARC_CORRUPT``.
    """
    name = source.name.lower()
    zip_named, tar_named = name.endswith(".zip"), name.endswith((".tar", ".tgz", ".tar.gz"))
    if (tar_named and kind == "zip") or (zip_named and kind in ("tar", "tar.gz")):
        raise _refused("ARC_FORMAT", source.name, f"is a {kind} by its content.", "Rename it.")
    if kind is None:
        raise _refused("ARC_CORRUPT", source.name, "is no archive, or a damaged one.", "Fetch it.")


def members(source: Path, limits: SampleLimits) -> Iterator[Member]:
    """Every regular file of an archive, sorted by name; checked as a whole before the first.

    Raises:
        InputRefused: ``ARC_*``: damaged, hostile or too large.
    """
    kind = kind_of(source)
    refuse_misnamed(source, kind)
    if kind == "zip":
        yield from _zip_members(source, limits)
        return
    opened = source.open("rb") if kind == "tar" else tempfile.TemporaryFile()  # noqa: SIM115
    stream = _Held(opened)
    if kind == "tar.gz":
        _gunzip(source, stream.file, limits)
    for name, offset, size in sorted(_checked_tar(stream.file, source, limits)):
        yield Member(name, (size, 0), partial(stream.piece, offset, size))


class _Held:
    """An open file that the members read from, closed with the last of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def __del__(self) -> None:
        self.file.close()

    def piece(self, offset: int, size: int) -> bytes:
        """Some bytes of it."""
        self.file.seek(offset)
        return self.file.read(size)


def _zip_members(source: Path, limits: SampleLimits) -> Iterator[Member]:
    archive = open_zip(source, limits)  # closed with the last member that reads from it
    for info in sorted(archive.infolist(), key=lambda i: i.filename):
        if not info.is_dir():
            yield Member(info.filename, (info.file_size, 0), _zip_reader(archive, info, source))


def open_zip(source: Path, limits: SampleLimits) -> zipfile.ZipFile:
    """A zip whose directory holds nothing suspicious.

    Raises:
        InputRefused: ``ARC_*``.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        text = "The end is missing; fetch it again."
        raise _refused("ARC_CORRUPT", source.name, f"is no whole zip: {error}.", text) from error
    try:
        _check_zip(archive, source, limits)
    except InputRefused:
        archive.close()
        raise
    return archive


def _check_zip(archive: zipfile.ZipFile, source: Path, limits: SampleLimits) -> None:
    infos = archive.infolist()
    _check_count(len(infos), source, limits)
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename
        _check_name(name)
        if info.flag_bits & 1:
            raise _refused("ARC_ENCRYPTED", source.name, f"holds {visible(name)!r} encrypted.")
        _check_mode(name, info.external_attr >> 16)
        if name in seen:
            raise _refused("ARC_DUPLICATE", visible(name), "stands twice in the archive.")
        seen.add(name)
        _check_size(f"{source.name}: {name}", info.file_size, info.compress_size, limits)
    _check_total(sum(i.file_size for i in infos), source, limits)
    ordered = sorted(infos, key=lambda i: i.header_offset)
    for first, second in pairwise(ordered):
        end = first.header_offset + _LOCAL_HEADER + len(first.orig_filename) + first.compress_size
        if end > second.header_offset:
            what = f"has members that overlap: {visible(second.orig_filename)!r}."
            raise _refused("ARC_BOMB", source.name, what)


def _check_mode(name: str, mode: int) -> None:
    kind = mode & _FORMAT_BITS
    if kind == _LINK:
        raise _refused("ARC_LINK", visible(name), "is a link.", "Put the file itself there.")
    if kind not in (0, _REGULAR, 0o040000):
        raise _refused("ARC_SPECIAL", visible(name), "is no regular file.")


def _zip_reader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path
) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError, OSError) as error:
            item = f"{source.name}: {visible(info.filename)}"
            raise _refused(
                "ARC_CORRUPT", item, f"cannot be read: {error}.", "Fetch it again."
            ) from error

    return read


def _checked_tar(
    stream: IO[bytes], source: Path, limits: SampleLimits
) -> list[tuple[str, int, int]]:
    length = stream.seek(0, 2)
    stream.seek(0)
    found: list[tuple[str, int, int]] = []
    names: set[str] = set()
    count = total = 0
    for entry in _tar_entries(stream, source):
        count, total = count + 1, total + entry.size
        _check_count(count, source, limits)
        _check_name(shown(entry.name), source.name)
        if entry.issparse():
            raise _refused("ARC_BOMB", visible(entry.name), "is sparse: mostly not there.")
        _check_total(total, source, limits)
        _check_tar_kind(entry)
        if entry.offset_data + entry.size > length:
            raise _torn(source)
        if entry.isdir():
            continue
        if entry.name in names:
            raise _refused("ARC_DUPLICATE", visible(entry.name), "stands twice in the archive.")
        names.add(entry.name)
        found.append((shown(entry.name).removeprefix("./"), entry.offset_data, entry.size))
    return found


def _tar_entries(stream: IO[bytes], source: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            yield from archive
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _torn(source) from error
    stream.seek(-min(_TAR_BLOCK, stream.seek(0, 2)), 2)
    if any(stream.read(_TAR_BLOCK)):  # an archive ends with blocks of zeros
        raise _torn(source)


def _check_tar_kind(entry: tarfile.TarInfo) -> None:
    if entry.issym() or entry.islnk():
        raise _refused("ARC_LINK", visible(entry.name), "is a link.", "Put the file itself there.")
    if not (entry.isreg() or entry.isdir()):
        raise _refused("ARC_SPECIAL", visible(entry.name), "is no regular file.")


def _gunzip(source: Path, unpacked: IO[bytes], limits: SampleLimits) -> None:
    most = min(limits.max_total_mib * MIB, max(64 * MIB, source.stat().st_size * limits.max_ratio))
    try:
        with gzip.open(source) as stream:
            while piece := stream.read(MIB):
                if unpacked.tell() + len(piece) > most:
                    raise _refused("ARC_BOMB", _last_name(unpacked), "unpacks beyond any limit.")
                unpacked.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise _torn(source) from error
    if unpacked.tell() > MIB and unpacked.tell() > limits.max_ratio * source.stat().st_size:
        raise _refused("ARC_BOMB", _last_name(unpacked), "unpacks beyond limits.max_ratio.")


def _last_name(unpacked: IO[bytes]) -> str:
    """The member that an unpacking stopped in."""
    name = "the archive"
    unpacked.seek(0)
    try:
        with tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for entry in archive:
                name = visible(entry.name)
    except tarfile.TarError:
        pass
    return name


def _check_name(name: str, archive: str = "") -> None:
    if "\0" in name:
        item = f"{archive} {visible(name)}".strip()
        raise _refused("ARC_NAME", item, "has a NUL byte in a member's name.")
    slashed = name.replace("\\", "/")
    drive = len(name) > 1 and name[1] == ":"
    if slashed.startswith("/") or drive or ".." in slashed.split("/"):
        raise _refused("ARC_TRAVERSAL", visible(name), "is a member that leaves the archive.")


def _check_count(count: int, source: Path, limits: SampleLimits) -> None:
    if count > limits.max_members:
        what = f"has {count} members, at most {limits.max_members} are accepted."
        raise _refused("ARC_MEMBERS", source.name, what, "Split it, or raise limits.max_members.")


def _check_size(name: str, size: int, packed: int, limits: SampleLimits) -> None:
    if size > MIB and size > limits.max_ratio * max(packed, 1):
        what = (
            f"unpacks to {size / max(packed, 1):.0f} times its size, at most {limits.max_ratio:g}."
        )
        raise _refused("ARC_BOMB", visible(name), what)


def _check_total(total: int, source: Path, limits: SampleLimits) -> None:
    if total > limits.max_total_mib * MIB:
        what = f"unpacks to {total / MIB:.0f} MiB, at most {limits.max_total_mib:g} are accepted."
        raise _refused("ARC_BOMB", source.name, what, "Raise limits.max_total_mib.")


def _torn(source: Path) -> InputRefused:
    return _refused(
        "ARC_CORRUPT", source.name, "ends in the middle or is damaged.", "Fetch it again."
    )


def _refused(code: str, item: str, what: str, remedy: str = "") -> InputRefused:
    return InputRefused.of(code, item, what, remedy)
