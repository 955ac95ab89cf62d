"""What an artifact depends on beside its inputs: code and settings, as digests.

The code of an artifact is the sources of its rooms and the versions of their libraries.
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
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
    root = str(PACKAGE)
    sources = {
        f"{folder}{os.sep}{name}"[len(root) + 1 :].replace(os.sep, "/"): digest_source(
            f"{folder}{os.sep}{name}"
        )
        for room in used
        for folder, _, names in os.walk(f"{root}{os.sep}{room}")
        for name in names
        if name.endswith((".py", ".html", ".yaml", ".json"))
    }
    libraries = {name: version_of(name) for room in used for name in LIBRARIES.get(room, ())}
    return digest_json({"sources": sources, "libraries": libraries})


@cache
def version_of(library: str) -> str:
    """As ``importlib.metadata.version``, which parses all of the library's metadata for it."""
    found = distribution(library)
    told = re.search(r"^Version:\s*(\S+)", found.read_text("METADATA") or "", re.MULTILINE)
    return told[1] if told else found.version


def digest_source(path: Path | str) -> str:
    """Digest of a source file, the same with either kind of line ends."""
    with open(path, "rb") as file:  # noqa: PTH123 (ten times a key's time goes into paths)
        return digest_bytes(file.read().replace(b"\r\n", b"\n"))
