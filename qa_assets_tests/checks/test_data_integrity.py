"""Is the data whole: each check on the digits, and with the fault planted."""

from dataclasses import replace

import pandas as pd
import pytest

from qa_assets.checks.data_integrity import (
    class_balance,
    classes_known,
    quarantine_share,
    splits_cover_classes,
    splits_disjoint,
)
from qa_assets.core.check import CHECKS
from qa_assets.core.records.datasets import SAMPLES, DatasetSplits, DatasetStatistics, Quarantined
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.core.verdict import Verdict
from qa_assets_tests.datasets.samples import digits

DIGITS = tuple("0123456789")


def with_table(splits: DatasetSplits, table: pd.DataFrame) -> DatasetSplits:
    return replace(splits, files={SAMPLES: table_bytes(table)})


def test_digits_pass_each_of_them() -> None:
    taken, splits, numbers = digits()
    for verdict in (
        class_balance(numbers),
        classes_known(taken, classes=DIGITS[::-1]),
        quarantine_share(taken),
        splits_disjoint(splits, taken),
        splits_cover_classes(splits, min_samples=10),
    ):
        assert verdict.passed, verdict.summary
        assert verdict.cause == ""


# ---- classes


def statistics_of(counts: dict[str, int]) -> DatasetStatistics:
    return DatasetStatistics(
        samples=sum(counts.values()), class_counts=counts, groups=0,
        brightness_mean=0.5, brightness_std=0.1,
    )  # fmt: skip


def test_a_small_class_fails_and_is_named() -> None:
    verdict = class_balance(statistics_of({"cat": 200, "dog": 2}), max_ratio=10.0)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.class_imbalance")
    assert (verdict.measured, verdict.limit) == (100.0, 10.0)
    assert verdict.where == {"class": "dog"}
    assert verdict.evidence["samples per class"].rows == (("dog", 2), ("cat", 200))


def test_the_ratio_is_inclusive_and_needs_samples() -> None:
    assert class_balance(statistics_of({"a": 10, "b": 1})).passed
    assert not class_balance(statistics_of({"a": 11, "b": 1})).passed
    assert class_balance(statistics_of({"a": 10, "b": 0})).outcome == "cannot tell"
    assert class_balance(statistics_of({})).outcome == "cannot tell"


def test_undeclared_classes_are_no_judgement_but_are_shown() -> None:
    verdict = classes_known(digits()[0])
    assert verdict.outcome == "cannot tell"
    assert "0, 1, 2" in verdict.summary


@pytest.mark.parametrize(
    ("declared", "cause", "named"),
    [
        ((*DIGITS, "ten"), "data.class_missing", "ten"),
        (DIGITS[:9], "data.class_new", "9"),
        ((*DIGITS[:9], "ten"), "data.class_missing", "ten"),
    ],
)
def test_classes_that_differ_are_named(declared: tuple[str, ...], cause: str, named: str) -> None:
    verdict = classes_known(digits()[0], classes=declared)
    assert (verdict.outcome, verdict.cause) == ("fail", cause)
    assert verdict.where == {"class": named}
    assert verdict.measured == len(set(declared) ^ set(DIGITS))


# ---- quarantine


def quarantined(count: int) -> Verdict:
    aside = tuple(Quarantined("IMG_EMPTY", f"0/x{n}.png", "is empty.") for n in range(count))
    return quarantine_share(replace(digits()[0], quarantined=aside), max_share=0.01)


def test_a_few_bad_samples_pass_and_stay_visible() -> None:
    verdict = quarantined(18)
    assert verdict.passed
    assert verdict.measured == pytest.approx(18 / 1815)
    assert len(verdict.evidence["set aside"].rows) == 18


def test_many_bad_samples_fail_with_their_reason() -> None:
    verdict = quarantined(200)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.quarantined")
    assert verdict.where == {"code": "IMG_EMPTY"}
    assert verdict.evidence["codes"].rows == (("IMG_EMPTY", 200),)
    assert "200 of 1997" in verdict.summary


def test_an_empty_snapshot_is_no_judgement() -> None:
    empty = replace(digits()[0], samples=0)
    assert quarantine_share(empty).outcome == "cannot tell"


# ---- splits


def test_a_sample_on_two_sides_is_named() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    leaked = table.query("split == 'test'").head(1).assign(split="train")
    verdict = splits_disjoint(with_table(splits, pd.concat([table, leaked])), taken)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.sample_leak")
    assert verdict.samples == tuple(leaked["id"])
    assert verdict.evidence["samples"].rows[0][3] == "test, train"


def test_a_sample_listed_twice_on_one_side_is_named() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    verdict = splits_disjoint(with_table(splits, pd.concat([table, table.head(1)])), taken)
    assert verdict.cause == "data.sample_leak"


def test_a_divided_group_is_seen_even_if_the_splits_call_it_otherwise() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    one = table.index[table["group"] == "block11"][0]
    table.loc[one, ["split", "group"]] = "train", "block00"
    verdict = splits_disjoint(with_table(splits, table), taken)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.group_leak")
    assert verdict.evidence["samples"].rows[0][2] == "block11"
    assert verdict.measured == (read_table(taken, SAMPLES)["group"] == "block11").sum()


def test_samples_without_a_group_stand_for_themselves() -> None:
    taken, splits, _ = digits()
    loose = read_table(taken, SAMPLES).assign(group="")
    ungrouped = replace(taken, files={SAMPLES: table_bytes(loose)})
    assert splits_disjoint(splits, ungrouped).passed


def test_a_lost_and_a_foreign_sample_are_named() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    lost = splits_disjoint(with_table(splits, table.iloc[1:]), taken)
    assert (lost.cause, lost.samples) == ("data.split_incomplete", (table["id"].iloc[0],))
    strange = table.head(1).assign(id="f" * 64)
    foreign = splits_disjoint(with_table(splits, pd.concat([table, strange])), taken)
    assert (foreign.cause, foreign.samples) == ("data.split_foreign", ("f" * 64,))


def test_a_class_missing_in_a_split_is_named() -> None:
    _, splits, _ = digits()
    counts = {s: dict(c) for s, c in splits.class_counts.items()}
    del counts["validation"]["7"]
    verdict = splits_cover_classes(replace(splits, class_counts=counts))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.class_missing_in_split")
    assert verdict.where == {"split": "validation", "class": "7"}


def test_the_fewest_samples_of_a_class_are_a_threshold() -> None:
    _, splits, _ = digits()
    assert splits_cover_classes(splits, min_samples=13).passed
    few = splits_cover_classes(splits, min_samples=14)
    assert (few.outcome, few.cause) == ("fail", "data.too_few_in_split")
    assert few.where["split"] == "validation"
    counts = {s: dict(c) for s, c in splits.class_counts.items()}
    del counts["test"]["3"]
    both = splits_cover_classes(replace(splits, class_counts=counts), min_samples=14)
    assert both.cause == "data.class_missing_in_split", "what is gone is said before what is rare"
    assert both.where == {"split": "test", "class": "3"}
    empty = replace(splits, class_counts={"train": {}, "test": {}})
    assert splits_cover_classes(empty).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("class_balance", {"max_ratio": 0.5}),
        ("class_balance", {"max_ratio": "10"}),
        ("quarantine_share", {"max_share": 1.5}),
        ("splits_cover_classes", {"min_samples": 0}),
        ("classes_known", {"classes": [0, 1]}),
        ("classes_known", {"classes": [False]}),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CHECKS[name].thresholds(**wrong)
