"""Zip and tar archives read in place: nothing is extracted, a suspicious member refuses all."""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol
from zipfile import is_zipfile

from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.archive_rules import MIB, refused
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.tar_archives import TAR_BLOCK, Listing, checked_tar, gunzip
from qa_assets.datasets.zip_archives import Zip, open_zip

Kind = Literal["zip", "tar", "tar.gz"]
_TAR_MAGIC = 257


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file inside an archive.

    Attributes:
        name: Relative, POSIX, checked.
        size: In bytes.
    """

    name: str
    size: int
    _place: int
    _read: Callable[[int, int], bytes]

    @property
    def stamp(self) -> tuple[int, int]:
        """Size, and 0 for the time, which archives may set as they like."""
        return self.size, 0

    def read(self, max_mib: float) -> bytes | Quarantined:
        """Its bytes, unless they are too many."""
        if self.size > max_mib * MIB:
            what = f"has {self.size / MIB:.0f} MiB, at most {max_mib:g} are accepted."
            return Quarantined(
                "IMG_TOO_LARGE", self.name, what, "Make it smaller, or raise limits.max_file_mib."
            )
        return self._read(self._place, self.size)


def kind_of(source: Path) -> Kind | None:
    """Whether a file is an archive, by its content."""
    with source.open("rb") as stream:
        head = stream.read(TAR_BLOCK)
    if head.startswith(b"PK"):
        return "zip"
    if head[_TAR_MAGIC : _TAR_MAGIC + 5] == b"ustar":
        return "tar"
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(source) as stream:
                inner = stream.read(TAR_BLOCK)
        except (OSError, EOFError, zlib.error):
            inner = b""
        return "tar.gz" if inner[_TAR_MAGIC : _TAR_MAGIC + 5] == b"ustar" else None
    # a program that unpacks itself, or the last part of a split archive
    return "zip" if source.name.lower().endswith(".zip") and is_zipfile(source) else None


def refuse_misnamed(source: Path, kind: Kind | None) -> None:
    """Refuse an archive whose name and content disagree, or that is none.

    Raises:
        InputRefused: ``ARC_FORMAT`` or ``ARC_CORRUPT``.
    """
    name = source.name.lower()
    zip_named, tar_named = name.endswith(".zip"), name.endswith((".tar", ".tgz", ".tar.gz"))
    if (tar_named and kind == "zip") or (zip_named and kind in ("tar", "tar.gz")):
        raise refused("ARC_FORMAT", source.name, f"is a {kind} by its content.", "Rename it.")
    if kind is None:
        raise refused("ARC_CORRUPT", source.name, "is no archive, or a damaged one.", "Fetch it.")


class Contents(Protocol):
    """What an archive holds, checked as a whole; read as often as needed."""

    def names(self) -> Iterator[str]:
        """Every regular file, sorted."""
        ...

    def members(self) -> Iterator[Member]:
        """The same files, to be read."""
        ...


def contents(source: Path, limits: SampleLimits) -> Contents:
    """Judge an archive as a whole before its first member is read.

    Raises:
        InputRefused: ``ARC_*``: damaged, hostile or too large.
    """
    kind = kind_of(source)
    refuse_misnamed(source, kind)
    if kind == "zip":
        return _Zip(open_zip(source, limits))
    opened = source.open("rb") if kind == "tar" else tempfile.TemporaryFile()  # noqa: SIM115
    stream = _Held(opened)
    if kind == "tar.gz":
        gunzip(source, stream.file, limits)
    return _Tar(stream, checked_tar(stream.file, source, limits))


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


@dataclass(frozen=True, slots=True)
class _Tar:
    stream: _Held
    listing: Listing

    def names(self) -> Iterator[str]:
        return (name for name, _, _ in self.listing)

    def members(self) -> Iterator[Member]:
        read = self.stream.piece
        for name, offset, size in self.listing:
            yield Member(name, size, offset, read)


@dataclass(frozen=True, slots=True)
class _Zip:
    archive: Zip

    def names(self) -> Iterator[str]:
        return (name for _, name in self.archive.named())

    def members(self) -> Iterator[Member]:
        sizes, read = self.archive.numbers["file_size"], self._read
        for row, name in self.archive.named():
            yield Member(name, int(sizes[row]), row, read)

    def _read(self, row: int, _size: int) -> bytes:
        return self.archive.read(row)
