"""Zip archives judged by their directory before a member is read.

Source: overlapping members (D. Fifield, A better zip bomb, 2019); FACTS: the standard library
rewrites names and accepts members that overlap.
"""

import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.core.zips import ZIP_ERRORS
from qa_assets.datasets.archive_rules import (
    check_count,
    check_name,
    check_size,
    check_total,
    refused,
)
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import visible

_LOCAL_HEADER = 30
_LINK, _REGULAR, _FOLDER, _FORMAT_BITS = 0o120000, 0o100000, 0o040000, 0o170000


def open_zip(source: Path, limits: SampleLimits) -> zipfile.ZipFile:
    """A zip whose directory holds nothing suspicious.

    Raises:
        InputRefused: ``ARC_*``.
    """
    try:
        archive = zipfile.ZipFile(source)
    except ZIP_ERRORS as error:
        text = "The end is missing; fetch it again."
        raise refused("ARC_CORRUPT", source.name, f"is no whole zip: {error}.", text) from error
    try:
        _check_zip(archive, source, limits)
    except InputRefused:
        archive.close()
        raise
    return archive


def _check_zip(archive: zipfile.ZipFile, source: Path, limits: SampleLimits) -> None:
    infos = archive.infolist()
    check_count(len(infos), source, limits)
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename
        check_name(name)
        if info.flag_bits & 1:
            raise refused("ARC_ENCRYPTED", source.name, f"holds {visible(name)!r} encrypted.")
        _check_mode(name, info.external_attr >> 16)
        if name in seen:
            raise refused("ARC_DUPLICATE", visible(name), "stands twice in the archive.")
        seen.add(name)
        check_size(f"{source.name}: {name}", info.file_size, info.compress_size, limits)
    check_total(sum(i.file_size for i in infos), source, limits)
    ordered = sorted(infos, key=lambda i: i.header_offset)
    for first, second in pairwise(ordered):
        end = first.header_offset + _LOCAL_HEADER + len(first.orig_filename) + first.compress_size
        if end > second.header_offset:
            what = f"has members that overlap: {visible(second.orig_filename)!r}."
            raise refused("ARC_BOMB", source.name, what)


def _check_mode(name: str, mode: int) -> None:
    kind = mode & _FORMAT_BITS
    if kind == _LINK:
        raise refused("ARC_LINK", visible(name), "is a link.", "Put the file itself there.")
    if kind not in (0, _REGULAR, _FOLDER):
        raise refused("ARC_SPECIAL", visible(name), "is no regular file.")


def zip_reader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path
) -> Callable[[], bytes]:
    """What reads one member."""

    def read() -> bytes:
        try:
            return archive.read(info)
        except ZIP_ERRORS as error:
            item = f"{source.name}: {visible(info.filename)}"
            raise refused(
                "ARC_CORRUPT", item, f"cannot be read: {error}.", "Fetch it again."
            ) from error

    return read
