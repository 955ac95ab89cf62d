"""Reading an ONNX file: its nodes, tensors and ports, wherever in nested graphs they sit."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.export import MODEL

if TYPE_CHECKING:
    import onnx


def parse(model: bytes) -> "onnx.ModelProto":
    """The model in ``model``; the parser itself ends deeply nested files.

    Raises:
        InputRefused: ``ONNX_CORRUPT``: empty, damaged, or no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(model)
    except (DecodeError, RecursionError) as error:
        raise _corrupt("is damaged, or no ONNX file") from error
    if not proto.HasField("graph"):
        raise _corrupt("is empty" if not model else "holds no graph")
    if not _is_text(proto):
        raise _corrupt("has names or texts that are no UTF-8")
    return proto


def _is_text(message: Any) -> bool:
    """Whether all its texts are texts: the parser hands over damaged ones as bytes."""
    for entry, value in message.ListFields():
        every = [value] if hasattr(value, "DESCRIPTOR") or isinstance(value, str | bytes) else value
        if entry.type == entry.TYPE_STRING and any(isinstance(text, bytes) for text in every):
            return False
        if entry.message_type is not None and not all(map(_is_text, every)):
            return False
    return True


def graphs(proto: "onnx.ModelProto") -> "Iterator[tuple[onnx.GraphProto, int]]":
    """Every graph with its depth, the main one first."""
    waiting = [(proto.graph, 0)]
    bodies = [node for function in proto.functions for node in function.node]
    waiting += [(graph, 1) for graph in _inner(bodies)]
    while waiting:
        graph, depth = waiting.pop()
        yield graph, depth
        waiting += [(inner, depth + 1) for inner in _inner(graph.node)]


def nodes(proto: "onnx.ModelProto") -> "Iterator[onnx.NodeProto]":
    """Every node of every graph and function."""
    for graph, _ in graphs(proto):
        yield from graph.node
    for function in proto.functions:
        yield from function.node


def tensors(proto: "onnx.ModelProto") -> "Iterator[onnx.TensorProto]":
    """Every constant: initializers, sparse ones, and tensors in attributes."""
    for graph, _ in graphs(proto):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes(proto):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def operator(node: "onnx.NodeProto") -> str:
    """Its name; ``domain::name`` where it is not a standard one."""
    own = node.domain in ("", "ai.onnx")
    return node.op_type if own else f"{node.domain}::{node.op_type}"


def opset(proto: "onnx.ModelProto") -> int:
    """Version of the default operator set; 0 where none is named."""
    versions = [e.version for e in proto.opset_import if e.domain in ("", "ai.onnx")]
    return max(versions, default=0)


def inputs(proto: "onnx.ModelProto") -> dict[str, str]:
    """Inputs that a caller must give: name -> ``dtype[shape]``."""
    given = {tensor.name for tensor in proto.graph.initializer}
    return ports(info for info in proto.graph.input if info.name not in given)


def ports(infos: "Iterable[onnx.ValueInfoProto]") -> dict[str, str]:
    """Name -> ``dtype[shape]``; an unknown dimension is ``?``."""
    return {info.name: _type(info) for info in infos}


def _type(info: "onnx.ValueInfoProto") -> str:
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type"):
        return f"{info.type.WhichOneof('value')}"
    if not kind.HasField("shape"):
        return f"{_dtype(kind.elem_type)}[?]"
    sizes = [
        str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim
    ]
    return f"{_dtype(kind.elem_type)}[{', '.join(sizes)}]"


def _dtype(code: int) -> str:
    import onnx

    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(code))
    except (KeyError, ValueError):
        return f"type {code}"


def _inner(outer: "Iterable[onnx.NodeProto]") -> "Iterator[onnx.GraphProto]":
    for node in outer:
        for attribute in node.attribute:
            yield from attribute.graphs
            if attribute.HasField("g"):
                yield attribute.g


def _corrupt(what: str) -> InputRefused:
    return InputRefused.of("ONNX_CORRUPT", MODEL, f"{what}.", "Export the model again.")


def in_order(proto: "onnx.ModelProto") -> "onnx.ModelProto":
    """``proto`` with every node behind those whose results it takes, otherwise in the order given.

    Raises:
        ValueError: A node takes what nothing makes, or what it makes itself in the end.
    """
    known = {"", *(t.name for t in proto.graph.initializer), *(i.name for i in proto.graph.input)}
    waiting, ordered = list(proto.graph.node), []
    while waiting:
        ready = next((n for n in waiting if known.issuperset(n.input)), None)
        if ready is None:
            raise ValueError(f"{waiting[0].name} takes what nothing makes before it")
        waiting.remove(ready)
        ordered.append(ready)
        known.update(ready.output)
    del proto.graph.node[:]
    proto.graph.node.extend(ordered)
    return proto
