"""LiteRT (TensorFlow Lite), which phones and microcontrollers run: ``litert@FILE.tflite``.

The file was made of the network by another tool; it is held against the exported model all the
same. What it takes is found in it: quantised inputs are quantised here by its own parameters.
"""
# The runtime is an extra, and ships no types:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from functools import partial
from pathlib import Path
from typing import Any

from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import FAMILIES, EdgeTarget


class LiteRt:
    """The model in LiteRT.

    Options: ``scale`` and ``zero`` say what number a stored value stands for, ``(x - zero) *
    scale``; by default the number it is.
    """

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import importlib.metadata

        import numpy as np
        from ai_edge_litert.interpreter import Interpreter

        self._np, self._options = np, options
        self._net = Interpreter(model_path=model, num_threads=int(options.get("threads", 1)))
        self._net.allocate_tensors()
        self._input: Any = self._net.get_input_details()[0]
        self._output: Any = self._net.get_output_details()[0]
        self.version = f"litert {importlib.metadata.version('ai-edge-litert')}"

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        np = self._np
        numbers = (pixels.astype(np.float32) - self._options.get("zero", 0)) * np.float32(
            self._options.get("scale", 1.0)
        )
        given, answers = self._in(numbers), []
        for sample in given:
            self._net.set_tensor(self._input["index"], sample[None])
            self._net.invoke()
            answers.append(self._out(self._net.get_tensor(self._output["index"])))
        return np.concatenate(answers)

    def _in(self, numbers: Any) -> Any:
        np, (scale, zero) = self._np, self._input["quantization"]
        kind = self._input["dtype"]
        if not scale:
            return numbers.astype(kind)
        limits = np.iinfo(kind)
        return np.clip(np.round(numbers / scale) + zero, limits.min, limits.max).astype(kind)

    def _out(self, answer: Any) -> Any:
        scale, zero = self._output["quantization"]
        numbers = answer.astype(self._np.float32)
        return (numbers - zero) * self._np.float32(scale) if scale else numbers


def litert(path: str, settings: EdgeSettings) -> EdgeTarget:
    """The file at ``path``, whatever was exported."""
    return EdgeTarget(open=LiteRt, convert=partial(_read, path), needs=("ai-edge-litert",))


def _read(path: str, exported: bytes) -> bytes:
    return Path(path).read_bytes()


FAMILIES.add("litert", litert)
