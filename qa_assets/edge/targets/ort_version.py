"""Another version of onnxruntime in an environment of its own: ``ort@1.20.1``."""

from functools import partial

from qa_assets.edge import tools
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import FAMILIES, EdgeTarget


def ort_version(version: str, settings: EdgeSettings) -> EdgeTarget:
    """The exported file in that version."""
    return EdgeTarget(interpreter=partial(tools.python_with, "onnxruntime", version))


FAMILIES.add("ort", ort_version)
