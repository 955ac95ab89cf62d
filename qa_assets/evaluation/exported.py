"""A shipped model as a device has it: one file and a runtime, nothing of what trained it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.preprocessing.image import decode

Scores = NDArray[np.float32]


class ExportedModel:
    """A model file, opened; its labels and its input are those written inside it."""

    def __init__(self, model: bytes) -> None:
        """Open a model.

        Args:
            model: Bytes of an ONNX file that this package exported.

        Raises:
            InputRefused: ``ONNX_CORRUPT``: it cannot be opened, or does not say what it takes.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session: Any = ort.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            says = self._session.get_modelmeta().custom_metadata_map
            self.spec = InputSpec.model_validate_json(says["input_spec"])
            self.labels = tuple(str(label) for label in json.loads(says["labels"]))
        except Exception as error:  # the runtime's own exceptions share no base of their own
            raise _unusable(error) from error

    def answer(self, pixels: NDArray[np.uint8], *, batch: int = 256) -> Scores:
        """Logits, float32 (sample, class), of decoded pixels, uint8 in the order NHWC.

        Raises:
            InputRefused: ``ONNX_CORRUPT``: it opens, and cannot be run on them.
        """
        try:
            parts = [
                self._session.run(["logits"], {"pixels": pixels[start : start + batch]})[0]
                for start in range(0, len(pixels), batch)
            ]
        except Exception as error:  # the runtime's own exceptions share no base of their own
            raise _unusable(error) from error
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def decode(self, payloads: Mapping[str, bytes]) -> NDArray[np.uint8]:
        """Raw bytes as the model takes them, in the mapping's order."""
        return np.stack([decode(body, self.spec) for body in payloads.values()])


def _unusable(error: Exception) -> InputRefused:
    message = f"cannot be used: {str(error)[:200]}"
    return InputRefused.of("ONNX_CORRUPT", "model.onnx", message, "Export it again.")
