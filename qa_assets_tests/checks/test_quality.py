"""Copies, blank samples and classes that are mixed up, each clean and planted."""

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.quality import classes_kept_apart, few_blank, few_copies
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import QUALITY, SUSPECTS, LabelAudit, SampleQuality
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
