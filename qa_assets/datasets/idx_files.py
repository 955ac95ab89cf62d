"""IDX files, judged by their headers; pictures are read some hundred at a time."""

import gzip
import math
import struct
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Element type by the third byte of an IDX file. Source: LeCun, the MNIST database."""
GZIP_MAGIC = b"\x1f\x8b"
_DAMAGED = ("IDX_LENGTH", "IDX_CORRUPT")
_BLOCK = 1 << 20
"""Bytes of elements that are read at once."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an IDX file says of itself.

    Attributes:
        shape: Elements along each dimension; the first counts the samples.
        kind: Type of an element.
    """

    shape: tuple[int, ...]
    kind: "np.dtype[Any]"


def looks_like_idx(source: Path) -> bool:
    """Whether a file starts as IDX files do, packed or not."""
    try:
        with source.open("rb") as stream:
            head = stream.read(4)
        if head.startswith(GZIP_MAGIC):
            with gzip.open(source) as stream:
                head = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in IDX_TYPES and 0 < head[3] < 5


def read_idx(source: Path, dimensions: int) -> "NDArray[Any]":
    """One IDX file, whole.

    Args:
        source: The file, or its gzip.
        dimensions: 3 for pictures, 1 for labels.

    Raises:
        InputRefused: ``IDX_MAGIC``, ``IDX_TYPE``, ``IDX_SHAPE``, ``IDX_LENGTH``, ``IDX_CORRUPT``.
    """
    header = idx_header(source, dimensions)
    blocks = list(idx_blocks(source, dimensions))
    return np.concatenate(blocks) if blocks else np.zeros(header.shape, header.kind)


def idx_header(source: Path, dimensions: int) -> Header:
    """The header alone.

    Raises:
        InputRefused: As of :func:`read_idx`.
    """
    with _opened(source) as stream:
        return _header(stream, source, dimensions)


def idx_blocks(source: Path, dimensions: int) -> "Iterator[NDArray[Any]]":
    """The samples in order, about a MiB at a time; their number is only checked at the end.

    Raises:
        InputRefused: As of :func:`read_idx`.
    """
    with _opened(source) as stream:
        header = _header(stream, source, dimensions)
        row = math.prod(header.shape[1:]) * header.kind.itemsize
        step, left = max(1, _BLOCK // row), header.shape[0]
        while left:
            body = _read(stream, min(step, left) * row)
            if len(body) != min(step, left) * row:
                raise _refused("IDX_LENGTH", source, _length("fewer", header))
            block = np.frombuffer(body, header.kind)
            yield block.reshape(-1, *header.shape[1:])
            left -= len(body) // row
        if stream.read(1):
            raise _refused("IDX_LENGTH", source, _length("more", header))


def _read(stream: IO[bytes], wanted: int) -> bytes:
    """Some bytes, or as many as there are: grows with what is there, not with what is claimed."""
    first = stream.read(min(wanted, _BLOCK))
    if len(first) in (0, wanted):
        return first
    out = bytearray(first)
    while len(out) < wanted:
        piece = stream.read(min(wanted - len(out), _BLOCK))
        if not piece:
            break
        out += piece
    return bytes(out)


def _length(relation: str, header: Header) -> str:
    expected = math.prod(header.shape) * header.kind.itemsize
    return f"holds {relation} than the {expected} bytes its header says."


@contextmanager
def _opened(source: Path) -> "Generator[IO[bytes]]":
    packed = _head(source).startswith(GZIP_MAGIC)
    try:
        opened = gzip.open if packed else open
        with opened(source, "rb") as stream:
            yield cast("IO[bytes]", stream)
    except FileNotFoundError as error:
        what = "does not exist; labels lie beside their pictures."
        remedy = "Put both files of IDX, pictures and labels, into one folder."
        raise InputRefused.of("SET_MISSING", source.name, what, remedy) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = "is packed and ends early."
        raise InputRefused.of("IDX_CORRUPT", source.name, what, "Fetch it again.") from error


def _head(source: Path) -> bytes:
    try:
        with source.open("rb") as stream:
            return stream.read(2)
    except FileNotFoundError:
        return b""


def _refused(code: str, source: Path, what: str) -> InputRefused:
    remedy = "Fetch it again." if code in _DAMAGED else ""
    return InputRefused.of(code, source.name, what, remedy)


def _header(stream: IO[bytes], source: Path, dimensions: int) -> Header:
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        code = "IDX_LENGTH" if head[:2] == b"\0\0" else "IDX_MAGIC"
        raise _refused(code, source, "is no IDX file: it starts with other bytes.")
    if head[2] not in IDX_TYPES:
        raise _refused("IDX_TYPE", source, f"has elements of the unknown type 0x{head[2]:02x}.")
    if head[3] != dimensions:
        what = f"has {head[3]} dimensions where {dimensions} are expected (files swapped?)."
        raise _refused("IDX_SHAPE", source, what)
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise _refused("IDX_LENGTH", source, "ends inside its header.")
    shape = struct.unpack(f">{dimensions}I", sizes)
    if not all(shape[1:]):
        what = f"says its pictures have sides of {shape[1:]}."
        raise _refused("IDX_SHAPE", source, what)
    return Header(shape, np.dtype(IDX_TYPES[head[2]]))
