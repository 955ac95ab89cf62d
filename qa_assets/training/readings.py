"""Whole-dataset mix-ups: a model of the data reads hand-made samples, which do not share them.

Labels that moved by one, or pictures that were all transposed, change training, validation and
test alike: every accuracy stays as it was. Only samples from elsewhere can show it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.intervals import paired_difference, share
from qa_assets.core.records.training import Reading
from qa_assets.preprocessing.hand_made import AS_THEY_ARE, HandMade, Pixels, turns

Labels = NDArray[np.int64]
Right = NDArray[np.bool_]
SHIFTED = "labels shifted by"


def readings(
    answer: Callable[[Pixels], Labels], cases: HandMade, classes: int
) -> tuple[Reading, ...]:
    """Let a model of the data answer the cases as they are, and under each mix-up.

    Args:
        answer: Index of the class of each picture.
        cases: The hand-made samples.
        classes: Number of them.
    """
    found = {
        name: answer(np.ascontiguousarray(pixels)) == cases.labels
        for name, pixels in turns(cases.pixels).items()
    }
    said = answer(cases.pixels)
    for step in range(1, classes):
        found[f"{SHIFTED} {step}"] = said == (cases.labels + step) % classes
    plain, confidence = found[AS_THEY_ARE], 1 - 0.05 / max(len(found) - 1, 1)
    return tuple(_reading(name, right, plain, confidence) for name, right in found.items())


def _reading(name: str, right: Right, plain: Right, confidence: float) -> Reading:
    better, worse = int((right & ~plain).sum()), int((~right & plain).sum())
    return Reading(
        name,
        share(int(right.sum()), len(right)),
        paired_difference(better, worse, len(right), confidence=confidence),
    )
