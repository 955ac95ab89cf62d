"""Samples as the released model sees them: what its last layer decides from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.preprocessing.image import decode

BATCH = 256
_WEIGHTED = frozenset({"Gemm", "MatMul", "Conv"})
_OUTPUT, _INPUT, _SPEC = "logits", "pixels", "input_spec"


@dataclass(frozen=True, slots=True)
class Embedding:
    """A model file, cut before its last layer.

    Attributes:
        session: The runtime's session of what is left of it.
        spec: What the file says it takes.
        tensor: Name of the tensor it ends in now.
        batch: Samples a call; the file may take exactly one.
    """

    session: Any
    spec: InputSpec
    tensor: str
    batch: int

    def of(self, payloads: Iterable[bytes]) -> NDArray[np.float32]:
        """Features of raw bytes, shape (sample, feature), in their order."""
        pixels = np.stack([decode(body, self.spec) for body in payloads])
        parts = [
            self.session.run([self.tensor], {_INPUT: pixels[start : start + self.batch]})[0]
            for start in range(0, len(pixels), self.batch)
        ]
        return np.concatenate([np.asarray(p, np.float32).reshape(len(p), -1) for p in parts])


def embedding(model: bytes) -> Embedding:
    """Open an exported model up to what its last weighted layer reads.

    Where no such layer leads to the logits, the logits themselves are the features.

    Raises:
        InputRefused: ``ONNX_CORRUPT``: it cannot be opened, or does not say what it takes.
    """
    import onnx
    import onnxruntime as ort

    try:
        graph = onnx.load_from_string(model)
        tensor = penultimate(graph)
        del graph.graph.output[:]
        graph.graph.output.append(
            onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        body = graph.SerializeToString()
        session: Any = ort.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        spec = InputSpec.model_validate_json(session.get_modelmeta().custom_metadata_map[_SPEC])
        batch = session.get_inputs()[0].shape[0]
    except Exception as error:  # the runtime's own exceptions share no base
        raise _unusable(error) from error
    return Embedding(session, spec, tensor, batch if isinstance(batch, int) else BATCH)


def penultimate(model: Any) -> str:
    """Name of the tensor that the last layer with weights reads, on the way to the logits."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    constant = {tensor.name for tensor in model.graph.initializer}
    name = _OUTPUT
    while name in made_by:
        node = made_by[name]
        name = next((i for i in node.input if i and i not in constant), "")
        if node.op_type in _WEIGHTED:
            return name if name in made_by else _OUTPUT
    return _OUTPUT


def _unusable(error: Exception) -> InputRefused:
    kind = json.dumps(str(error)[:200])
    return InputRefused.of(
        "ONNX_CORRUPT", "model.onnx", f"cannot be cut: {kind}", "Release it again."
    )
