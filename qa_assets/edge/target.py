"""The seam to a runtime or device: how a worker is started there, and how it opens a model."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.registry import Registry

Option = str | int | float | bool | None


class Session(Protocol):
    """A loaded model on the target.

    Attributes:
        version: Name and version of the runtime.
    """

    version: str

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (sample, class) of pixels (sample, height, width, channel)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTarget:
    """One runtime or device; the file in ``targets/`` that registers it is all there is to it.

    Attributes:
        open: Loads a model file into a session. It runs inside the worker, on the target: its
            source is sent there, so it imports what it needs itself. None: onnxruntime.
        interpreter: The command that runs a Python file on the target.
        environment: Variables that the worker has besides the minimal ones.
        decoder: Who turns a sample's raw bytes into pixels there.
        options: Handed to ``open``; what they mean is its own business.
        any_batch: Whether the runtime takes more than one sample a call.
    """

    open: Callable[[str, dict[str, Any]], Session] | None = None
    interpreter: tuple[str, ...] = (sys.executable, "-I")
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    decoder: Literal["pillow", "png"] = "pillow"
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    any_batch: bool = True


TARGETS: Registry[EdgeTarget] = Registry("qa_assets.edge.targets")


def find(name: str) -> EdgeTarget:
    """The registered target of that name.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: there is none; the message lists what there is.
    """
    if name not in TARGETS:
        raise InputRefused.of(
            "CONF_UNKNOWN",
            "edge.targets",
            f"names {name!r}, which is no target.",
            f"Targets are: {', '.join(sorted(TARGETS))}.",
        )
    return TARGETS[name]
