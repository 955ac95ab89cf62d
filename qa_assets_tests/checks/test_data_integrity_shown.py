"""What the checks of whole data show, and how much of it."""

from dataclasses import replace

import pandas as pd

from qa_assets.checks.data_integrity import (
    class_balance,
    classes_known,
    quarantine_share,
    splits_cover_classes,
    splits_disjoint,
)
from qa_assets.core.check import CHECKS
from qa_assets.core.records.datasets import SAMPLES, DatasetSplits, Quarantined
from qa_assets.core.tables import read_table
from qa_assets_tests.checks.test_data_integrity import (
    DIGITS,
    quarantined,
    statistics_of,
    with_table,
)
from qa_assets_tests.datasets.samples import digits


def test_every_table_has_its_columns_and_no_more_than_fifty_rows() -> None:
    many = {f"c{i:02}": i + 1 for i in range(60)}
    shown = class_balance(statistics_of(many)).evidence["samples per class"]
    assert (shown.columns, len(shown.rows)) == (("class", "samples"), 50)
    names = tuple(many)
    known = classes_known(digits()[0], classes=(*DIGITS[1:], *names))
    assert known.evidence["classes"].columns == ("class", "is")
    assert known.evidence["classes"].rows[0] == ("c00", "missing")
    assert len(known.evidence["classes"].rows) == 50
    assert classes_known(digits()[0], classes=DIGITS[1:]).evidence["classes"].rows == (
        ("0", "new"),
    )
    aside = quarantined(60)
    assert aside.evidence["codes"].columns == ("code", "samples")
    assert aside.evidence["set aside"].columns == ("code", "item", "reason")
    assert aside.evidence["set aside"].rows[0] == ("IMG_EMPTY", "0/x0.png", "is empty.")
    assert len(aside.evidence["set aside"].rows) == 50


def test_a_share_of_all_that_was_found_may_be_set_aside() -> None:
    aside = tuple(Quarantined("IMG_EMPTY", f"{n}.png", "is empty.") for n in range(10))
    few = replace(digits()[0], quarantined=aside, samples=990)
    assert quarantine_share(few).passed
    assert not quarantine_share(replace(few, samples=989)).passed
    whole = quarantine_share(replace(few, quarantined=()))
    assert (whole.outcome, whole.measured) == ("pass", 0.0)


def test_everything_that_is_wrong_with_the_splits_is_counted_once() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    strange = table.head(60).assign(id=[f"{i:064}" for i in range(60)])
    twice = table.head(2)
    wrong = pd.concat([table.iloc[:-1], twice.assign(split="elsewhere"), strange])
    verdict = splits_disjoint(with_table(splits, wrong), taken)
    assert verdict.cause == "data.sample_leak"
    assert verdict.where["faults"].startswith("data.sample_leak, ")
    assert verdict.where["faults"].endswith("data.split_incomplete, data.split_foreign")
    assert set(verdict.samples) == set(twice["id"])
    shown = verdict.evidence["samples"]
    assert shown.columns == ("fault", "sample", "group", "splits")
    foreign = [row for row in shown.rows if row[0] == "data.split_foreign"]
    assert len(foreign) == 50
    assert foreign[0][2] is None
    lost = table["id"].iloc[-1]
    assert ("data.split_incomplete", lost) in {row[:2] for row in shown.rows}
    assert next(row[3] for row in shown.rows if row[:2] == ("data.split_incomplete", lost)) == ""
    groups = read_table(taken, SAMPLES).set_index("id")["group"]
    divided = set(groups[groups.isin(groups[list(twice["id"])])].index)
    assert verdict.measured == len(divided | {lost} | set(strange["id"]))
    only = splits_disjoint(with_table(splits, pd.concat([table, strange])), taken)
    assert len(only.samples) == 50


def test_where_a_class_is_missing_and_how_many_there_are() -> None:
    splits = DatasetSplits(
        counts={}, groups={},
        class_counts={"train": {"a": 2, "b": 9}, "test": {"b": 1}},
    )  # fmt: skip
    verdict = splits_cover_classes(splits)
    assert verdict.where == {"split": "test", "class": "a"}
    assert "'a' in test (0 of at least 1)" in verdict.summary
    shown = verdict.evidence["samples"]
    assert shown.columns == ("class", "train", "test")
    assert shown.rows == (("a", 2, 0), ("b", 9, 1))
    counts = {f"c{i:02}": 1 for i in range(60)}
    whole = splits_cover_classes(replace(splits, class_counts={"train": counts}))
    assert (whole.outcome, len(whole.evidence["samples"].rows)) == ("pass", 50)


def test_classes_may_be_asked_to_be_of_one_size() -> None:
    strict = CHECKS["class_balance"].thresholds(max_ratio=1.0)
    assert class_balance(statistics_of({"a": 5, "b": 5}), **strict.model_dump()).passed
    assert not class_balance(statistics_of({"a": 6, "b": 5}), **strict.model_dump()).passed
