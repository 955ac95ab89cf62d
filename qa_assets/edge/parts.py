"""Parts of a model: everything that leads to one tensor as a file of its own, and experiments.

Outputs are not added to the whole model, because that changes which operators a runtime fuses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

INPUT = "pixels"
_CHAIN = ("Cast", "Div", "Mul", "Sub", "Add", "Transpose", "Reshape")
"""Operators that a preprocessing inside the graph is made of."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One tensor inside a model, and the operator that makes it."""

    tensor: str
    operator: str

    def __str__(self) -> str:
        return f"{self.operator} {self.tensor}"


def read(body: bytes) -> "onnx.ModelProto":
    """The model in ``body``, which was inspected before."""
    import onnx

    return onnx.load_model_from_string(body)


def read_foreign(body: bytes) -> "onnx.ModelProto | None":
    """The model that a target's own tools made; None where it is damaged, or of another format."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(body)
        model.SerializeToString()
    except (DecodeError, ValueError):  # damaged texts are found when they are written
        return None
    return model if len(model.graph.node) else None


def layers(model: "onnx.ModelProto") -> list[Layer]:
    """Every tensor of floating-point numbers that a node makes of the input, in graph order."""
    import onnx

    known = onnx.shape_inference.infer_shapes(model).graph
    infos = (*known.value_info, *known.output)
    floats = {i.name for i in infos if i.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    from_input, found = {i.name for i in model.graph.input}, list[Layer]()
    operator: dict[str, str] = {}  # what a quantised tensor was before it was quantised
    for node in model.graph.node:
        if from_input.isdisjoint(node.input):
            continue
        from_input.update(node.output)
        passed_on = node.op_type in ("QuantizeLinear", "DequantizeLinear")
        name = operator.get(node.input[0], node.op_type) if passed_on else node.op_type
        operator.update(dict.fromkeys(node.output, name))
        found += [Layer(n, name) for n in node.output[:1] if n in floats]
    return found


def fixed_batch(model: "onnx.ModelProto") -> bool:
    """Whether the model takes a number of samples that is fixed."""
    port = next((i for i in model.graph.input if i.name == INPUT), None)
    return port is not None and port.type.tensor_type.shape.dim[0].HasField("dim_value")


def chain(model: "onnx.ModelProto") -> list[str]:
    """Tensors of the preprocessing that may begin the graph, in order."""
    constants = {t.name for t in model.graph.initializer}
    made = {n.output[0] for n in model.graph.node if n.op_type == "Constant"} | constants
    found, current = list[str](), INPUT
    while True:
        takers = [n for n in model.graph.node if current in n.input]
        if len(takers) != 1 or takers[0].op_type not in _CHAIN:
            return found
        if any(name not in made for name in takers[0].input if name != current):
            return found
        current = takers[0].output[0]
        found.append(current)


def part(model: "onnx.ModelProto", tensor: str) -> bytes:
    """The part of ``model`` that makes ``tensor``, its only output.

    Raises:
        KeyError: No node makes it.
    """
    import onnx

    makers = {name: node for node in model.graph.node for name in node.output}
    needed, waiting = set[str](), [tensor]
    if tensor not in makers:
        raise KeyError(tensor)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += makers[name].input if name in makers else ()
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    nodes = [n for n in model.graph.node if not needed.isdisjoint(n.output)]
    constants = [t for t in model.graph.initializer if t.name in needed]
    for entries in (graph.node, graph.initializer, graph.output, graph.value_info):
        del entries[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    out = next((o for o in model.graph.output if o.name == tensor), None)
    kind = onnx.TensorProto.FLOAT
    graph.output.append(out or onnx.helper.make_tensor_value_info(tensor, kind, None))
    return result.SerializeToString(deterministic=True)


def after(model: "onnx.ModelProto", tensor: str) -> "onnx.ModelProto":
    """``model`` with ``tensor`` as its input: what comes behind it."""
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.input[:], result.graph.node[:], result.graph.value_info[:]
    reached = {tensor}
    for node in model.graph.node:
        if not reached.isdisjoint(node.input):
            reached.update(node.output)
            result.graph.node.append(node)
    kind = onnx.TensorProto.FLOAT
    result.graph.input.append(onnx.helper.make_tensor_value_info(tensor, kind, None))
    kept = [o for o in model.graph.output if o.name in reached]
    del result.graph.output[:]
    result.graph.output.extend(kept)
    return result


def values(
    model: "onnx.ModelProto", tensors: Sequence[str], given: NDArray[np.generic]
) -> dict[str, NDArray[np.float32]]:
    """What the reference runtime makes of ``given`` at each of ``tensors``, unoptimised.

    A batch of one is given where the model takes no more.
    """
    import onnx
    import onnxruntime as ort

    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    had = {o.name for o in opened.graph.output}
    kind = onnx.TensorProto.FLOAT
    more = [onnx.helper.make_tensor_value_info(t, kind, None) for t in tensors if t not in had]
    opened.graph.output.extend(more)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    body, providers = opened.SerializeToString(), ["CPUExecutionProvider"]
    session = ort.InferenceSession(body, options, providers=providers)
    port = session.get_inputs()[0]
    step = port.shape[0] if port.shape and isinstance(port.shape[0], int) else len(given)
    starts = range(0, len(given), step)
    calls = [session.run(list(tensors), {port.name: given[i : i + step]}) for i in starts]
    made = [np.concatenate([np.asarray(c[k]) for c in calls]) for k in range(len(tensors))]
    return dict(zip(tensors, made, strict=True))


def constants(model: "onnx.ModelProto") -> dict[str, NDArray[np.generic]]:
    """Every initializer by name."""
    import onnx

    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


def without_node(model: "onnx.ModelProto", tensor: str, instead: str) -> "onnx.ModelProto":
    """``model`` with the node that makes ``tensor`` replaced by its input ``instead``."""
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    node = next(n for n in result.graph.node if tensor in n.output)
    place = list(result.graph.node).index(node)
    result.graph.node[place].CopyFrom(onnx.helper.make_node("Identity", [instead], [tensor]))
    return result


def with_constant(
    model: "onnx.ModelProto", name: str, value: NDArray[np.generic]
) -> "onnx.ModelProto":
    """``model`` with another initializer of that name."""
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    tensor = next(t for t in result.graph.initializer if t.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(value), name))
    return result


def between(model: "onnx.ModelProto", tensor: str, agreed: Iterable[str]) -> "list[onnx.NodeProto]":
    """Nodes that lead to ``tensor`` from the nearest tensors that agree, in graph order."""
    makers: Mapping[str, onnx.NodeProto] = {
        n: node for node in model.graph.node for n in node.output
    }
    stop, names, waiting = set(agreed), set[str](), [tensor]
    while waiting:
        name = waiting.pop()
        if name in makers and name not in names and (name == tensor or name not in stop):
            names.add(name)
            waiting += makers[name].input
    return [n for n in model.graph.node if not names.isdisjoint(n.output)]
