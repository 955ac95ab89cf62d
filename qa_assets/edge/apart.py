"""How far a target's stages are apart from the reference, and whether its answers are others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.edge import StageDifference
from qa_assets.edge.inside import relative

Numbers = NDArray[np.floating]


def decoded(
    pixels: NDArray[np.uint8], right: NDArray[np.uint8], ids: Sequence[str]
) -> StageDifference:
    """Pixels against pixels of the same shape: the mean difference, as a share of white."""
    apart = np.abs(pixels.astype(np.float64) - right)
    return _worst("decode", apart.reshape(len(apart), -1).mean(axis=1) / 255, ids)


def preprocessed(right: Numbers, told: Numbers, ids: Sequence[str]) -> StageDifference:
    """The network's input: the largest difference, in ranges of the right one."""
    if told.shape != right.shape:
        return StageDifference("preprocess", float("inf"), len(right), ids[0])
    apart = np.abs(told - right).reshape(len(right), -1).max(axis=1)
    return _worst("preprocess", apart / (float(np.ptp(right)) or 1.0), ids)


def answered(logits: Numbers, right: Numbers, ids: Sequence[str]) -> StageDifference:
    """Logits of shape (sample, class), relative to those of the reference."""
    return _worst("model", relative(logits, right), ids)


def postprocessed(logits: Numbers, told: Numbers | None, ids: Sequence[str]) -> StageDifference:
    """Probabilities against the softmax of the target's own logits; without any, all of it."""
    if told is None:
        return StageDifference("postprocess", 1.0, len(logits), ids[0])
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    right = shifted / shifted.sum(axis=1, keepdims=True)
    same = told.shape == right.shape
    apart = np.abs(told - right).max(axis=1) if same else np.full(len(right), np.inf)
    return _worst("postprocess", apart, ids)


def decisions(logits: Numbers, right: Numbers) -> dict[str, Any]:
    """How many answers are others, and how sure the reference was of the surest of them."""
    if logits.shape != right.shape:
        return {"flips": len(right), "flip_margin": 1.0}
    flipped = logits.argmax(axis=1) != right.argmax(axis=1)
    top = np.sort(right, axis=1)
    margins = (top[:, -1] - top[:, -2]) / np.maximum(np.ptp(right, axis=1), 1e-30)
    return {
        "flips": int(flipped.sum()),
        "flip_margin": float(margins[flipped].max()) if flipped.any() else 0.0,
    }


def near(a: Numbers, b: Numbers) -> bool:
    """Whether two arrays of one shape are the same but for rounding."""
    return bool(np.allclose(a, b, rtol=1e-4, atol=1e-4))


def _worst(stage: Any, errors: Numbers, ids: Sequence[str]) -> StageDifference:
    worst = int(np.argmax(errors))
    return StageDifference(stage, float(errors[worst]), len(errors), ids[worst])
