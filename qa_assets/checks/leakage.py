"""Does the test know the train: samples that look the same on two sides of a split."""

from typing import Any

from qa_assets.core.check import check
from qa_assets.core.config import Share
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot, DatasetSplits
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell

SHOWN = 50


@check
def splits_share_no_look(
    dataset_splits: DatasetSplits,
    sample_quality: SampleQuality,
    dataset_snapshot: DatasetSnapshot,
    *,
    max_share: Share = 0.0,
) -> Verdict:
    """No sample that is held out looks like one of another split.

    Args:
        dataset_splits: The side of each sample.
        sample_quality: The group of alike samples of each.
        dataset_snapshot: Their names.
        max_share: Largest share of the test samples that look like one outside the test, and of
            the validation samples that look like one of the train.

    Returns:
        Measured: the share of the test, or that of the validation where it alone is too large.
        Evidence: each pair, the same picture on two sides.
    """
    sides = read_table(dataset_splits, SAMPLES)[["id", "split"]]
    table: Any = sides.merge(read_table(sample_quality, QUALITY)[["id", "group"]], on="id")
    if not (table["split"] == "test").any():
        return cannot_tell("no sample is held out for the test")
    names: Any = read_table(dataset_snapshot, SAMPLES).set_index("id")["name"]
    of_test = _judged(table, "test", ("train", "validation"), max_share, names)
    if not of_test.passed or not (table["split"] == "validation").any():
        return of_test
    of_validation = _judged(table, "validation", ("train",), max_share, names)
    return of_test if of_validation.passed else of_validation


def _judged(table: Any, held: str, others: tuple[str, ...], limit: float, names: Any) -> Verdict:
    """Of one side, the samples that look like one of other sides."""
    alike = table[table["group"] >= 0]
    inside = alike[alike["split"] == held]
    outside = alike[alike["split"].isin(others)].drop_duplicates("group")
    leaked = inside.merge(outside, on="group", suffixes=("", "_other"))
    count = int((table["split"] == held).sum())
    pairs = zip(leaked["id"], leaked["id_other"], leaked["split_other"], strict=True)
    rows = tuple((str(names[one]), str(names[two]), str(side)) for one, two, side in pairs)
    return at_most(
        len(leaked) / count,
        limit,
        f"the share of {held} samples that look like one outside ({len(leaked)} of {count})",
        cause="data.leaked",
        samples=tuple(leaked["id"])[:SHOWN],
        evidence={"pairs": Evidence((f"{held} sample", "looks like", "in"), rows[:SHOWN])},
    )
