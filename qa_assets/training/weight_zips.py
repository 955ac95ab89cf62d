"""Weights as torch saves them, a zip with a pickle in it, read without running the pickle.

Every name in it is replaced by one of ours, so what it calls is a description of a tensor.
"""

import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from qa_assets.core.zips import ZIP_ERRORS
from qa_assets.training.weight_tensors import StoredTensor, corrupt, refused

_MOST = 64 << 20
_STEPS = 1 << 21
"""Steps of a pickle: a tensor takes about thirty, and each is kept while it is read."""
_STORAGES = {
    "DoubleStorage": ("float64", 8), "FloatStorage": ("float32", 4), "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2), "LongStorage": ("int64", 8), "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2), "CharStorage": ("int8", 1), "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}  # fmt: skip
_KNOWN = {
    "collections": ("OrderedDict",),
    "torch": tuple(_STORAGES),
    "torch._utils": ("_rebuild_tensor_v2", "_rebuild_parameter"),
}
"""All that a pickled state dict may ask for, by module."""
_SCRIPT = ("/constants.pkl", "/code/")
"""Members of a zip with a compiled program in it."""


def read_zip(body: bytes, name: str) -> Mapping[str, StoredTensor]:
    """Every tensor of a zip as torch saves it.

    Raises:
        InputRefused: ``W_CODE``, ``W_FORMAT``, ``W_CORRUPT``.
    """
    try:
        with zipfile.ZipFile(BytesIO(body)) as pack:
            infos = {info.filename: info for info in pack.infolist()}
    except ZIP_ERRORS as error:
        raise corrupt(name, f"is no whole zip: {str(error)[:100]}") from error
    stem = next((n.removesuffix("data.pkl") for n in infos if n.endswith("/data.pkl")), None)
    if stem is None:
        raise refused("W_FORMAT", name, "holds no tensors of torch.", "Save it as safetensors.")
    pickled = _member(body, infos[f"{stem}data.pkl"], name)
    scan(pickled, name)
    if any(mark in f"/{member}" for member in infos for mark in _SCRIPT):
        raise refused("W_FORMAT", name, "holds a compiled program.", "Save the state dict alone.")
    if astray := [m for m in infos if ".." in m.split("/") or m.startswith("/") or "\\" in m]:
        raise corrupt(name, f"has a member that leads out of it: {astray[0][:80]!r}")
    records = {
        member.removeprefix(f"{stem}data/"): _member(body, info, name)
        for member, info in infos.items()
        if member.startswith(f"{stem}data/")
    }
    return _tensors(pickled, records, name)


def _member(body: bytes, info: zipfile.ZipInfo, name: str) -> bytes:
    """One member's bytes; its checksum is not believed, and its length is bounded."""
    start = info.header_offset
    head = body[start : start + 30]
    if len(head) < 30 or head[:4] != b"PK\3\4" or info.file_size > len(body) + _MOST:
        raise corrupt(name, f"has no member {info.filename[:80]!r} where it says")
    begin = start + 30 + sum(struct.unpack_from("<HH", head, 26))
    stored = body[begin : begin + info.compress_size]
    if info.compress_type == zipfile.ZIP_STORED:
        return stored
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise corrupt(name, "is packed in a way that is not known")
    try:
        return zlib.decompressobj(-15).decompress(stored, info.file_size + 1)
    except zlib.error as error:
        raise corrupt(name, f"has a damaged member: {error}") from error


def scan(pickled: bytes, name: str) -> None:
    """Refuse what names anything but the parts of a tensor; nothing is run to find out."""
    try:
        names = list(_named(pickled[:_MOST]))
    except Exception as error:  # a stream that cannot be followed to its end
        raise corrupt(name, f"has a damaged pickle: {str(error)[:100]}") from error
    for module, what in names:
        if what not in _KNOWN.get(module, ()):
            text = f"holds a program: it calls {module}.{what}"[:120]
            raise refused("W_CODE", name, f"holds a program: it {text}.", "Save it as safetensors.")


def _named(pickled: bytes) -> Iterator[tuple[str, str]]:
    """Every module and name that a pickle asks for; one that cannot be told is unknown."""
    texts = ["", "?"]
    for step, (operation, argument, _) in enumerate(pickletools.genops(pickled)):
        if step > _STEPS:
            raise pickle.UnpicklingError(f"more than {_STEPS} steps")
        if operation.name in ("GLOBAL", "INST"):
            module, _, what = str(argument).partition(" ")
            yield module, what
        elif operation.name == "STACK_GLOBAL":
            yield texts[-2], texts[-1]
        elif operation.name.startswith("EXT"):
            yield "copyreg", f"extension {argument}"
        elif operation.name.endswith("GET"):
            texts.append("named before")
        elif isinstance(argument, str):
            texts.append(argument)


@dataclass(frozen=True, slots=True)
class _View:
    storage: tuple[str, int, str, int]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Inert(pickle.Unpickler):
    """A reader that puts a description where torch would put a tensor."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "collections":
            return OrderedDict
        if name in _STORAGES:
            return _STORAGES[name]
        return _view if name == "_rebuild_tensor_v2" else _parameter

    def persistent_load(self, pid: Any) -> Any:
        _, (kind, width), key, _, count = pid
        if not isinstance(key, str):
            raise pickle.UnpicklingError("a record without a name")
        return (str(kind), int(width), key, int(count))


def _view(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(view: _View, *_: Any) -> _View:
    return view


def _tensors(pickled: bytes, records: Mapping[str, bytes], name: str) -> Mapping[str, StoredTensor]:
    try:
        # What it keeps is numbered anew: a reader makes room up to the largest number there is.
        found = _Inert(BytesIO(pickletools.optimize(pickled))).load()
    except Exception as error:  # whatever is put together from inert parts, and does not go
        raise corrupt(name, f"has a damaged pickle: {str(error)[:100]}") from error
    views = found if isinstance(found, dict) else {}
    if not views or not all(isinstance(v, _View) for v in views.values()):
        raise refused("W_FORMAT", name, "is no state dict.", "Save model.state_dict() alone.")
    return {str(key): _stored(str(key), view, records, name) for key, view in views.items()}


def _stored(key: str, view: _View, records: Mapping[str, bytes], name: str) -> StoredTensor:
    kind, width, record, count = view.storage
    body = records.get(record, b"")
    sizes = (count, view.offset, *view.shape, *view.strides)
    if len(view.shape) != len(view.strides) or min(sizes) < 0 or count * width > len(body):
        what = f"tensor {key!r} of {list(view.shape)} claims {count} values, {len(body)} bytes"
        raise corrupt(name, f"{what} are there")
    empty = 0 in view.shape
    steps = zip(view.shape, view.strides, strict=True)
    last = 0 if empty else view.offset + sum((n - 1) * step for n, step in steps)
    if not empty and (last >= count or math.prod(view.shape) > count):
        raise corrupt(name, f"tensor {key!r} of {list(view.shape)} is a view beyond its values")
    size = math.prod(view.shape) * width
    return StoredTensor(kind, view.shape, body[view.offset * width : view.offset * width + size])
