"""What a target's file offers, against what was exported; and why a target takes none of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from qa_assets.core.records.edge import Finding
from qa_assets.edge import parts
from qa_assets.edge.job import Answered

if TYPE_CHECKING:
    import onnx

Ask = Callable[[Sequence[bytes], Mapping[str, bytes]], Answered]
_OLDEST = 13


def faults(exported: "onnx.ModelProto", shipped: "onnx.ModelProto") -> list[Finding]:
    """What the target's file lacks or has otherwise, read off it."""
    found: list[Finding] = []
    offered = {o.name for o in shipped.graph.output}
    for port in exported.graph.output:
        if port.name not in offered:
            what = f"output {port.name} is missing; there are {', '.join(sorted(offered))}"
            found.append(Finding("model", "edge.output_missing", what, port.name, measured=False))
    if parts.fixed_batch(shipped) and not parts.fixed_batch(exported):
        what = "the batch is fixed, and was exported as dynamic"
        found.append(Finding("model", "edge.batch_fixed", what, "pixels", measured=False))
    ours, theirs = _labels(exported), _labels(shipped)
    if ours != theirs:
        same = sorted(map(str, ours or [])) == sorted(map(str, theirs or []))
        what = f"labels are {_few(theirs)} instead of {_few(ours)}"
        cause = "postprocessing.labels_permuted" if same else "postprocessing.labels_differ"
        found.append(Finding("postprocess", cause, what, measured=False))
    return found


def refused(shipped: "onnx.ModelProto", ask: Ask, payloads: Mapping[str, bytes]) -> list[Finding]:
    """Whether it is the opset: the smallest model of that opset is offered, and of an old one."""
    opset = max((e.version for e in shipped.opset_import if e.domain in ("", "ai.onnx")), default=0)
    answered = ask([_smallest(opset, shipped.ir_version), _smallest(_OLDEST, 7)], payloads)
    taken = [not said for said in answered.report.parts]
    if answered.outcome != "OK" or taken != [False, True]:
        return []
    what = f"opset {opset} is not taken, opset {_OLDEST} is: {answered.report.parts[0]}"
    return [Finding("model", "edge.opset_refused", what)]


def _smallest(opset: int, ir_version: int) -> bytes:
    """A model that does nothing."""
    import onnx
    from onnx import TensorProto, helper

    shape = ["batch", "height", "width", "channel"]
    graph = helper.make_graph(
        [helper.make_node("Cast", [parts.INPUT], ["logits"], to=TensorProto.FLOAT)],
        "smallest",
        [helper.make_tensor_value_info(parts.INPUT, TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = ir_version
    assert isinstance(made, onnx.ModelProto)
    return made.SerializeToString(deterministic=True)


def _labels(model: "onnx.ModelProto") -> list[object] | None:
    text = next((e.value for e in model.metadata_props if e.key == "labels"), "")
    try:
        return json.loads(text)
    except ValueError:
        return None


def _few(labels: list[object] | None) -> str:
    return "not there" if labels is None else ", ".join(map(str, labels[:5]))
