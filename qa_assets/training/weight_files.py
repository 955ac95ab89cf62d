"""Weights in a file that came from elsewhere, read without running anything in it.

Neither torch nor safetensors reads them here: a header is read by its rules, and the pickle inside
a ``.pt`` file is read with every name in it replaced by one of ours, so nothing of its own is run.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

from qa_assets.training.weight_tensors import StoredTensor, corrupt, refused
from qa_assets.training.weight_zips import read_zip, scan

_HEADER_MIB = 100
_MIB = 1 << 20
_SIZES = {
    "F64": ("float64", 8), "F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2),
    "I64": ("int64", 8), "I32": ("int32", 4), "I16": ("int16", 2), "I8": ("int8", 1),
    "U64": ("uint64", 8), "U32": ("uint32", 4), "U16": ("uint16", 2), "U8": ("uint8", 1),
    "BOOL": ("bool", 1), "F8_E4M3": ("float8_e4m3", 1), "F8_E5M2": ("float8_e5m2", 1),
}  # fmt: skip


def read_weights(body: bytes, name: str) -> Mapping[str, StoredTensor]:
    """Every tensor by name, whatever the extension says.

    Raises:
        InputRefused: ``W_CODE``: there is a program in it; ``W_FORMAT``: it is of a kind that is
            not taken; ``W_CORRUPT``: damaged, or what it says of itself cannot be.
    """
    if body[:4] == b"PK\3\4":
        return read_zip(body, name)
    if body[:1] == b"\x80" and body[1:2] in b"\2\3\4\5":
        scan(body, name)
        raise refused("W_FORMAT", name, "is of torch before 1.6.", "Save it as safetensors.")
    return _read_safetensors(body, name)


def _read_safetensors(body: bytes, name: str) -> Mapping[str, StoredTensor]:
    if len(body) < 8:
        raise corrupt(name, "ends before its header")
    size = struct.unpack_from("<Q", body)[0]
    if size > min(len(body) - 8, _HEADER_MIB * _MIB):
        raise corrupt(name, f"has a header of {size} bytes and {len(body)} in all")
    header, data = _header(body[8 : 8 + size], name), memoryview(body)[8 + size :]
    noted = header.pop("__metadata__", {})
    texts = isinstance(noted, dict) and all(isinstance(v, str) for v in noted.values())
    if not texts:
        raise corrupt(name, "has metadata that is not text by name")
    spans = {key: _span(entry, key, name) for key, entry in header.items()}
    place = 0
    for key, (begin, end, _, _) in sorted(spans.items(), key=lambda item: item[1][:2]):
        if begin != place:
            what = "overlaps another one" if begin < place else "follows bytes of no tensor"
            raise corrupt(name, f"tensor {key!r} {what}")
        place = end
    if place != len(data):
        raise corrupt(name, f"has {len(data)} bytes of tensors, its header speaks of {place}")
    return {
        key: StoredTensor(kind, shape, bytes(data[begin:end]))
        for key, (begin, end, kind, shape) in spans.items()
    }


def _header(text: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise corrupt(name, "names something twice in its header")
        return dict(pairs)

    if not text.startswith(b"{"):
        raise corrupt(name, "has a header that does not begin with {")
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise corrupt(name, f"has a header that is no JSON: {str(error)[:100]}") from error


def _span(entry: Any, key: str, name: str) -> tuple[int, int, str, tuple[int, ...]]:
    """First and last byte, type and shape of one tensor, which go together."""
    entry = entry if isinstance(entry, dict) else {}
    offsets, shape = entry.get("data_offsets"), entry.get("shape")
    if entry.get("dtype") not in _SIZES:
        raise corrupt(name, f"tensor {key!r} is of no known type: {entry.get('dtype')!r}")
    if not _counts(offsets) or not _counts(shape) or len(offsets) != 2:
        raise corrupt(name, f"tensor {key!r} has sizes or places that are no counts")
    kind, width = _SIZES[entry["dtype"]]
    if math.prod(shape) * width != offsets[1] - offsets[0]:
        what = f"tensor {key!r} of {shape} does not fit {offsets[1] - offsets[0]} bytes"
        raise corrupt(name, what)
    return offsets[0], offsets[1], kind, tuple(shape)


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)
