"""The comparisons of one pipeline's data: with the version before, and of its test with its train."""

from qa_assets.core.records import (
    PREVIOUS,
    SAMPLES,
    SKETCHES,
    DatasetSplits,
    DatasetStatistics,
)
from qa_assets.core.records_data import QUALITY, Between, DriftReport, SampleQuality, Shift
from qa_assets.core.tables import read_table
from qa_assets.datasets.drift import CONFIDENCE, drift
from qa_assets.datasets.statistics import read_sketches, sketch


def drift_report(
    statistics: DatasetStatistics, quality: SampleQuality, splits: DatasetSplits
) -> DriftReport:
    """Every column of both comparisons; the one with the version before where there is one."""
    shifts: dict[Between, tuple[Shift, ...]] = {}
    before = read_sketches(statistics, PREVIOUS)
    if before:
        shifts["versions"] = drift(before, read_sketches(statistics, SKETCHES))
    measured = read_table(quality, QUALITY).set_index("id")
    sides = read_table(splits, SAMPLES).set_index("id")["split"]
    side = sides.reindex(measured.index)
    train, test = (sketch(measured[side == name]) for name in ("train", "test"))
    shifts["splits"] = drift(train, test)
    return DriftReport(confidence=CONFIDENCE, shifts=shifts)
