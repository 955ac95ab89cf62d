"""tract, a small runtime in Rust for devices without an operating system to speak of."""
# The runtime is an extra, and ships no types:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from typing import Any

from qa_assets.edge.target import TARGETS, EdgeTarget


class Tract:
    """The model in tract; it is told its one output, so that nothing else is computed."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import onnx
        import tract

        names = [port.name for port in onnx.load(model).graph.output]
        loaded = tract.onnx().load(model)
        self._place = names.index("logits") if "logits" in names else 0
        self.version = f"tract {tract.version()}"
        self._run = loaded.into_model().into_runnable()

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        return self._run.run([pixels])[self._place].to_numpy().copy()


_NEEDS = ("tract", "onnx")
TARGETS.add("tract", EdgeTarget(open=Tract, any_batch=False, variant="static", needs=_NEEDS))
