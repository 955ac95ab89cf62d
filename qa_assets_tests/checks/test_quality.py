"""Copies, blank samples and classes that are mixed up, each clean and planted."""

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.quality import (
    alike_samples_agree,
    classes_kept_apart,
    few_blank,
    few_copies,
    few_look_the_same,
    few_suspicious_labels,
)
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import (
    QUALITY,
    SUSPECTS,
    AlikeGroup,
    LabelAudit,
    SampleQuality,
    Suspect,
)
from qa_assets.core.tables import table_bytes


def snapshot(copies: list[int]) -> DatasetSnapshot:
    names = [f"{i:03d}" for i in range(len(copies))]
    table = pd.DataFrame({"id": names, "name": names, "label": "a", "copies": copies})
    files = {SAMPLES: table_bytes(table)}
    return DatasetSnapshot(name="s", version="v", samples=len(copies), classes=("a",), files=files)


def quality(contrasts: list[float]) -> SampleQuality:
    names = [f"{i:03d}" for i in range(len(contrasts))]
    table = pd.DataFrame({"id": names, "label": "a", "contrast": contrasts})
    return SampleQuality(samples=len(names), means={}, files={QUALITY: table_bytes(table)})


def audit(mixed: dict[tuple[str, str], int], each: int = 100) -> LabelAudit:
    """``each`` samples of a, b and c, of which so many of one would rather be another."""
    rows = [
        (label, other, -0.2 if i < mixed.get((label, other), 0) else 0.8)
        for label, other in (("a", "b"), ("b", "a"), ("c", "a"))
        for i in range(each)
    ]
    table = pd.DataFrame(rows, columns=["label", "suggested", "score"])
    table["id"] = [f"{i:04d}" for i in range(len(table))]
    return LabelAudit(samples=len(table), agreement=1.0, files={SUSPECTS: table_bytes(table)})


def test_files_that_are_there_once_pass() -> None:
    assert few_copies(snapshot([1, 1, 1])).passed
    assert few_copies(snapshot([])).outcome == "cannot tell"


def test_copies_are_counted_as_files_too_many_and_named() -> None:
    verdict = few_copies(snapshot([1, 3, 1, 2]), max_share=0.1)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.copies")
    assert verdict.measured == pytest.approx(3 / 7)
    assert verdict.samples == ("001", "003")
    assert few_copies(snapshot([1, 3, 1, 2]), max_share=3 / 7).passed


def test_a_blank_sample_is_blank_in_spite_of_a_little_noise() -> None:
    contrasts = [*np.linspace(0.1, 0.4, 98), 0.0, 0.015]
    assert few_blank(quality(contrasts), max_share=0.02).passed
    verdict = few_blank(quality(contrasts), max_share=0.01)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.blank_samples")
    assert verdict.samples == ("098", "099")
    assert few_blank(SampleQuality(samples=0, means={})).outcome == "cannot tell"


def test_classes_that_a_model_keeps_apart_pass() -> None:
    assert classes_kept_apart(audit({})).passed
    assert classes_kept_apart(audit({("a", "b"): 5})).passed
    assert classes_kept_apart(audit({}, each=0)).outcome == "cannot tell"


def test_two_classes_that_are_mixed_up_are_named() -> None:
    verdict = classes_kept_apart(audit({("c", "a"): 20, ("a", "b"): 4}))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.labels_confused")
    assert verdict.where == {"class": "c, a"}
    assert verdict.measured == share(20, 100).low
    assert len(verdict.samples) == 20
    assert set(verdict.samples) == {f"{i:04d}" for i in range(200, 220)}


def test_few_samples_prove_no_mixture() -> None:
    """Two of ten may be chance, twenty of a hundred are none."""
    few, many = ({("a", "b"): n} for n in (2, 20))
    assert classes_kept_apart(audit(few, each=10), max_share=0.1).passed
    assert not classes_kept_apart(audit(many, each=100), max_share=0.1).passed


def group(name: str, *labels: str) -> AlikeGroup:
    names = tuple(f"{name}{i}.png" for i in range(len(labels)))
    return AlikeGroup(tuple(f"{name}-{i}" for i in range(len(labels))), names, labels)


