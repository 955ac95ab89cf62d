"""onnxruntime on the processor of this machine, with all its graph optimisations."""

from qa_assets.edge.target import TARGETS, EdgeTarget

TARGETS.add("ort-cpu", EdgeTarget(options={"provider": "CPUExecutionProvider"}))
