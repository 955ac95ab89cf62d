"""Tar archives judged member by member before one is read; packed ones are unpacked to a bound.

Source: CVE-2007-4559 (tar traversal); FACTS: the standard library's defaults extract and follow.
"""

import gzip
import tarfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.tables import compute
from qa_assets.datasets.archive_rules import (
    MIB,
    check_count,
    check_name,
    check_total,
    refused,
    torn,
)
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import shown, visible

if TYPE_CHECKING:
    import pyarrow as pa

TAR_BLOCK = 512
_PIECE = 1 << 12


@dataclass(frozen=True, slots=True)
class Listing:
    """The regular files of a tar, sorted by name; two millions of them take some 100 MiB.

    Attributes:
        names: Arrow column of their names.
        offsets: Where each begins.
        sizes: How many bytes it has.
    """

    names: "pa.Array"
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        for start in range(0, len(self.names), _PIECE):
            piece = slice(start, start + _PIECE)
            numbers = (self.offsets[piece].tolist(), self.sizes[piece].tolist())
            yield from zip(self.names.slice(start, _PIECE).to_pylist(), *numbers, strict=True)


def checked_tar(stream: IO[bytes], source: Path, limits: SampleLimits) -> Listing:
    """Every regular file.

    Raises:
        InputRefused: ``ARC_*``.
    """
    import pyarrow as pa

    names: list[str] = []
    numbers = array("q")
    for name, offset, size in _judged(stream, source, limits):
        names.append(name)
        numbers.extend((offset, size))
    column = pa.array(names, pa.string())
    del names
    order = compute().sort_indices(column)
    column, places = column.take(order), np.frombuffer(numbers, np.int64).reshape(-1, 2)
    again = compute().equal(column.slice(1), column.slice(0, max(len(column) - 1, 0)))
    if compute().any(again).as_py():
        name = column[compute().index(again, value=True).as_py()].as_py()
        raise refused("ARC_DUPLICATE", visible(name), "stands twice in the archive.")
    places = places[order.to_numpy()]
    return Listing(column, places[:, 0], places[:, 1])


def _judged(
    stream: IO[bytes], source: Path, limits: SampleLimits
) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of every regular file, in the order of the archive."""
    length = stream.seek(0, 2)
    stream.seek(0)
    count = total = 0
    for entry in _tar_entries(stream, source):
        count, total = count + 1, total + entry.size
        check_count(count, source, limits)
        check_name(shown(entry.name), source.name)
        if entry.issparse():
            raise refused("ARC_BOMB", visible(entry.name), "is sparse: mostly not there.")
        check_total(total, source, limits)
        _check_tar_kind(entry)
        if entry.offset_data + entry.size > length:
            raise torn(source)
        if not entry.isdir():
            yield shown(entry.name).removeprefix("./"), entry.offset_data, entry.size


def _tar_entries(stream: IO[bytes], source: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            kept: Any = getattr(archive, "members", [])
            while entry := archive.next():
                kept.clear()  # all that were read, a kilobyte each
                yield entry
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise torn(source) from error
    stream.seek(-min(TAR_BLOCK, stream.seek(0, 2)), 2)
    if any(stream.read(TAR_BLOCK)):  # an archive ends with blocks of zeros
        raise torn(source)


def _check_tar_kind(entry: tarfile.TarInfo) -> None:
    if entry.issym() or entry.islnk():
        raise refused("ARC_LINK", visible(entry.name), "is a link.", "Put the file itself there.")
    if not (entry.isreg() or entry.isdir()):
        raise refused("ARC_SPECIAL", visible(entry.name), "is no regular file.")


def gunzip(source: Path, unpacked: IO[bytes], limits: SampleLimits) -> None:
    """Unpack a packed tar.

    Raises:
        InputRefused: ``ARC_BOMB`` or ``ARC_CORRUPT``.
    """
    most = min(limits.max_total_mib * MIB, max(64 * MIB, source.stat().st_size * limits.max_ratio))
    try:
        with gzip.open(source) as stream:
            while piece := stream.read(MIB):
                if unpacked.tell() + len(piece) > most:
                    raise refused("ARC_BOMB", _last_name(unpacked), "unpacks beyond any limit.")
                unpacked.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise torn(source) from error
    if unpacked.tell() > MIB and unpacked.tell() > limits.max_ratio * source.stat().st_size:
        raise refused("ARC_BOMB", _last_name(unpacked), "unpacks beyond limits.max_ratio.")


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
