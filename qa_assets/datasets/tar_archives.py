"""Tar archives judged member by member before one is read; packed ones are unpacked to a bound.

Source: CVE-2007-4559 (tar traversal); FACTS: the standard library's defaults extract and follow.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

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

TAR_BLOCK = 512


def checked_tar(
    stream: IO[bytes], source: Path, limits: SampleLimits
) -> list[tuple[str, int, int]]:
    """Name, offset and size of every regular file.

    Raises:
        InputRefused: ``ARC_*``.
    """
    length = stream.seek(0, 2)
    stream.seek(0)
    found: list[tuple[str, int, int]] = []
    names: set[str] = set()
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
        if entry.isdir():
            continue
        if entry.name in names:
            raise refused("ARC_DUPLICATE", visible(entry.name), "stands twice in the archive.")
        names.add(entry.name)
        found.append((shown(entry.name).removeprefix("./"), entry.offset_data, entry.size))
    return found


def _tar_entries(stream: IO[bytes], source: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            yield from archive
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
