"""The directory of a zip in pieces, each parsed by the standard library: it refuses what is wrong.

The library keeps half a kilobyte a member; of a million members a few thousand are there at once.
Source: APPNOTE.TXT 4.3.12 to 4.3.16: the directory, its end, and that of a zip64.
"""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_SIGNED, _SIGNED_LOCATOR, _SIGNED_64 = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_NO_COMMENT = b"\0\0"
_SAID_IN_64 = 0xFFFF
_LONGEST_COMMENT = 1 << 16
_ENTRY, _LENGTHS = 46, struct.Struct("<28x3H")
_PIECE = 1 << 16
"""Bytes of the directory that are parsed at once, or one entry if that is longer."""


class SplitZip(BadZipFile):
    """It is one of several files that were one archive."""


def infos(stream: IO[bytes]) -> Iterator[list[ZipInfo]]:
    """Every member in the order of the directory, some at a time.

    Raises:
        BadZipFile: It is none, split or damaged; other ``ZIP_ERRORS`` for what is unusual.
    """
    asked, place = _asked(stream), _place(stream)
    if asked is None:
        with ZipFile(stream) as whole:
            yield whole.infolist()
        return
    if asked != (place.start, place.size):
        raise BadZipFile("Unusual end of the central directory")
    for piece in _pieces(stream, place):
        with _archive(stream, place, piece) as few:
            yield few.infolist()


def opened(stream: IO[bytes]) -> ZipFile:
    """The archive as one without members, to open them in by their ``ZipInfo``."""
    return _archive(stream, _place(stream), b"")


class _Place(NamedTuple):
    """Where a directory begins, how long it is, and where it says that it begins."""

    start: int
    size: int
    said: int


def _asked(stream: IO[bytes]) -> tuple[int, int] | None:
    """Start and size of the directory that the library would read whole; none if it is small.

    So the library, of whatever version, is the judge of the end of the directory.
    """
    try:
        ZipFile(_Watched(stream)).close()
    except _LargeRead as read:
        return read.start, read.size
    return None


class _LargeRead(Exception):
    """A large directory is about to be read."""

    def __init__(self, start: int, size: int) -> None:
        super().__init__(start, size)
        self.start, self.size = start, size


class _Watched:
    """A file that has no large part read but its end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._most = stream.seek(0, 2) - _END.size
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        start = self._stream.tell()
        if size > _PIECE and start + size <= self._most:
            raise _LargeRead(start, size)
        return self._stream.read(size)


def _place(stream: IO[bytes]) -> _Place:
    end = _end(stream)
    stream.seek(end)
    _, disk, _, _, _, size, said, _ = _END.unpack(stream.read(_END.size))
    if disk not in (0, _SAID_IN_64):
        raise SplitZip("it is one part of a split archive")
    if (end_64 := _end_64(stream, end)) is not None:
        end, size, said = end_64
    if end < size:
        raise BadZipFile("Bad offset for central directory")
    return _Place(end - size, size, said)


def _end(stream: IO[bytes]) -> int:
    """Where the end of the directory begins; a comment may follow it."""
    length = stream.seek(0, 2)
    before = max(length - _END.size - _LONGEST_COMMENT, 0)
    stream.seek(before)
    tail = stream.read()
    last = tail[-_END.size :]
    at = len(tail) - _END.size
    if not (last.startswith(_SIGNED) and last.endswith(_NO_COMMENT)):
        at = tail.rfind(_SIGNED)
    if not 0 <= at <= len(tail) - _END.size:
        raise BadZipFile("File is not a zip file")
    return before + at


def _end_64(stream: IO[bytes], end: int) -> tuple[int, int, int] | None:
    """The same of a zip64, with the size of the directory and where it says that it begins."""
    if end < _LOCATOR.size:
        return None
    stream.seek(end - _LOCATOR.size)
    signed, disk, _, disks = _LOCATOR.unpack(stream.read(_LOCATOR.size))
    if signed != _SIGNED_LOCATOR:
        return None
    if disk or disks > 1:
        raise SplitZip("zipfiles that span multiple disks are not supported")
    at = end - _LOCATOR.size - _END_64.size
    if at < 0:
        raise BadZipFile("File is not a zip file")
    stream.seek(at)
    found = _END_64.unpack(stream.read(_END_64.size))
    return (at, *found[-2:]) if found[0] == _SIGNED_64 else None


def _pieces(stream: IO[bytes], place: _Place) -> Iterator[bytes]:
    """The directory cut between its entries; the last piece has whatever is left."""
    at, left, held = place.start, place.size, b""
    while left:
        stream.seek(at)  # others read from it in between
        read = stream.read(min(left, _PIECE))
        if not read:
            raise BadZipFile("Truncated central directory")
        at, left, held = at + len(read), left - len(read), held + read
        cut = _whole(held) if left else len(held)
        yield held[:cut]
        held = held[cut:]


def _whole(entries: bytes) -> int:
    """How many bytes hold whole entries."""
    cut = 0
    while cut + _ENTRY <= len(entries):
        end = cut + _ENTRY + sum(_LENGTHS.unpack_from(entries, cut))
        if end > len(entries):
            break
        cut = end
    return cut


def _archive(stream: IO[bytes], place: _Place, entries: bytes) -> ZipFile:
    """The same archive with these entries only, as a zip64, whatever it was."""
    end_64 = _END_64.pack(
        _SIGNED_64, _END_64.size - 12, 45, 45, 0, 0, 0, 0, len(entries), place.said
    )
    locator = _LOCATOR.pack(_SIGNED_LOCATOR, 0, place.start + len(entries), 1)
    end = _END.pack(_SIGNED, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return ZipFile(_Spliced(stream, place.start, entries + end_64 + locator + end))


class _Spliced:
    """A file whose bytes from some place on are others; for reading."""

    def __init__(self, stream: IO[bytes], start: int, rest: bytes) -> None:
        self._stream, self._start, self._rest = stream, start, rest
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of any file."""
        self._at = offset + (0, self._at, self._start + len(self._rest))[whence]
        return self._at

    def tell(self) -> int:
        """As of any file."""
        return self._at

    def seekable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As of any file; what begins before the place ends as it does in the file itself."""
        if self._at >= self._start:
            begin = self._at - self._start
            found = self._rest[begin : None if size < 0 else begin + size]
        else:
            self._stream.seek(self._at)
            found = self._stream.read(size)
        self._at += len(found)
        return found
