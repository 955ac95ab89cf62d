"""The comparisons of a pipeline's data: with the version before, of its test with its train."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.datasets import (
    PREVIOUS,
    SAMPLES,
    SKETCHES,
    DatasetSnapshot,
    DatasetSplits,
    DatasetStatistics,
)
from qa_assets.core.records.quality import QUALITY, Between, DriftReport, SampleQuality, Shift
from qa_assets.core.tables import read_table
from qa_assets.datasets.drift import CONFIDENCE, drift
from qa_assets.datasets.label_audit import FOLDS, MOST_SAMPLES, out_of_fold
from qa_assets.datasets.quality import thumbnails
from qa_assets.datasets.statistics import read_sketches, sketch

CONTENT = "look of the samples"
_TOP = 255


def drift_report(
    snapshot: DatasetSnapshot,
    statistics: DatasetStatistics,
    quality: SampleQuality,
    splits: DatasetSplits,
) -> DriftReport:
    """Every column of both comparisons; the one with the version before where there is one."""
    shifts: dict[Between, tuple[Shift, ...]] = {}
    before = read_sketches(statistics, PREVIOUS)
    if before:
        shifts["versions"] = drift(before, read_sketches(statistics, SKETCHES))
    measured: Any = read_table(quality, QUALITY).set_index("id")
    sides = read_table(splits, SAMPLES).set_index("id")["split"]
    side = sides.reindex(measured.index).to_numpy()
    train, test = (sketch(measured[side == name]) for name in ("train", "test"))
    looks = thumbnails(snapshot) / np.float32(_TOP)
    content = told_apart(looks[side == "train"], looks[side == "test"])
    shifts["splits"] = (*([content] if content else ()), *drift(train, test))
    return DriftReport(confidence=CONFIDENCE, shifts=shifts)


def told_apart(
    reference: NDArray[np.floating], current: NDArray[np.floating], confidence: float = CONFIDENCE
) -> Shift | None:
    """How well a model tells two sets of pictures apart, on pictures it has not seen.

    The effect is 2 AUC - 1: 0 where they cannot be told apart, 1 where they always can. None where
    a set has too few pictures for the folds.

    Source: Lopez-Paz, Oquab (2017), Revisiting classifier two-sample tests; interval: Hanley,
    McNeil (1982).
    """
    first, second = (s[: MOST_SAMPLES // 2] for s in (reference, current))
    if min(len(first), len(second)) < FOLDS:
        return None
    labels = np.repeat([0, 1], [len(first), len(second)])
    chances = out_of_fold(np.concatenate([first, second]), labels, 2)[:, 1]
    n, m = len(first), len(second)
    auc = area(chances[labels == 0], chances[labels == 1])
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (m - 1) * (one - auc**2) + (n - 1) * (two - auc**2)
    error = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0) / (n * m))
    effect, low, high = (2 * v - 1 for v in (auc, auc - error, auc + error))
    bounds = max(0.0, low), min(1.0, max(0.0, high))
    text = "told apart by a model" if low > 0 else "cannot be told apart"
    return Shift(CONTENT, "content", max(0.0, effect), *bounds, n, m, "", f"{text} (AUC {auc:.3f})")


def area(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Area under the ROC curve: how often a value of the second set is the larger; ties half."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left")
    at_most = np.searchsorted(ordered, high, side="right")
    return float((below + at_most).sum() / 2 / (len(low) * len(high)))
