"""Numbers that describe a snapshot, by class and as a whole."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qa_assets.core.config import InputSpec
from qa_assets.core.pictures import bars
from qa_assets.core.records import (
    CLASS_BARS,
    SAMPLES,
    STATISTICS,
    DatasetSnapshot,
    DatasetStatistics,
)
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    import pandas as pd


def statistics(snapshot: DatasetSnapshot, spec: InputSpec) -> DatasetStatistics:
    """Measure every sample as the network would see it, then summarise.

    Brightness is the mean of a sample's decoded pixels in [0, 1], contrast their standard
    deviation (over all pixels and channels, not corrected for the sample size).
    """
    samples = read_table(snapshot, SAMPLES)
    measured = _measure(snapshot, spec)
    samples["brightness"] = [measured[s][0] for s in samples["id"]]
    samples["contrast"] = [measured[s][1] for s in samples["id"]]
    by_class = _summarise(samples)
    counts = {str(c): int(n) for c, n in zip(by_class["label"], by_class["samples"], strict=True)}
    brightness = samples["brightness"].to_numpy()
    groups = set(samples["group"]) - {""}
    return DatasetStatistics(
        samples=len(samples),
        class_counts=counts,
        groups=len(groups),
        brightness_mean=float(np.mean(brightness)),
        brightness_std=float(np.std(brightness)),
        files={
            STATISTICS: table_bytes(by_class),
            CLASS_BARS: bars(list(counts), list(counts.values())),
        },
    )


def _measure(snapshot: DatasetSnapshot, spec: InputSpec) -> Mapping[str, tuple[float, float]]:
    """Brightness and contrast by sample id."""
    top = np.iinfo(np.uint8).max
    measured: dict[str, tuple[float, float]] = {}
    for sample, payload in read_payloads(snapshot):
        pixels = image.decode(payload, spec) / top
        measured[sample] = float(pixels.mean()), float(pixels.std())
    return measured


def _summarise(samples: "pd.DataFrame") -> "pd.DataFrame":
    """One row a class, sorted by label."""
    by_class = samples.groupby("label", sort=True).agg(
        samples=("id", "size"),
        brightness_mean=("brightness", "mean"),
        brightness_std=("brightness", lambda values: float(np.std(values))),
        contrast_mean=("contrast", "mean"),
        width_min=("width", "min"),
        width_max=("width", "max"),
        height_min=("height", "min"),
        height_max=("height", "max"),
        bytes_mean=("bytes", "mean"),
    )
    by_class.insert(1, "share", by_class["samples"] / len(samples))
    return by_class.reset_index()
