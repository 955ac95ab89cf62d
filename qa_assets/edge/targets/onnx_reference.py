"""ONNX's own reference in NumPy: slow, and what the standard means by each operator."""

from typing import Any

from qa_assets.edge.target import TARGETS, EdgeTarget


class OnnxReference:
    """The model in ``onnx.reference``."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        loaded = onnx.load(model)
        self.version = f"onnx.reference {onnx.__version__}"
        self._run = ReferenceEvaluator(loaded)
        self._input = loaded.graph.input[0].name
        names = [port.name for port in loaded.graph.output]
        self._outputs = ["logits"] if "logits" in names else names[:1]

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        answers: Any = self._run.run(self._outputs, {self._input: pixels})
        return answers[0]


TARGETS.add("onnx-reference", EdgeTarget(open=OnnxReference, emulated=True))
