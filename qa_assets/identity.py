"""What an artifact depends on beside its inputs: code and settings, as digests.

The code of an artifact is the sources of its rooms and the versions of their libraries.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qa_assets.core.digests import digest_bytes, digest_json

PACKAGE = Path(__file__).parent
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "core": ("numpy", "pyarrow"),
    "preprocessing": ("numpy", "pillow"),
    "datasets": (
        "cleanlab",
        "numpy",
        "onnx",
        "onnxruntime",
        "pandas",
        "pillow",
        "pyarrow",
        "scikit-learn",
    ),
    "training": ("numpy", "torch", "scikit-learn"),
    "evaluation": ("numpy", "torch", "onnxruntime", "pillow", "scipy"),
    "export": ("numpy", "torch", "onnx", "onnxscript", "onnxruntime"),
    "edge": ("numpy", "onnxruntime", "pillow"),
    "checks": ("numpy", "pandas", "great-expectations"),
    "release": ("jinja2",),
}
"""Whose versions belong to the identity of what a room makes."""


def as_json(settings: Any) -> Any:
    """Settings models, and containers of them, as JSON values."""
    if isinstance(settings, BaseModel):
        return settings.model_dump(mode="json")
    if isinstance(settings, Mapping):
        return {str(k): as_json(v) for k, v in settings.items()}
    if isinstance(settings, list | tuple):
        return [as_json(v) for v in settings]
    return str(settings) if isinstance(settings, Path) else settings


@cache
def code_version(rooms: tuple[str, ...]) -> str:
    """Digest of the rooms' sources and of the versions of the libraries they compute with."""
    used = sorted({*rooms, "core"})
    sources = {
        Path(folder, name).relative_to(PACKAGE).as_posix(): digest_source(Path(folder, name))
        for room in used
        for folder, _, names in os.walk(PACKAGE / room)
        for name in names
        if name.endswith((".py", ".html", ".yaml", ".json"))
    }
    libraries = {name: version(name) for room in used for name in LIBRARIES.get(room, ())}
    return digest_json({"sources": sources, "libraries": libraries})


def digest_source(path: Path) -> str:
    """Digest of a source file, the same with either kind of line ends."""
    return digest_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