def alike(*groups: AlikeGroup, samples: int = 100) -> SampleQuality:
    together = sum(len(g.ids) for g in groups)
    disagree = sum(len(set(g.labels)) > 1 for g in groups)
    return SampleQuality(
        samples=samples, means={}, groups=groups[:200], group_count=len(groups), alike=together,
        disagree=disagree,
    )  # fmt: skip


def test_of_samples_that_look_the_same_one_is_kept() -> None:
    found = alike(group("x", "a", "a", "a"), group("y", "b", "b", "b", "b"))
    verdict = few_look_the_same(found, max_share=0.04)
    assert (verdict.outcome, verdict.cause, verdict.measured) == (
        "fail", "data.near_duplicates", 0.05,
    )  # fmt: skip
    assert few_look_the_same(found).passed, "a twentieth, where nothing else is said"
    more = alike(group("x", *"aaaa"), group("y", *"bbbb"))
    assert not few_look_the_same(more).passed
    assert verdict.samples[:4] == ("x-0", "x-1", "x-2", "y-0")
    shown = verdict.evidence["groups"]
    assert (shown.columns, shown.rows[0]) == (("samples", "names"), (3, "x0.png, x1.png, x2.png"))
    assert "(5)" in verdict.summary
    assert few_look_the_same(alike(samples=0)).outcome == "cannot tell"
    many = few_look_the_same(alike(*(group(f"g{i}", "a", "a") for i in range(60))))
    assert (len(many.samples), len(many.evidence["groups"].rows)) == (50, 50)


def test_alike_samples_of_two_labels_are_named() -> None:
    agreed = alike_samples_agree(alike(group("x", "a", "a")))
    assert (agreed.outcome, agreed.evidence) == ("pass", {})
    verdict = alike_samples_agree(alike(group("x", "b", "a", "b"), group("y", "c", "c")))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.labels_disagree")
    assert verdict.measured == 1
    assert "x0.png and x1.png" in verdict.summary
    assert "x2.png" not in verdict.summary
    assert verdict.samples == ("x-0", "x-1", "x-2")
    shown = verdict.evidence["groups"]
    assert shown.columns == ("labels", "names")
    assert shown.rows == (("a, b", "x0.png, x1.png, x2.png"),)
    many = alike_samples_agree(alike(*(group(f"g{i}", "a", "b") for i in range(60))))
    assert (len(many.samples), len(many.evidence["groups"].rows)) == (50, 50)
    assert "g5-" not in many.summary
    assert "g40.png and g41.png; 55 more" in many.summary
    five = alike_samples_agree(alike(*(group(f"g{i}", "a", "b") for i in range(5))))
    assert "g40.png and g41.png)" in five.summary
    more = alike_samples_agree(alike(*(group(f"g{i}", "a", "b") for i in range(300))))
    assert more.measured == 300, "more than a record names are counted all the same"


def test_what_is_flat_and_how_many_may_be() -> None:
    verdict = few_blank(quality([0.02] * 998 + [0.0199, 0.01]))
    assert (verdict.outcome, verdict.measured, verdict.limit) == ("fail", 0.002, 0.001)
    assert verdict.samples == ("999", "998"), "the flattest first"
    shown = verdict.evidence["flattest"]
    assert shown.columns == ("id", "label", "contrast")
    assert shown.rows == (("999", "a", 0.01), ("998", "a", 0.0199))
    assert "(2)" in verdict.summary
    assert few_blank(quality([0.02] * 999 + [0.01])).passed
    flat = few_blank(quality([0.0] * 60))
    assert (len(flat.samples), len(flat.evidence["flattest"].rows)) == (50, 50)


