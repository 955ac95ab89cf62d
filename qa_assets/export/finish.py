"""The finish of an exported graph: nothing of its origin left in it, all a device needs added."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qa_assets.core.errors import InputRefused

if TYPE_CHECKING:
    import onnx

_ORIGIN = ("doc_string", "metadata_props")


def finish(model: "onnx.ModelProto", *, opset: int, properties: Mapping[str, str]) -> bytes:
    """Strip, label and check ``model``; equal networks give equal bytes anywhere.

    Args:
        model: What the exporter made; it is changed.
        opset: Version of the default operator set that was asked for.
        properties: The file's metadata; written in the order of its keys.

    Returns:
        The bytes of one self-contained file, at the lowest file format version its operators allow.

    Raises:
        InputRefused: ``ONNX_VERSION``: the exporter delivered another operator set than asked for.
    """
    import onnx

    delivered = {entry.domain: entry.version for entry in model.opset_import}
    if delivered.get("") != opset:
        raise InputRefused.of(
            "ONNX_VERSION",
            "model.onnx",
            f"needs opset {delivered.get('')}, {opset} was asked for.",
            f"Set export.opset to {delivered.get('')}, or use other operators in the network.",
        )
    strip(model)
    weights = {tensor.name for tensor in model.graph.initializer}
    described = [info for info in model.graph.value_info if info.name not in weights]
    del model.graph.value_info[:]  # entries of initializers break onnxruntime's quantization
    model.graph.value_info.extend(described)
    for key in sorted(properties):
        model.metadata_props.add(key=key, value=properties[key])
    model.ir_version = onnx.helper.find_min_ir_version_for(list(model.opset_import))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def strip(message: Any) -> None:
    """Clear documentation and metadata everywhere: the exporter leaves local paths in them."""
    for entry, value in message.ListFields():
        if entry.name in _ORIGIN:
            message.ClearField(entry.name)
        elif entry.message_type is not None:
            for child in [value] if hasattr(value, "DESCRIPTOR") else value:
                strip(child)
