"""What an accelerator can take, from its table of operators: no device is needed to be refused.

``op-nnapi`` and ``op-coreml`` read the tables that onnxruntime ships; ``op-profile@NAME`` reads the
profile of that name under ``edge.profiles``. What is not refused is answered by onnxruntime here.
"""

import json
from typing import Any

from qa_assets.core.errors import InputRefused
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import FAMILIES, TARGETS, EdgeTarget


class Profiled:
    """The model, if the profile allows it."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import json
        import re
        from pathlib import Path

        import onnx
        import onnxruntime as ort

        allowed: dict[str, Any] = json.loads(options["profile"])
        if "table" in allowed:
            folder = Path(ort.__file__).parent
            text = (folder / "tools" / "mobile_helpers" / allowed["table"]).read_text()
            allowed["operators"] = re.findall(r"^\|ai\.onnx:(\w+)", text, re.MULTILINE)
        proto = onnx.shape_inference.infer_shapes(onnx.load(model))
        faults = self.faults(proto, allowed)
        if faults:
            raise NotImplementedError(f"{options['title']}: {'; '.join(faults)}")
        setup = ort.SessionOptions()
        setup.intra_op_num_threads = int(options.get("threads", 1))
        self._session = ort.InferenceSession(model, setup, providers=["CPUExecutionProvider"])
        names = [port.name for port in proto.graph.output]
        self._outputs = ["logits"] if "logits" in names else names[:1]
        self.version = f"{options['title']} allows it; answered by onnxruntime {ort.__version__}"

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        return self._session.run(self._outputs, {"pixels": pixels})[0]

    def faults(self, proto: Any, allowed: dict[str, Any]) -> list[str]:
        """What the profile does not allow, in words."""
        import onnx

        known = {name.lower() for name in allowed["operators"]}
        used = sorted({n.op_type for n in proto.graph.node})
        found = [f"operator {name} is not supported" for name in used if name.lower() not in known]
        opset = max(e.version for e in proto.opset_import if e.domain in ("", "ai.onnx"))
        if opset > allowed.get("max_opset", opset):
            found.append(f"opset {opset} is above {allowed['max_opset']}")
        graph = proto.graph
        for info in (*graph.input, *graph.value_info, *graph.output):
            kind = info.type.tensor_type
            name = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
            if name not in allowed.get("dtypes", [name]):
                found.append(f"{info.name} is {name}")
            rank = len(kind.shape.dim)
            if rank > allowed.get("max_rank", rank):
                found.append(f"{info.name} has {rank} dimensions")
            if allowed.get("static_shapes") and any(d.dim_param for d in kind.shape.dim):
                found.append(f"{info.name} has a dynamic shape")
        return found[:8]


def op_profile(name: str, settings: EdgeSettings) -> EdgeTarget:
    """The profile ``edge.profiles.NAME``.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: there is none.
    """
    if name not in settings.profiles:
        known = f"There are: {', '.join(settings.profiles) or 'none'}."
        raise InputRefused.of("CONF_UNKNOWN", f"edge.profiles.{name}", "is not declared.", known)
    profile = settings.profiles[name]
    return _target(name, profile.model_dump(mode="json", exclude_none=True, exclude={"variant"}),
                   variant=profile.variant)  # fmt: skip


def _target(title: str, profile: dict[str, Any], variant: Any = "float") -> EdgeTarget:
    options = {"title": title, "profile": json.dumps(profile)}
    return EdgeTarget(open=Profiled, options=options, emulated=True, variant=variant)


FAMILIES.add("op-profile", op_profile)
TARGETS.add("op-nnapi", _target("NNAPI", {"table": "nnapi_supported_ops.md"}))
TARGETS.add("op-coreml", _target("CoreML", {"table": "coreml_supported_mlprogram_ops.md"}))
