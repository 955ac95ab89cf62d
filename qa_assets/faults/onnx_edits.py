"""Changes of an ONNX file, as an exporter, a converter or a vendor's tool might make them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from qa_assets.faults.patches import loaded, replaced
from qa_assets.faults.site import Site

ACTIVATIONS = ("Relu", "Gelu", "Sigmoid", "Tanh")


def edited(site: Site, change: Callable[[Any], object]) -> None:
    """Let the exporter deliver a file that ``change`` was at."""

    def different() -> AbstractContextManager[object]:
        loaded("export.onnx_file", "export.finish")
        from qa_assets.export.finish import finish

        def other(model: Any, **more: Any) -> bytes:
            import onnx

            proto = onnx.load_from_string(finish(model, **more))
            change(proto)
            return proto.SerializeToString(deterministic=True)

        return replaced(finish, other, rooms=("export",))

    site.while_making(("onnx_model",), different)


def tensors(model: Any) -> list[Any]:
    """The weights with more than one dimension, the largest last."""
    found = [t for t in model.graph.initializer if len(t.dims) > 1]
    return sorted(found, key=lambda t: (int(np.prod(t.dims)), t.name))


def rewrite(tensor: Any, change: Callable[[Any], Any]) -> None:
    """Replace the values of a tensor in a file."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor).copy()
    tensor.CopyFrom(numpy_helper.from_array(change(values).astype(values.dtype), tensor.name))


def node(model: Any, *kinds: str) -> Any:
    """The first node of some kinds."""
    return next((n for n in model.graph.node if n.op_type in kinds), model.graph.node[0])


def bypass(model: Any, gone: Any) -> None:
    """Take a node with one input and one output out of the graph."""
    before, after = gone.input[0], gone.output[0]
    for other in model.graph.node:
        for i, name in enumerate(other.input):
            if name == after:
                other.input[i] = before
    model.graph.node.remove(gone)


def coarse(bits: float) -> Callable[[Any], Any]:
    """Rounds the values of a tensor to so many bits."""

    def change(values: Any) -> Any:
        step = np.abs(values).max() / 2 ** (bits - 1) or 1.0
        return np.round(values / step) * step

    return change


def released_node(site: Site, *kinds: str) -> str:
    """What evidence calls the first node of some kinds in the file of the clean run."""
    import onnx

    digest = site.store.below.resolve("selftest/onnx_model")
    if digest is None:
        return ""
    first = node(onnx.load(str(site.store.below.get(digest) / "model.onnx")), *kinds)
    return f"{first.op_type} {first.output[0]}"


def layer_of(tensor: str) -> str:
    """Name of the layer whose weights a tensor holds: ``3`` for ``network.3.weight``."""
    found = re.match(r"network\.(.+)\.(?:weight|bias)", tensor)
    return found.group(1) if found else tensor
