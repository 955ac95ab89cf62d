"""Samples that look the same on two sides: which are counted, and how they are shown."""

import pandas as pd
import pytest

from qa_assets.checks.leakage import splits_share_no_look
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot, DatasetSplits
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import table_bytes
from qa_assets.core.verdict import Verdict

Row = tuple[str, int]
"""Side and group of alike samples of one sample; -1 without."""


def judged(*rows: Row, **limits: float) -> Verdict:
    ids = [f"id{i:03}" for i in range(len(rows))]
    sides = pd.DataFrame({"id": ids, "split": [side for side, _ in rows]})
    looks = pd.DataFrame({"id": ids, "group": [group for _, group in rows]})
    names = pd.DataFrame({"id": ids, "name": [f"{i}.png" for i in range(len(rows))]})
    snapshot = DatasetSnapshot(
        name="d", version="v", samples=len(rows), classes=("a",),
        files={SAMPLES: table_bytes(names)},
    )  # fmt: skip
    splits = DatasetSplits(
        counts={}, groups={}, class_counts={}, files={SAMPLES: table_bytes(sides)}
    )
    quality = SampleQuality(samples=len(rows), means={}, files={QUALITY: table_bytes(looks)})
    return splits_share_no_look(splits, quality, snapshot, **limits)


APART: tuple[Row, ...] = (("train", 1), ("train", 1), ("test", 2), ("test", 2), ("test", -1))


def test_alike_samples_on_one_side_are_no_leak() -> None:
    verdict = judged(*APART, ("validation", -1))
    assert (verdict.outcome, verdict.measured) == ("pass", 0.0)
    shown = verdict.evidence["pairs"]
    assert (shown.columns, shown.rows) == (("test sample", "looks like", "in"), ())


@pytest.mark.parametrize("side", ["train", "validation"])
def test_every_test_sample_that_looks_like_one_outside_is_counted_once(side: str) -> None:
    verdict = judged(*APART, (side, 2), (side, 2))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.leaked")
    assert verdict.measured == 2 / 3
    assert verdict.samples == ("id002", "id003")
    assert verdict.evidence["pairs"].rows == (("2.png", "5.png", side), ("3.png", "5.png", side))
    assert "(2 of 3)" in verdict.summary
    assert judged(*APART, (side, 2), max_share=2 / 3).passed


def test_a_validation_sample_that_looks_like_one_of_the_train_is_a_leak_too() -> None:
    verdict = judged(*APART, ("validation", 1), ("validation", -1))
    assert (verdict.outcome, verdict.cause, verdict.measured) == ("fail", "data.leaked", 0.5)
    assert verdict.evidence["pairs"].columns[0] == "validation sample"
    assert verdict.evidence["pairs"].rows == (("5.png", "0.png", "train"),)
    assert judged(*APART, ("validation", 1), ("validation", -1), max_share=0.5).passed


def test_a_few_that_are_allowed_in_the_test_hide_none_of_the_validation() -> None:
    rows = [(side, n) for n in range(4) for side in ("validation", "train")]
    few = [("test", -1)] * 9 + [("test", 0)]
    verdict = judged(*rows, *few, max_share=0.2)
    assert (verdict.outcome, verdict.measured) == ("fail", 1.0)


def test_what_leaks_into_the_test_is_said_first() -> None:
    verdict = judged(*APART, ("validation", 1), ("train", 2))
    assert verdict.evidence["pairs"].columns[0] == "test sample"
    assert verdict.samples == ("id002", "id003")


def test_a_validation_sample_that_looks_like_one_of_the_test_is_counted_there_alone() -> None:
    verdict = judged(*APART, ("validation", 2), max_share=1.0)
    assert verdict.measured == 2 / 3


def test_the_first_group_has_the_number_zero() -> None:
    assert not judged(("train", 0), ("test", 0)).passed
    assert judged(("train", -1), ("test", -1)).passed


def test_of_many_leaks_fifty_are_shown() -> None:
    rows = [(side, i) for i in range(60) for side in ("train", "test")]
    verdict = judged(*rows)
    assert (len(verdict.samples), len(verdict.evidence["pairs"].rows)) == (50, 50)
    assert verdict.measured == 1.0


def test_without_a_test_split_nothing_can_be_told() -> None:
    assert judged(("train", 1), ("validation", 1)).outcome == "cannot tell"