def test_copies_are_shown_the_most_often_copied_first() -> None:
    verdict = few_copies(snapshot([1, 2, 1, 4, 2]), max_share=0.1)
    shown = verdict.evidence["copied"]
    assert shown.columns == ("name", "label", "copies")
    assert shown.rows == (("003", "a", 4), ("001", "a", 2), ("004", "a", 2))
    assert "(5 of 10)" in verdict.summary
    assert few_copies(snapshot([2, *[1] * 18])).passed, "a twentieth, where nothing else is said"
    assert not few_copies(snapshot([2, *[1] * 17])).passed
    many = few_copies(snapshot([2] * 60))
    assert (len(many.samples), len(many.evidence["copied"].rows)) == (50, 50)


def test_a_mixture_is_told_with_its_interval_and_the_others() -> None:
    verdict = classes_kept_apart(audit({("c", "a"): 30, ("a", "b"): 30, ("b", "a"): 4}))
    worst = share(30, 100)
    assert verdict.where == {"class": "a, b"}, "of equal shares the first by name"
    assert verdict.interval == (worst.low, worst.high)
    assert verdict.limit == 0.05
    assert len(verdict.samples) == 34, "both ways"
    shown = verdict.evidence["pairs"]
    assert shown.columns == ("label", "rather", "share", "at least", "samples")
    assert [row[:2] for row in shown.rows] == [("a", "b"), ("c", "a"), ("b", "a")]
    assert shown.rows[0][2:] == (0.3, worst.low, 100)
    assert "the share of class 'a' that looks like 'b'" in verdict.summary
    many = classes_kept_apart(audit({("c", "a"): 90}))
    assert len(many.samples) == 50
    clean = classes_kept_apart(audit({}))
    assert (clean.measured, clean.summary) == (0.0, "every label is the first choice")


def test_a_share_is_of_the_class_that_is_taken_for_the_other() -> None:
    rows = [("a", "b", -0.2)] * 6 + [("a", "b", 0.8)] * 4 + [("b", "a", 0.8)] * 90
    table = pd.DataFrame(rows, columns=["label", "suggested", "score"])
    table["id"] = [f"{i:04d}" for i in range(len(table))]
    found = LabelAudit(samples=100, agreement=1.0, files={SUSPECTS: table_bytes(table)})
    verdict = classes_kept_apart(found)
    assert (verdict.where, verdict.measured) == ({"class": "a, b"}, share(6, 10).low)


def test_a_label_that_is_as_likely_as_another_is_not_mixed_up() -> None:
    rows = pd.DataFrame({"label": "a", "suggested": "b", "score": [0.0] * 100})
    rows["id"] = [f"{i:03}" for i in range(100)]
    even = LabelAudit(samples=100, agreement=1.0, files={SUSPECTS: table_bytes(rows)})
    assert classes_kept_apart(even).passed


def suspicious(*scores: float, samples: int = 100) -> LabelAudit:
    found = tuple(
        Suspect(id=f"id{i}", name=f"{i}.png", label="a", suggested="b", score=score)
        for i, score in enumerate(scores)
    )
    frame = pd.DataFrame(
        {"id": [f"id{i}" for i in range(len(scores))], "label": "a", "suggested": "b",
         "score": np.array(scores, float)}
    )  # fmt: skip
    files = {SUSPECTS: table_bytes(frame)}
    return LabelAudit(samples=samples, agreement=1.0, suspects=found[:50], files=files)


def test_labels_that_look_surely_wrong_are_counted() -> None:
    verdict = few_suspicious_labels(suspicious(-0.9, -0.6, -0.51, -0.5))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.label_noise")
    assert (verdict.measured, verdict.limit) == (0.03, 0.02)
    assert verdict.samples == ("id0", "id1", "id2")
    shown = verdict.evidence["suspects"]
    assert shown.columns == ("name", "label", "rather", "score")
    assert shown.rows[3] == ("3.png", "a", "b", -0.5)
    assert "(3 of 100)" in verdict.summary
    assert few_suspicious_labels(suspicious(-0.9, -0.6)).passed
    assert few_suspicious_labels(suspicious(samples=0)).outcome == "cannot tell"
    many = few_suspicious_labels(suspicious(*[-0.9] * 60))
    assert many.measured == 0.6, "more than a record names are counted all the same"
    assert (len(many.samples), len(many.evidence["suspects"].rows)) == (50, 50)
