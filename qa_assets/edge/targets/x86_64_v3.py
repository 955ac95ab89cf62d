"""A processor with AVX2 and no VNNI, emulated: what most desktop and industrial computers are.

There an int8 product may overflow, so that a file quantised to the full range answers otherwise.
"""

import sys

from qa_assets.edge import tools
from qa_assets.edge.target import TARGETS, EdgeTarget


def _haswell() -> tuple[str, ...]:
    return (tools.qemu("x86_64"), "-cpu", "Haswell", sys.executable, "-I")


TARGETS.add("x86-64-v3", EdgeTarget(interpreter=_haswell, variant="int8", emulated=True))
TARGETS.add("x86-64-v3-float", EdgeTarget(interpreter=_haswell, emulated=True))
