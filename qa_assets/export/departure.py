"""Where an exported file leaves the network it was made of: the layers that are not found in it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.image import normalise

if TYPE_CHECKING:
    import onnx

PREPROCESSING = "preprocessing"
TOLERANCE = 1e-3
"""Share of the largest value by which two tensors that are the same may differ."""
SAMPLES = 8
Values = NDArray[np.floating]


def left_at(
    network: nn.Module,
    body: bytes,
    pixels: NDArray[np.uint8],
    answers: Values,
    spec: InputSpec,
) -> tuple[str, ...]:
    """The layers behind the last one whose output is somewhere in the file.

    An exporter may fold layers into one another, so that one is missing means nothing; but what
    comes behind the last one that is there, up to the next that should be, was lost or changed.

    Args:
        network: What was exported, in evaluation mode for the while.
        body: The file.
        pixels: Samples, uint8, shape (sample, height, width, channel).
        answers: What the file answers to them, shape (sample, class).
        spec: The declared preprocessing.

    Returns:
        ``preprocessing``, or names of layers in the order of the calls; nothing where the file
        answers as the network does.
    """
    few = pixels[:SAMPLES]
    steps = _steps(network, torch.from_numpy(normalise(few, spec)).clone())
    if _same(steps[-1][2], answers[:SAMPLES]):
        return ()
    inside = _inside(body, few)
    alike = [i for i, (_, _, out) in enumerate(steps) if any(_same(out, other) for other in inside)]
    behind = alike[-1] + 1 if alike else 0
    if not behind:
        return (PREPROCESSING,)
    left = steps[behind:]
    kinds = [kind for _, kind, _ in left]
    more = next((i for i, kind in enumerate(kinds[1:], 1) if "Norm" not in kind), len(left))
    return tuple(name for name, _, _ in left[:more])


@contextmanager
def as_it_was(network: nn.Module) -> Generator[None]:
    """Afterwards every layer is in the mode, training or evaluation, that it was in before."""
    modes = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _steps(network: nn.Module, given: Tensor) -> list[tuple[str, str, Values]]:
    """Name, kind and output of the input and of every layer, in the order of the calls."""
    seen: list[tuple[str, str, Values]] = [(PREPROCESSING, "", given.numpy())]
    names = {m: n for n, m in network.named_modules() if not any(True for _ in m.children())}

    def look(module: nn.Module, _: object, out: object) -> None:
        if isinstance(out, Tensor):
            seen.append((names[module], type(module).__name__, out.detach().float().numpy().copy()))

    hooks = [m.register_forward_hook(look) for m in names]
    try:
        with as_it_was(network), torch.no_grad():
            network.eval()(given)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _inside(body: bytes, pixels: NDArray[np.uint8]) -> list[Values]:
    """Every tensor of floating-point numbers that the file computes, nothing fused."""
    import onnx
    import onnxruntime as ort

    model = onnx.load_model_from_string(body)
    shown = {port.name for port in model.graph.output}
    made = {name for node in model.graph.node for name in node.output} - shown
    for info in onnx.shape_inference.infer_shapes(model).graph.value_info:
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT and info.name in made:
            model.graph.output.append(info)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(_bytes(model), options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    size = len(pixels) if not isinstance(port.shape[0], int) else port.shape[0]
    calls: list[Any] = [
        session.run(None, {port.name: pixels[i : i + size]})
        for i in range(0, len(pixels) - size + 1, size)
    ]
    return [
        np.concatenate([np.asarray(v, np.float32) for v in values])
        for values in zip(*calls, strict=True)
    ]


def _bytes(model: "onnx.ModelProto") -> bytes:
    return model.SerializeToString()


def _same(one: Values, other: Values) -> bool:
    if one.shape != other.shape:
        return False
    return float(np.abs(one - other).max()) <= TOLERANCE * max(float(np.abs(one).max()), 1e-12)
