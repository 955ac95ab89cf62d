"""onnxruntime on the processor of this machine, with all its graph optimisations and without any.

Answers that differ between the two come from a fusion; see ``ort-cpu-off`` in the matrix first.
"""

from qa_assets.edge.target import TARGETS, EdgeTarget

TARGETS.add("ort-cpu", EdgeTarget(options={"provider": "CPUExecutionProvider"}))
TARGETS.add("ort-cpu-off", EdgeTarget(options={"optimisation": "off"}))
TARGETS.add("ort-static", EdgeTarget(variant="static"))
