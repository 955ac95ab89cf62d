"""The seam to a runtime or device: how a worker is started there, and how it opens a model."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.registry import Registry
from qa_assets.edge.settings import EdgeSettings, VariantChoice

Option = str | int | float | bool | None
Decoder = Callable[[bytes, dict[str, Any]], Any]
Command = tuple[str, ...]
LOCAL: Command = (sys.executable, "-I")
"""This machine's Python, undisturbed by what its user has set."""


class Session(Protocol):
    """A loaded model on the target.

    Attributes:
        version: Name and version of the runtime.
    """

    version: str

    def infer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The output ``logits`` (sample, class), or the only one of a part of a model.

        Args:
            pixels: Shape (sample, height, width, channel).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTarget:
    """One runtime or device; the file in ``targets/`` that registers it is all there is to it.

    Attributes:
        open: Loads a model file into a session. It runs inside the worker, on the target: its
            source is sent there, so it imports what it needs itself. None: onnxruntime.
        interpreter: The command that runs a Python file on the target; or makes that command,
            when the target is used, because it takes work or depends on the machine.
        environment: Variables that the worker has besides the minimal ones.
        decoder: Who turns a sample's raw bytes into pixels there: one of the worker's, or a
            function of the device's own, whose source is sent along.
        options: Handed to ``open``; what they mean is its own business.
        any_batch: Whether the runtime takes more than one sample a call.
        variant: Which of the exported files it takes.
        convert: What the target's own tools make of that file, here, before it is sent.
        emulated: Its answers count, its times mean nothing.
        needs: Python packages that it takes; by default onnxruntime alone.
    """

    open: Callable[[str, dict[str, Any]], Session] | None = None
    interpreter: Command | Callable[[], Command] = LOCAL
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    decoder: Literal["pillow", "png"] | Decoder = "pillow"
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    any_batch: bool = True
    variant: VariantChoice = "float"
    convert: Callable[[bytes], bytes] | None = None
    emulated: bool = False
    needs: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """What decides its answers, where this machine's Python runs it; nothing elsewhere."""
        if self.interpreter != LOCAL:
            return ()
        own = self.needs or (("onnxruntime",) if self.open is None else ())
        return (*own, "numpy", "pillow") if own else ()

    @property
    def command(self) -> Command:
        """The command that runs a Python file on the target."""
        return self.interpreter() if callable(self.interpreter) else self.interpreter


TARGETS: Registry[EdgeTarget] = Registry("qa_assets.edge.targets")
FAMILIES: Registry[Callable[[str, EdgeSettings], EdgeTarget]] = Registry("qa_assets.edge.targets")
"""Targets with a parameter: ``ort@1.20.1`` is made by the family ``ort`` of ``1.20.1``."""


def find(name: str, settings: EdgeSettings | None = None) -> EdgeTarget:
    """The registered target of that name.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: there is none; the message lists what there is.
    """
    family, _, parameter = name.partition("@")
    if parameter and family in FAMILIES:
        return FAMILIES[family](parameter, settings or EdgeSettings())
    if name not in TARGETS:
        known = [*TARGETS, *(f"{family}@..." for family in FAMILIES)]
        raise InputRefused.of(
            "CONF_UNKNOWN",
            "edge.targets",
            f"names {name!r}, which is no target.",
            f"Targets are: {', '.join(sorted(known))}.",
        )
    return TARGETS[name]
