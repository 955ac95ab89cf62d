"""Zip archives judged by their directory before a member is read; 60 bytes are kept of each.

Source: overlapping members (D. Fifield, A better zip bomb, 2019); FACTS: the standard library
rewrites names and accepts members that overlap.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.tables import compute
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
from qa_assets.datasets.zip_directory import SplitZip, infos, opened
from qa_assets.datasets.zip_names import spelt_names

if TYPE_CHECKING:
    import pyarrow as pa

_LOCAL_HEADER = 30
_LINK, _REGULAR, _FOLDER, _FORMAT_BITS = 0o120000, 0o100000, 0o040000, 0o170000
_NUMBERS = {
    **{"header_offset": np.int64, "compress_size": np.int64, "file_size": np.int64},
    **{"CRC": np.uint32, "compress_type": np.uint16, "flag_bits": np.uint16},
}
"""What is kept of each member beside its name, as ``ZipInfo`` calls it."""
_ROW = np.dtype([*_NUMBERS.items()])
_FARTHEST = 1 << 60
"""Of offsets and sizes; what claims more cannot be read either way, and sums still fit."""
_PIECE = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Zip:
    """A sound zip, read in place.

    Attributes:
        names: Of every member, in the order of the directory, as the library reads them.
        spelt: The same as they were meant; the same column where that is no difference.
        numbers: Columns ``_NUMBERS``, as many rows.
        files: Rows of the members that are no folders, sorted by name.
    """

    names: "pa.Array"
    spelt: "pa.Array"
    numbers: "NDArray[np.void]"
    files: "NDArray[np.integer]"
    _source: Path
    _stream: IO[bytes]
    _archive: ZipFile

    def __del__(self) -> None:
        self._stream.close()  # with the last that reads from it

    def named(self) -> Iterator[tuple[int, str]]:
        """Row and name of each of the ``files``."""
        for start in range(0, len(self.files), _PIECE):
            rows = self.files[start : start + _PIECE]
            yield from zip(rows.tolist(), self.spelt.take(rows).to_pylist(), strict=True)

    def infos(self) -> Iterator[ZipInfo]:
        """Every member, in the order of the directory."""
        return map(self.info, range(len(self.names)))

    def info(self, row: int) -> ZipInfo:
        """What the standard library needs to know of a member."""
        info = ZipInfo(self.names[row].as_py())
        for name, number in zip(_NUMBERS, self.numbers[row].item(), strict=True):
            setattr(info, name, number)
        return info

    def open(self, info: ZipInfo) -> IO[bytes]:
        """A member, to be read piece by piece.

        Raises:
            Exception: One of ``ZIP_ERRORS``, as from what is opened.
        """
        return self._archive.open(info)

    def read(self, row: int) -> bytes:
        """The bytes of a member.

        Raises:
            InputRefused: ``ARC_CORRUPT``.
        """
        info = self.info(row)
        try:
            return self._archive.read(info)
        except ZIP_ERRORS as error:
            item = f"{self._source.name}: {visible(info.filename)}"
            raise refused(
                "ARC_CORRUPT", item, f"cannot be read: {error}.", "Fetch it again."
            ) from error


def open_zip(source: Path, limits: SampleLimits) -> Zip:
    """A zip whose directory holds nothing suspicious.

    Raises:
        InputRefused: ``ARC_*``.
    """
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(source.open("rb"))
            names, numbers, total, wrong = _read(stream, source, limits)
            archive = opened(stream)
        except ZIP_ERRORS as error:
            split = isinstance(error, SplitZip)
            text = "Join its parts first." if split else "The end is missing; fetch it again."
            raise refused("ARC_CORRUPT", source.name, f"is no whole zip: {error}.", text) from error
        check_count(len(names), source, limits)
        _refuse_first(wrong, names)
        check_total(total, source, limits)
        _check_places(names, numbers, source)
        spelt = spelt_names(names, numbers["flag_bits"])
        if spelt is not names:
            _refuse_first(None, spelt)
        files = compute().sort_indices(spelt)
        folder = compute().ends_with(spelt, "/").take(files)
        files = files.filter(compute().invert(folder)).to_numpy()
        stack.pop_all()
    return Zip(names, spelt, numbers, files, source, stream, archive)


Wrong = tuple[int, int, InputRefused]
"""Row of a member, which of its checks it failed, and what is said."""
_TWICE = 1
"""Place of that check among those of a member."""


def _read(
    stream: IO[bytes], source: Path, limits: SampleLimits
) -> "tuple[pa.Array, NDArray[np.void], int, Wrong | None]":
    """Names, numbers, the sum of the sizes, and the first member that is refused for itself."""
    import pyarrow as pa

    names, numbers = [pa.array([], pa.large_string())], [np.empty(0, _ROW)]
    wrong: Wrong | None = None
    count = total = 0
    for few in infos(stream):
        if wrong is None:
            judged = (_judged(row, info, source, limits) for row, info in enumerate(few, count))
            wrong = next(filter(None, judged), None)
        names.append(pa.array([info.orig_filename for info in few], pa.large_string()))
        numbers.append(np.array([_row(info) for info in few], _ROW))
        count, total = count + len(few), total + sum(info.file_size for info in few)
    return pa.concat_arrays(names), np.concatenate(numbers), total, wrong


def _row(info: ZipInfo) -> tuple[int, ...]:
    places = (info.header_offset, info.compress_size, info.file_size)
    bounded = (max(-_FARTHEST, min(place, _FARTHEST)) for place in places)
    return (*bounded, info.CRC, info.compress_type, info.flag_bits)


def _judged(row: int, info: ZipInfo, source: Path, limits: SampleLimits) -> Wrong | None:
    name = info.orig_filename
    try:
        check_name(name)
        if not name:
            raise refused("ARC_NAME", source.name, "has a member without a name.")
        if info.flag_bits & 1:
            raise refused("ARC_ENCRYPTED", source.name, f"holds {visible(name)!r} encrypted.")
        _check_mode(name, info.external_attr >> 16)
    except InputRefused as refusal:
        return row, _TWICE - 1, refusal
    try:
        check_size(f"{source.name}: {name}", info.file_size, info.compress_size, limits)
    except InputRefused as refusal:
        return row, _TWICE + 1, refusal
    return None


def _check_mode(name: str, mode: int) -> None:
    kind = mode & _FORMAT_BITS
    if kind == _LINK:
        raise refused("ARC_LINK", visible(name), "is a link.", "Put the file itself there.")
    if kind not in (0, _REGULAR, _FOLDER):
        raise refused("ARC_SPECIAL", visible(name), "is no regular file.")


def _refuse_first(wrong: Wrong | None, names: "pa.Array") -> None:
    """Refuse what the first member is refused for; a name may stand there once."""
    order = compute().sort_indices(names)
    inside = names.take(order)
    again = compute().equal(inside.slice(1), inside.slice(0, max(len(inside) - 1, 0)))
    twice = compute().min(order.slice(1).filter(again)).as_py()  # the order is stable
    if twice is not None and (wrong is None or (twice, _TWICE) < wrong[:2]):
        raise refused(
            "ARC_DUPLICATE", visible(names[twice].as_py()), "stands twice in the archive."
        )
    if wrong is not None:
        raise wrong[2]


def _check_places(names: "pa.Array", numbers: "NDArray[np.void]", source: Path) -> None:
    order = np.argsort(numbers["header_offset"], kind="stable")
    if len(order) and numbers["header_offset"][order[0]] < 0:
        raise refused("ARC_CORRUPT", source.name, "lacks its beginning.", "Join its parts first.")
    lengths = compute().utf8_length(names).to_numpy()
    ends = numbers["header_offset"] + _LOCAL_HEADER + lengths + numbers["compress_size"]
    over = np.flatnonzero(ends[order[:-1]] > numbers["header_offset"][order[1:]])
    if len(over):
        second = names[int(order[over[0] + 1])].as_py()
        what = f"has members that overlap: {visible(second)!r}."
        raise refused("ARC_BOMB", source.name, what)
