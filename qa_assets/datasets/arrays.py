"""Arrays from NPY and NPZ files, judged by their headers before anything is allocated."""

import ast
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.archives import open_zip
from qa_assets.datasets.settings import SampleLimits

NPY_MAGIC = b"\x93NUMPY"
_NPY_VERSIONS = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}
_LONGEST_HEADER = 4096


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
