"""OpenVINO on this machine's processor: asked for full precision, and as it comes.

By default it computes in bfloat16 on newer processors: about one percent of logit error.
"""
# The runtime is an extra, and ships no types:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from typing import Any

from qa_assets.edge.target import TARGETS, EdgeTarget


class OpenVino:
    """The model in OpenVINO."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import openvino as ov

        asked = {"INFERENCE_NUM_THREADS": str(options.get("threads", 1))}
        if options.get("precision"):
            asked["INFERENCE_PRECISION_HINT"] = str(options["precision"])
        self.version = f"openvino {ov.__version__.split('-')[0]}"
        self._compiled = ov.Core().compile_model(model, "CPU", asked)
        found = {name: port for port in self._compiled.outputs for name in port.get_names()}
        self._output = found.get("logits", self._compiled.outputs[0])

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        return self._compiled(pixels)[self._output].copy()


_NEEDS = ("openvino",)
TARGETS.add("openvino", EdgeTarget(open=OpenVino, options={"precision": "f32"}, needs=_NEEDS))
TARGETS.add("openvino-default", EdgeTarget(open=OpenVino, needs=_NEEDS))
TARGETS.add(
    "openvino-int8",
    EdgeTarget(open=OpenVino, options={"precision": "f32"}, variant="int8", needs=_NEEDS),
)
