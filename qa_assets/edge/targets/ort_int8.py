"""The quantised and the half-precision file in onnxruntime on this machine."""

from qa_assets.edge.target import TARGETS, EdgeTarget

TARGETS.add("ort-int8", EdgeTarget(variant="int8"))
TARGETS.add("ort-fp16", EdgeTarget(variant="fp16"))
