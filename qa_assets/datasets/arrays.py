"""Arrays from IDX, NPY and NPZ files, judged by their headers before anything is allocated."""

import ast
import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.archives import open_zip
from qa_assets.datasets.settings import SampleLimits

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Element type by the third byte of an IDX file. Source: LeCun, the MNIST database."""
NPY_MAGIC, GZIP_MAGIC = b"\x93NUMPY", b"\x1f\x8b"
_NPY_VERSIONS = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}
_LONGEST_HEADER = 4096
_IMAGE_DIMENSIONS = 3


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
    packed = _head(source).startswith(GZIP_MAGIC)
    try:
        opened = gzip.open if packed else open
        with opened(source, "rb") as stream:
            return _read_idx(cast("IO[bytes]", stream), source, dimensions)
    except FileNotFoundError as error:
        what = "does not exist; labels lie beside their pictures."
        raise InputRefused.of("SET_MISSING", source.name, what) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = "is packed and ends early."
        raise InputRefused.of("IDX_CORRUPT", source.name, what, "Fetch it again.") from error


def _head(source: Path) -> bytes:
    try:
        with source.open("rb") as stream:
            return stream.read(2)
    except FileNotFoundError:
        return b""


def _read_idx(stream: IO[bytes], source: Path, dimensions: int) -> "NDArray[Any]":
    def refused(code: str, what: str) -> InputRefused:
        return InputRefused.of(code, source.name, what, "Fetch it again.")

    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        code = "IDX_LENGTH" if head[:2] == b"\0\0" else "IDX_MAGIC"
        raise refused(code, "is no IDX file: it starts with other bytes.")
    if head[2] not in IDX_TYPES:
        raise refused("IDX_TYPE", f"has elements of the unknown type 0x{head[2]:02x}.")
    if head[3] != dimensions:
        what = f"has {head[3]} dimensions where {dimensions} are expected (files swapped?)."
        raise refused("IDX_SHAPE", what)
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise refused("IDX_LENGTH", "ends inside its header.")
    shape = struct.unpack(f">{dimensions}I", sizes)
    if not all(shape[1:]):
        raise refused("IDX_SHAPE", f"says its pictures have sides of {shape[1:]}.")
    kind = np.dtype(IDX_TYPES[head[2]])
    expected = math.prod(shape) * kind.itemsize
    body = _read_exactly(stream, expected)
    if len(body) != expected:
        relation = "more" if len(body) > expected else "fewer"
        raise refused("IDX_LENGTH", f"holds {relation} than the {expected} bytes its header says.")
    return np.frombuffer(body, kind).reshape(shape)


def _read_exactly(stream: IO[bytes], expected: int) -> bytes:
    """At most one byte more than expected; grows with what is there, not with what is claimed."""
    out = bytearray()
    while len(out) <= expected:
        piece = stream.read(min(expected + 1 - len(out), 1 << 20))
        if not piece:
            break
        out += piece
    return bytes(out)


def read_npy(body: bytes, item: str) -> "NDArray[Any]":
    """One NPY file; arrays of objects are never unpickled.

    Raises:
        InputRefused: ``NPY_MAGIC``, ``NPY_HEADER``, ``NPY_OBJECT``, ``NPY_TYPE``, ``NPY_SHAPE``,
            ``NPY_LENGTH``.
    """

    def refused(code: str, what: str) -> InputRefused:
        return InputRefused.of(code, item, what, "Write it with numpy.save(allow_pickle=False).")

    if not body.startswith(NPY_MAGIC):
        raise refused("NPY_MAGIC", "is no NPY file: it starts with other bytes.")
    header, start = _npy_header(body, refused)
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
    if len(body) - start != expected:
        what = f"holds {len(body) - start} bytes of data, its header says {expected}."
        raise refused("NPY_LENGTH", what)
    return np.frombuffer(body, kind, offset=start).reshape(shape, order="F" if order else "C")


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


def read_npz(source: Path, limits: SampleLimits) -> "dict[str, NDArray[Any]]":
    """Every array of an NPZ file by name.

    Raises:
        InputRefused: ``ARC_*`` or ``NPY_*``.
    """
    with open_zip(source, limits) as archive:
        return {
            name.removesuffix(".npy"): read_npy(
                _member(archive, name, source), f"{source.name}: {name}"
            )
            for name in archive.namelist()
            if name.endswith(".npy")
        }


def _member(archive: Any, name: str, source: Path) -> bytes:
    import zipfile

    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        item = f"{source.name}: {name}"
        raise InputRefused.of("ARC_CORRUPT", item, f"cannot be read: {error}.") from error


def png_of(pixels: "NDArray[np.uint8]") -> bytes:
    """A picture as a PNG whose bytes no compressor and no clock decides.

    Args:
        pixels: Shape (height, width) or (height, width, 3).

    Source: RFC 2083 (PNG), RFC 1951 section 3.2.4 (stored blocks).
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    raw = rows.tobytes()
    stream = io.BytesIO()
    stream.write(b"\x78\x01")
    for place in range(0, len(raw), _BLOCK):
        piece = raw[place : place + _BLOCK]
        last = place + _BLOCK >= len(raw)
        stream.write(struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF) + piece)
    stream.write(struct.pack(">I", zlib.adler32(raw)))
    colour = 0 if pixels.ndim < _IMAGE_DIMENSIONS else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream.getvalue()) + _END


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"%b%b%b%b" % (struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum))


_BLOCK = 0xFFFF
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = _chunk(b"IEND", b"")
