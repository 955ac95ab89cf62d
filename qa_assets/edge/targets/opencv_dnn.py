"""OpenCV's own network module, which many cameras run: one sample a call, static shapes."""
# The runtime is an extra, and ships no types:
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from typing import Any

from qa_assets.edge.target import TARGETS, EdgeTarget


class OpenCvDnn:
    """The model in OpenCV; it takes floating-point blobs only."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import cv2
        import onnx

        cv2.setNumThreads(int(options.get("threads", 1)))
        self.version = f"opencv {cv2.__version__}"
        names = [port.name for port in onnx.load(model).graph.output]
        self._net = cv2.dnn.readNetFromONNX(model)
        self._output = "logits" if "logits" in names else names[0]

    def infer(self, pixels: Any) -> Any:
        """See ``Session``."""
        self._net.setInput(pixels)
        return self._net.forward(self._output).copy()


TARGETS.add(
    "opencv-dnn",
    EdgeTarget(
        open=OpenCvDnn, any_batch=False, variant="static", needs=("opencv-python-headless", "onnx")
    ),
)
