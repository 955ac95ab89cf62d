"""Arrays from NPY and NPZ files, judged by their headers before anything is allocated."""

import ast
import math
import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZipInfo

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.zips import ZIP_ERRORS
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.zip_archives import Zip, open_zip

NPY_MAGIC = b"\x93NUMPY"
_NPY_VERSIONS = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}
_LONGEST_HEADER = 4096
_BLOCK = 1 << 20
"""Bytes of rows that are read at once."""


def read_npy(body: bytes, item: str) -> "NDArray[Any]":
    """One NPY file; arrays of objects are never unpickled.

    Raises:
        InputRefused: ``NPY_MAGIC``, ``NPY_HEADER``, ``NPY_OBJECT``, ``NPY_TYPE``, ``NPY_SHAPE``,
            ``NPY_LENGTH``.
    """
    kind, shape, fortran, start = _judged(body, len(body), item)
    flat = np.frombuffer(body, kind, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _judged(
    head: bytes, length: int, item: str
) -> "tuple[np.dtype[Any], tuple[int, ...], bool, int]":
    """Type, shape, order and where the values start, of an NPY file of so many bytes."""

    def refused(code: str, what: str) -> InputRefused:
        return InputRefused.of(code, item, what, "Write it with numpy.save(allow_pickle=False).")

    if not head.startswith(NPY_MAGIC):
        raise refused("NPY_MAGIC", "is no NPY file: it starts with other bytes.")
    header, start = _npy_header(head, refused)
    try:
        kind = np.dtype(header["descr"])
        order, shape = header["fortran_order"], header["shape"]
        sized = isinstance(shape, tuple) and all(type(n) is int for n in shape)
    except (KeyError, TypeError, ValueError) as error:
        raise refused("NPY_HEADER", f"has a header without {error}.") from error
    if kind.hasobject:
        raise refused("NPY_OBJECT", "is an array of Python objects, which could run code.")
    if kind.kind == "c":
        raise refused("NPY_TYPE", "holds complex numbers.")
    if not sized or any(n < 0 for n in shape):
        raise refused("NPY_SHAPE", f"says its shape is {shape}.")
    expected = math.prod(shape) * kind.itemsize
    if length - start != expected:
        what = f"holds {length - start} bytes of data, its header says {expected}."
        raise refused("NPY_LENGTH", what)
    return kind, shape, bool(order), start


def _npy_header(body: bytes, refused: Any) -> tuple[dict[str, Any], int]:
    version = (body[6], body[7]) if len(body) > 8 else (0, 0)
    if version not in _NPY_VERSIONS:
        raise refused("NPY_HEADER", f"is of the unknown version {version[0]}.{version[1]}.")
    size = struct.calcsize(_NPY_VERSIONS[version])
    (length,) = struct.unpack_from(_NPY_VERSIONS[version], body, 8)
    if length > _LONGEST_HEADER:
        raise refused("NPY_HEADER", f"has a header of {length} bytes.")
    try:
        text = body[8 + size : 8 + size + length].decode("latin-1")
        header = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise refused("NPY_HEADER", "has a header that is no plain literal.") from error
    if not isinstance(header, dict):
        raise refused("NPY_HEADER", "has a header that is no dictionary.")
    return header, 8 + size + length


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array of an NPZ file whose header was judged; its values are read when they are asked for.

    Attributes:
        shape: Of the array.
        dtype: Of an element.
        item: What it is called in messages.
    """

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    item: str
    _fortran: bool
    _start: int
    _open: "Callable[[], AbstractContextManager[IO[bytes]]]"

    def __len__(self) -> int:
        return self.shape[0]

    def whole(self) -> "NDArray[Any]":
        """All of it.

        Raises:
            InputRefused: ``ARC_CORRUPT``.
        """
        body = b"".join(self._read(math.prod(self.shape) * self.dtype.itemsize))
        return np.frombuffer(body, self.dtype).reshape(
            self.shape, order="F" if self._fortran else "C"
        )

    def pieces(self) -> "Iterator[NDArray[Any]]":
        """Some rows at a time, about a MiB of them.

        Raises:
            InputRefused: ``ARC_CORRUPT``.
        """
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        rows = max(1, _BLOCK // max(row, 1))
        if self._fortran:  # the last row is not whole before the last byte
            whole = self.whole()
            yield from (whole[at : at + rows] for at in range(0, len(self), rows))
            return
        for body in self._read(rows * row):
            yield np.frombuffer(body, self.dtype).reshape(-1, *self.shape[1:])

    def _read(self, step: int) -> Iterator[bytes]:
        left = math.prod(self.shape) * self.dtype.itemsize
        with _readable(self.item), self._open() as stream:
            stream.read(self._start)
            while left:
                body = stream.read(min(step, left))
                if len(body) != min(step, left):
                    raise EOFError("it ends early")
                left -= len(body)
                yield body
            stream.read(1)  # at its end the checksum of a member is looked at


def read_npz(source: Path, limits: SampleLimits) -> "dict[str, StoredArray]":
    """Every array of an NPZ file by name; only headers are read.

    Raises:
        InputRefused: ``ARC_*`` or ``NPY_*``.
    """
    archive = open_zip(source, limits)
    return {
        info.filename.removesuffix(".npy"): _stored(archive, info, source)
        for info in archive.infos()
        if info.filename.endswith(".npy")
    }


def _stored(archive: Zip, info: ZipInfo, source: Path) -> StoredArray:
    item = f"{source.name}: {info.filename}"
    with _readable(item), archive.open(info) as stream:
        head = stream.read(_LONGEST_HEADER + 2 * len(NPY_MAGIC))
    kind, shape, fortran, start = _judged(head, info.file_size, item)
    return StoredArray(shape, kind, item, fortran, start, partial(archive.open, info))


@contextmanager
def _readable(item: str) -> "Generator[None]":
    try:
        yield
    except ZIP_ERRORS as error:
        raise InputRefused.of("ARC_CORRUPT", item, f"cannot be read: {error}.") from error
