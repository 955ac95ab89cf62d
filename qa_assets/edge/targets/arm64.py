"""onnxruntime on an emulated arm64 processor: what phones and most boards are."""

from qa_assets.edge import tools
from qa_assets.edge.target import TARGETS, EdgeTarget

TARGETS.add("arm64", EdgeTarget(interpreter=tools.python_arm64, emulated=True))
TARGETS.add("arm64-int8", EdgeTarget(interpreter=tools.python_arm64, variant="int8", emulated=True))
